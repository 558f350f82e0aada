package dev.quern.transformer.decode;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Tokens that may still be chosen, with their scores (logits, up to a constant). Sampling steps
 * change scores and drop tokens. For one thread.
 *
 * <p>A large vocabulary is never sorted as a whole, unless {@link #sort} is called: what is dropped
 * is found by {@link Cut}, and what is kept stays in the order of the ids while it is much.
 */
public final class Candidates {
  /** Up to so many, sorting is as fast as anything. */
  private static final int FEW = 1024;

  private final Cut cut = new Cut();
  private float[] logits = {};
  private int[] ids = {};
  private double[] scores = {};
  private double[] weights = {};
  private int[] spareIds = {};
  private double[] spareScores = {};
  private int size;
  private double top;
  private boolean topKnown;
  private boolean weighed;
  private boolean sorted;
  private boolean ranked;

  /** None yet; {@link #reset} comes first. */
  Candidates() {}

  /**
   * All tokens.
   *
   * @param logits [vocabulary]; copied
   */
  public Candidates(float[] logits) {
    reset(MemorySegment.ofArray(logits));
  }

  /** Begins anew with all tokens; x: (vocabulary) F32. Allocates only for a larger vocabulary. */
  void reset(MemorySegment x) {
    size = Math.toIntExact(x.byteSize() / Float.BYTES);
    if (size > scores.length) {
      logits = new float[size];
      ids = new int[size];
      scores = new double[size];
      weights = new double[size];
    }
    MemorySegment.copy(x, ValueLayout.JAVA_FLOAT, 0, logits, 0, size);
    widen(logits, scores, size);
    count(ids, size);
    topKnown = false;
    weighed = false;
    sorted = false;
    ranked = false;
    if (Double.isNaN(top())) {
      dropNaN();
    }
  }

  private static void widen(float[] from, double[] to, int n) {
    for (int i = 0; i < n; i++) {
      to[i] = from[i];
    }
  }

  private static void count(int[] ids, int n) {
    for (int i = 0; i < n; i++) {
      ids[i] = i;
    }
  }

  /** A NaN must not win, nor spoil the sums. */
  private void dropNaN() {
    for (int i = 0; i < size; i++) {
      if (Double.isNaN(scores[i])) {
        scores[i] = Double.NEGATIVE_INFINITY;
      }
    }
    topKnown = false;
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
   * Changes a score. Before tokens are dropped or sorted, token i is at index i.
   *
   * @param i 0 ≤ i &lt; size
   * @param score its new score; a NaN counts as −∞
   */
  public void score(int i, double score) {
    scores[i] = Double.isNaN(score) ? Double.NEGATIVE_INFINITY : score;
    topKnown = false;
    weighed = false;
    sorted = false;
  }

  /**
   * Divides all scores.
   *
   * @param divisor greater than 0
   */
  public void divide(double divisor) {
    divide(scores, size, divisor);
    top /= divisor;
    weighed = false;
    sorted = false; // what was different may have become equal
  }

  private static void divide(double[] x, int n, double divisor) {
    for (int i = 0; i < n; i++) {
      x[i] /= divisor;
    }
  }

  /** Puts the likeliest first; equal scores by id. */
  public void sort() {
    ranked = true;
    if (!sorted) {
      take(cut.all(scores, size), size);
    }
  }

  /**
   * Keeps the candidates whose indices are in the lower halves of the first keys, in that order.
   */
  private void take(long[] keys, int count) {
    if (spareIds.length < count) {
      spareIds = new int[count];
      spareScores = new double[count];
    }
    for (int i = 0; i < count; i++) {
      int from = (int) keys[i];
      spareIds[i] = ids[from];
      spareScores[i] = scores[from];
    }
    System.arraycopy(spareIds, 0, ids, 0, count);
    System.arraycopy(spareScores, 0, scores, 0, count);
    size = count;
    topKnown = false;
    weighed = false;
    sorted = true;
  }

  /**
   * Keeps the first tokens of those that are left; sort first to keep the likeliest.
   *
   * @param count at least 1
   */
  public void keep(int count) {
    size = Math.clamp(count, 1, size);
    topKnown = false;
    weighed = false;
  }

  /**
   * Keeps the likeliest tokens.
   *
   * @param count how many, at least 1
   */
  public void keepLikeliest(int count) {
    ranked = true;
    if (count < size && !sorted && size > FEW) {
      take(cut.largest(scores, size, count), Math.max(1, count));
    } else if (count < size) {
      sort();
      keep(count);
    }
  }

  /**
   * Keeps the likeliest tokens until their probabilities reach p; the one that reaches it stays.
   *
   * @param p in (0, 1]
   */
  public void keepProbability(double p) {
    ranked = true;
    if (sorted || size <= FEW) {
      sort();
      double limit = p * total();
      double sum = 0;
      int n = 0;
      while (n < size && sum < limit) {
        sum += weights[n++];
      }
      keep(n);
    } else {
      double total = total();
      retain(cut.reaching(scores, weights(), size, top(), total, p * total));
    }
  }

  /** Drops what comes after a key in the order of the last cut. */
  private void retain(long key) {
    int kept = 0;
    for (int i = 0; i < size; i++) {
      if (cut.isBefore(i, scores[i], key)) {
        ids[kept] = ids[i];
        scores[kept] = scores[i];
        weights[kept] = weights[i];
        kept++;
      }
    }
    size = kept;
  }

  /**
   * Keeps tokens that are at least p times as likely as the likeliest.
   *
   * @param p in [0, 1]
   */
  public void keepNear(double p) {
    ranked = true;
    double[] w = weights();
    int kept = 0;
    for (int i = 0; i < size; i++) {
      if (w[i] >= p) {
        ids[kept] = ids[i];
        scores[kept] = scores[i];
        w[kept] = w[i];
        kept++;
      }
    }
    size = kept;
  }

  /**
   * The index of the likeliest token; the lowest id among equals.
   *
   * @return 0 ≤ result &lt; size
   */
  public int best() {
    double most = top();
    int best = 0;
    while (scores[best] != most) {
      best++;
    }
    for (int i = best + 1; i < size; i++) {
      if (scores[i] == most && ids[i] < ids[best]) {
        best = i;
      }
    }
    return best;
  }

  /** The largest score. */
  private double top() {
    if (!topKnown) {
      top = largest(scores, size);
      topKnown = true;
    }
    return top;
  }

  private static double largest(double[] x, int n) {
    double most = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < n; i++) {
      most = Math.max(most, x[i]);
    }
    return most;
  }

  /**
   * A token's probability up to a factor: exp(score − largest score).
   *
   * @param i 0 ≤ i &lt; size
   * @return in [0, 1]; 1 for the likeliest
   */
  public double weight(int i) {
    return weights()[i];
  }

  private double[] weights() {
    if (!weighed) {
      Weights.of(scores, top(), weights, size);
      weighed = true;
    }
    return weights;
  }

  private double total() {
    return Weights.sum(weights(), size);
  }

  /**
   * Draws a token: those that are left lie side by side, each as wide as it is likely, in the order
   * of their ids, or the likeliest first if tokens were dropped.
   *
   * @param u where, in [0, 1) of the whole
   * @return the token's id
   */
  int draw(double u) {
    if (ranked && !sorted && size <= FEW) {
      sort();
    }
    double target = u * total();
    if (ranked && !sorted) {
      double limit = Math.nextUp(target); // a sum beyond the target, where others reach it
      return ids[(int) cut.reaching(scores, weights(), size, top(), total(), limit)];
    }
    double[] w = weights();
    double sum = 0;
    int last = 0;
    for (int i = 0; i < size; i++) {
      sum += w[i];
      if (w[i] > 0) {
        last = i;
        if (target < sum) {
          break;
        }
      }
    }
    return ids[last];
  }
}
