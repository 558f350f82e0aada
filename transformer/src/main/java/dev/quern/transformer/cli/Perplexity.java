package dev.quern.transformer.cli;

import dev.quern.transformer.decode.Session;
import java.util.Arrays;
import java.util.Locale;

/** A perplexity being counted: exp of the mean of −log p(token | the tokens before it). */
final class Perplexity {
  private double nll;
  private double nllSquared;
  private long scored;

  /**
   * Scores tokens in a session that it empties first.
   *
   * @param ids [n]; fed as one sequence
   * @param from tokens from + 1 to n − 1 are scored
   */
  void score(Session session, int[] ids, int from) {
    session.cache().truncate(0, 0);
    int vocabulary = session.model().dimensions().vocabulary();
    session.prefill(
        0,
        ids,
        from,
        (first, logits) -> {
          int rows = logits.length / vocabulary;
          for (int r = 0; r < rows && first + r + 1 < ids.length; r++) {
            add(loss(logits, r * vocabulary, vocabulary, ids[first + r + 1]));
          }
        });
  }

  /**
   * The sum of −log p of all tokens but the first.
   *
   * @param session is emptied first
   * @param ids [n], one more than fit the session at most; all but the last are fed
   */
  static double nats(Session session, int[] ids) {
    session.cache().truncate(0, 0);
    int vocabulary = session.model().dimensions().vocabulary();
    double[] sum = new double[1];
    session.prefill(
        0,
        Arrays.copyOf(ids, ids.length - 1),
        0,
        (first, logits) -> {
          for (int r = 0; r < logits.length / vocabulary; r++) {
            sum[0] += loss(logits, r * vocabulary, vocabulary, ids[first + r + 1]);
          }
        });
    return sum[0];
  }

  private void add(double loss) {
    nll += loss;
    nllSquared += loss * loss;
    scored++;
  }

  /** −log softmax(logits)[target]. */
  private static double loss(float[] logits, int at, int vocabulary, int target) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < vocabulary; i++) {
      max = Math.max(max, logits[at + i]);
    }
    double sum = 0;
    for (int i = 0; i < vocabulary; i++) {
      sum += Math.exp(logits[at + i] - max);
    }
    return max + Math.log(sum) - logits[at + target];
  }

  /** The perplexity so far. */
  double value() {
    return Math.exp(nll / scored);
  }

  /** The value, its standard error (by the delta method), and the number of scored tokens. */
  String report() {
    double mean = nll / scored;
    double variance = Math.max(0, nllSquared / scored - mean * mean);
    double error = Math.exp(mean) * Math.sqrt(variance / Math.max(1, scored - 1));
    return String.format(
        Locale.ROOT, "perplexity %.4f +/- %.4f over %d tokens", value(), error, scored);
  }
}
