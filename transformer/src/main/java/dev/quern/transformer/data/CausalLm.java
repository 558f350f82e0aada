package dev.quern.transformer.data;

import java.util.Arrays;

/**
 * Each token from those before it (Bengio et al., "A neural probabilistic language model", 2003):
 * labels are the inputs moved by one. An example of n ids gives n − 1 inputs.
 */
public record CausalLm() implements Objective<int[]> {
  /**
   * Moves the labels.
   *
   * @throws DataException for fewer than 2 ids
   */
  @Override
  public Sample prepare(int[] ids, Chance chance) {
    DataException.atLeast("causalLm", "the number of ids", ids.length, 2);
    return Sample.ofTokens(
        Arrays.copyOf(ids, ids.length - 1), Arrays.copyOfRange(ids, 1, ids.length));
  }
}
