package dev.quern.transformer.decode;

import java.util.ArrayList;
import java.util.List;

/**
 * Natural logarithms of the model's own probabilities: log-softmax of the logits, before any
 * sampling step.
 *
 * @param chosen of the token that was chosen
 * @param top the likeliest tokens, best first; as many as were asked for
 */
public record LogProbabilities(double chosen, List<Entry> top) {
  /**
   * One token's.
   *
   * @param id the token
   * @param logProbability its natural logarithm, at most 0
   */
  public record Entry(int id, double logProbability) {}

  /**
   * Works them out.
   *
   * @param logits [vocabulary]
   * @param chosen the token that was chosen
   * @param count how many of the likeliest to list
   * @return the log-probabilities
   */
  public static LogProbabilities of(float[] logits, int chosen, int count) {
    double max = Double.NEGATIVE_INFINITY;
    for (float x : logits) {
      max = Math.max(max, x);
    }
    double sum = 0;
    for (float x : logits) {
      sum += Math.exp(x - max);
    }
    double normaliser = max + Math.log(sum);
    List<Entry> top = new ArrayList<>();
    if (count > 0) {
      Candidates c = new Candidates(logits);
      c.sort();
      for (int i = 0; i < Math.min(count, c.size()); i++) {
        top.add(new Entry(c.id(i), c.score(i) - normaliser));
      }
    }
    return new LogProbabilities(logits[chosen] - normaliser, List.copyOf(top));
  }
}
