package dev.quern.transformer.decode;

import java.util.Arrays;

/**
 * Tokens that may still be chosen, with their scores (logits, up to a constant). Sampling steps
 * change scores and drop tokens.
 */
public final class Candidates {
  private int[] ids;
  private double[] scores;
  private int size;
  private boolean sorted;

  /**
   * All tokens.
   *
   * @param logits [vocabulary]; copied
   */
  public Candidates(float[] logits) {
    size = logits.length;
    ids = new int[size];
    scores = new double[size];
    for (int i = 0; i < size; i++) {
      ids[i] = i;
      // A NaN must not win, nor spoil the sums.
      scores[i] = Float.isNaN(logits[i]) ? Double.NEGATIVE_INFINITY : logits[i];
    }
  }

  /**
   * How many tokens are left.
   *
   * @return at least 1
   */
  public int size() {
    return size;
  }

  /**
   * A token.
   *
   * @param i 0 ≤ i &lt; size
   * @return its id
   */
  public int id(int i) {
    return ids[i];
  }

  /**
   * A token's score.
   *
   * @param i 0 ≤ i &lt; size
   * @return its logit, up to a constant
   */
  public double score(int i) {
    return scores[i];
  }

  /**
   * Changes a score. Before the first {@link #sort} token i is at index i.
   *
   * @param i 0 ≤ i &lt; size
   * @param score its new score
   */
  public void score(int i, double score) {
    scores[i] = score;
    sorted = false;
  }

  /** Puts the likeliest first; equal scores by id. */
  public void sort() {
    if (sorted) {
      return;
    }
    long[] keys = new long[size];
    for (int i = 0; i < size; i++) {
      // Descending by score, then ascending by index: floats ordered as ints, complemented, on top.
      int bits = Float.floatToIntBits((float) scores[i]);
      int ordered = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
      keys[i] = (long) ~ordered << 32 | i;
    }
    Arrays.sort(keys);
    int[] newIds = new int[size];
    double[] newScores = new double[size];
    for (int i = 0; i < size; i++) {
      int from = (int) keys[i];
      newIds[i] = ids[from];
      newScores[i] = scores[from];
    }
    ids = newIds;
    scores = newScores;
    sorted = true;
  }

  /**
   * Keeps the first tokens of those that are left; sort first to keep the likeliest.
   *
   * @param count at least 1
   */
  public void keep(int count) {
    size = Math.clamp(count, 1, size);
  }

  /**
   * The index of the likeliest token; the lowest id among equals.
   *
   * @return 0 ≤ result &lt; size
   */
  public int best() {
    int best = 0;
    for (int i = 1; i < size; i++) {
      if (scores[i] > scores[best] || (scores[i] == scores[best] && ids[i] < ids[best])) {
        best = i;
      }
    }
    return best;
  }

  /**
   * exp(score − largest score): probabilities up to their sum.
   *
   * @return one per token that is left, in [0, 1]
   */
  public double[] weights() {
    double top = scores[best()];
    double[] w = new double[size];
    for (int i = 0; i < size; i++) {
      w[i] = scores[i] == top ? 1 : Math.exp(scores[i] - top);
    }
    return w;
  }
}
