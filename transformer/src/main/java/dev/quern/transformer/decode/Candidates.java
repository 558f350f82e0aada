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
  private final float[] block = new float[Weights.BLOCK];
  private int[] ids = {};
  private int changed; // how many of the first ids are no longer their indices
  private double[] scores = {};
  private double divisor = 1; // by which the scores are still to be divided
  private double[] weights = {};
  private double[] sums = {}; // of the weights, block by block
  private double total; // of them
  private int[] spareIds = {};
  private double[] spareScores = {};
  private int size;
  private double top; // divided
  private boolean topKnown;
  private boolean weighed;
  private boolean summed;
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
      ids = new int[size];
      scores = new double[size];
      weights = new double[size];
      sums = new double[Math.ceilDiv(size, Weights.BLOCK)];
      changed = size;
    }
    count(ids, changed);
    changed = 0;
    top = Double.NEGATIVE_INFINITY;
    for (int at = 0; at < size; at += Weights.BLOCK) {
      int n = Math.min(Weights.BLOCK, size - at);
      MemorySegment.copy(x, ValueLayout.JAVA_FLOAT, (long) at * Float.BYTES, block, 0, n);
      widen(block, n, scores, at);
      top = Math.max(top, Weights.largest(scores, at, at + n));
    }
    divisor = 1;
    topKnown = true;
    weighed = false;
    sorted = false;
    ranked = false;
    if (Double.isNaN(top)) {
      dropNaN();
    }
  }

  private static void widen(float[] from, int n, double[] to, int at) {
    for (int i = 0; i < n; i++) {
      to[at + i] = from[i];
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

  /** Makes the scores what they are. */
  private void settle() {
    if (divisor != 1) {
      Weights.divide(scores, 0, size, divisor);
      divisor = 1;
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
    settle();
    return scores[i];
  }

  /**
   * Changes a score. Before tokens are dropped or sorted, token i is at index i.
   *
   * @param i 0 ≤ i &lt; size
   * @param score its new score; a NaN counts as −∞
   */
  public void score(int i, double score) {
    settle();
    scores[i] = Double.isNaN(score) ? Double.NEGATIVE_INFINITY : score;
    topKnown = false;
    weighed = false;
    sorted = false;
  }

  /**
   * Divides all scores; when they are next needed, because few may be.
   *
   * @param by greater than 0
   */
  public void divide(double by) {
    settle();
    divisor = by;
    top /= by;
    weighed = false;
    sorted = false; // what was different may have become equal
  }

  /** Puts the likeliest first; equal scores by id. */
  public void sort() {
    ranked = true;
    if (!sorted) {
      settle();
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
      spareScores[i] = scores[from] / divisor;
    }
    System.arraycopy(spareIds, 0, ids, 0, count);
    System.arraycopy(spareScores, 0, scores, 0, count);
    divisor = 1;
    changed = Math.max(changed, count);
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
    if (!sorted && size > FEW && Cut.isFew(count, size)) {
      int kept = Math.max(1, count);
      take(cut.largest(scores, size, kept, divisor), kept);
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
      retain(p * total());
    }
  }

  /** Needs weights and total. */
  private void find(double limit) {
    double least = Weights.least(scores, 0, size);
    cut.find(scores, weights, size, top(), least, total, limit);
  }

  /** Keeps the likeliest until their weights reach a limit; what is kept stays in its order. */
  private void retain(double limit) {
    find(limit);
    int last = cut.last();
    int kept = 0;
    for (int from = 0; from < size; from += Weights.BLOCK) {
      int to = Math.min(size, from + Weights.BLOCK);
      int[] bucket = cut.share(scores, from, to);
      for (int i = from; i < to; i++) {
        if (bucket[i - from] <= last) {
          if (bucket[i - from] == last) {
            cut.meet(scores[i], kept);
          }
          move(i, kept++);
        }
      }
    }
    dropAfter(cut.reach(weights), kept);
  }

  /** Of the first so many, drops those of the found bucket that come after a key. */
  private void dropAfter(long key, int count) {
    int kept = 0;
    for (int from = 0; from < count; from += Weights.BLOCK) {
      int to = Math.min(count, from + Weights.BLOCK);
      int[] bucket = cut.share(scores, from, to);
      for (int i = from; i < to; i++) {
        if (bucket[i - from] < cut.last() || Cut.key(scores[i], i) <= key) {
          move(i, kept++);
        }
      }
    }
    shrink(kept);
  }

  private void move(int from, int to) {
    ids[to] = ids[from];
    scores[to] = scores[from];
    weights[to] = weights[from];
  }

  /** To those that were moved to the front. The likeliest is among them. */
  private void shrink(int kept) {
    changed = Math.max(changed, kept);
    size = kept;
    summed = false;
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
        move(i, kept++);
      }
    }
    shrink(kept);
  }

  /**
   * The index of the likeliest token; the lowest id among equals.
   *
   * @return 0 ≤ result &lt; size
   */
  public int best() {
    double most = top();
    settle();
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
      settle();
      top = Weights.largest(scores, 0, size);
      topKnown = true;
    }
    return top;
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
      double most = top();
      for (int from = 0; from < size; from += Weights.BLOCK) {
        int to = Math.min(size, from + Weights.BLOCK);
        if (divisor != 1) {
          Weights.divide(scores, from, to, divisor);
        }
        Weights.of(scores, from, to, most, weights);
        sums[from / Weights.BLOCK] = Weights.sum(weights, from, to);
      }
      divisor = 1;
      weighed = true;
      summed = true;
      addSums();
    }
    return weights;
  }

  private double total() {
    weights();
    if (!summed) {
      for (int from = 0; from < size; from += Weights.BLOCK) {
        int to = Math.min(size, from + Weights.BLOCK);
        sums[from / Weights.BLOCK] = Weights.sum(weights, from, to);
      }
      summed = true;
      addSums();
    }
    return total;
  }

  private void addSums() {
    total = Weights.sum(sums, 0, Math.ceilDiv(size, Weights.BLOCK));
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
    return ids[ranked && !sorted ? drawFromTop(target) : drawInOrder(target)];
  }

  private int drawFromTop(double target) {
    double limit = Math.nextUp(target); // a sum beyond the target, where others reach it
    find(limit);
    for (int from = 0; from < size; from += Weights.BLOCK) {
      int to = Math.min(size, from + Weights.BLOCK);
      int[] bucket = cut.share(scores, from, to);
      for (int i = from; i < to; i++) {
        if (bucket[i - from] == cut.last()) {
          cut.meet(scores[i], i);
        }
      }
    }
    return (int) cut.reach(weights);
  }

  private int drawInOrder(double target) {
    double sum = 0;
    int b = 0;
    while ((b + 1) * Weights.BLOCK < size && sum + sums[b] <= target) {
      sum += sums[b++];
    }
    int last = -1;
    for (int i = b * Weights.BLOCK; i < size && (last < 0 || sum <= target); i++) {
      sum += weights[i];
      last = weights[i] > 0 ? i : last;
    }
    if (last < 0) { // rounding: nothing that has weight is left
      last = b * Weights.BLOCK - 1;
      while (weights[last] == 0) {
        last--;
      }
    }
    return last;
  }
}
