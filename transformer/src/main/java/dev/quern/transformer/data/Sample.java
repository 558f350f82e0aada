package dev.quern.transformer.data;

import dev.quern.core.type.ShapeException;
import java.util.Arrays;

/**
 * An example as a model takes it: ids, and what is to be predicted.
 *
 * @param inputs token ids; not to be changed
 * @param labels as many, {@link Batch#IGNORE} where nothing is to be predicted; or a single one for
 *     the whole; not to be changed
 * @param perToken whether there is a label for each token
 */
@SuppressWarnings("ArrayRecordComponent") // Compared by its elements, below.
public record Sample(int[] inputs, int[] labels, boolean perToken) {
  /**
   * A sample.
   *
   * @throws ShapeException if the number of labels is wrong
   */
  public Sample {
    int wanted = perToken ? inputs.length : 1;
    if (labels.length != wanted) {
      throw new ShapeException(
          "[sample] there are %d inputs and %d labels; need %d"
              .formatted(inputs.length, labels.length, wanted));
    }
  }

  /**
   * A sample with a label for each token.
   *
   * @param inputs token ids
   * @param labels as many
   * @return the sample
   * @throws ShapeException if there are not as many labels
   */
  public static Sample ofTokens(int[] inputs, int[] labels) {
    return new Sample(inputs, labels, true);
  }

  /**
   * A sample with one label.
   *
   * @param inputs token ids
   * @param label of the whole
   * @return the sample
   */
  public static Sample ofSequence(int[] inputs, int label) {
    return new Sample(inputs, new int[] {label}, false);
  }

  /**
   * The beginning of the sample.
   *
   * @param most how many tokens to keep, at least 0
   * @return this, if it has no more
   */
  public Sample cut(int most) {
    return length() <= most
        ? this
        : new Sample(
            Arrays.copyOf(inputs, most), perToken ? Arrays.copyOf(labels, most) : labels, perToken);
  }

  /**
   * Number of tokens.
   *
   * @return at least 0
   */
  public int length() {
    return inputs.length;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Sample s
        && perToken == s.perToken
        && Arrays.equals(inputs, s.inputs)
        && Arrays.equals(labels, s.labels);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(inputs) + Arrays.hashCode(labels);
  }

  @Override
  public String toString() {
    return Arrays.toString(inputs) + " -> " + Arrays.toString(labels);
  }
}
