package dev.quern.core.reference;

import java.util.Arrays;

/**
 * The searches behind the K-formats: of several candidate grids, the one with the least weighted
 * squared error, each refined by least squares. All arithmetic is F32 in this order, as in ggml, so
 * that the same levels come out.
 */
final class ScaleSearch {
  private static final float TINY = 1e-15f;
  private static final int SIGNED_STEPS = 9;
  private static final int REFINEMENTS = 5;

  /**
   * Which grids {@link #offset} tries, how it weighs elements and what it adds up.
   *
   * @param first what the first grid's number of levels differs by
   * @param steps how many tenths of a level follow
   * @param absolute weights |x| and absolute errors, not √(mean x²) + |x| and squared ones
   */
  record Grids(float first, int steps, boolean absolute) {
    /** From a level wider to one narrower. */
    static final Grids WHOLE = new Grids(-1, 20, false);

    /** From half a level wider to one narrower. */
    static final Grids HALF = new Grids(-0.5f, 15, false);

    /** The same by absolute errors. */
    static final Grids ABSOLUTE = new Grids(-0.5f, 15, true);
  }

  /** The levels that were chosen. */
  final int[] levels;

  private final int[] candidate;

  /** The offset that was chosen, as a positive number that is subtracted. */
  float min;

  ScaleSearch(int count) {
    levels = new int[count];
    candidate = new int[count];
  }

  /** To the nearest integer, ties to even. */
  static int nearest(float x) {
    return (int) Math.rint(x);
  }

  /**
   * x ≈ scale · (level − levels/2) with weights x²: level 0 near the extreme element, and nineteen
   * scales around that.
   *
   * @param half half the number of levels
   * @return the scale, 0 if all elements are
   */
  float signed(float[] x, int at, int half) {
    float extreme = 0;
    for (int i = 0; i < levels.length; i++) {
      if (Math.abs(x[at + i]) > Math.abs(extreme)) {
        extreme = x[at + i];
      }
    }
    if (Math.abs(extreme) < TINY) {
      Arrays.fill(levels, 0);
      return 0;
    }
    float scale = 0;
    float best = 0;
    for (int k = 0; k <= 2 * SIGNED_STEPS; k++) {
      // the unshifted grid first, then -9..-1 and 1..9 tenths of a level
      int step = k == 0 ? 0 : k <= SIGNED_STEPS ? k - SIGNED_STEPS - 1 : k - SIGNED_STEPS;
      float inverse = -(half + 0.1f * step) / extreme;
      float xl = 0;
      float ll = 0;
      for (int i = 0; i < levels.length; i++) {
        int l = Math.clamp(nearest(inverse * x[at + i]), -half, half - 1);
        candidate[i] = l + half;
        float w = x[at + i] * x[at + i];
        xl += w * x[at + i] * l;
        ll += w * l * l;
      }
      if (k == 0 || (ll > 0 && xl * xl > best * ll)) {
        scale = ll == 0 ? 0 : xl / ll;
        best = scale * xl;
        System.arraycopy(candidate, 0, levels, 0, levels.length);
      }
    }
    return scale;
  }

  /**
   * x ≈ scale · (level − half) with weights x²: the grid whose level 0 is near the extreme element,
   * then each level by itself to where the least-squares scale of all others puts it, as long as
   * that helps, five times at most.
   *
   * @param half half the number of levels
   * @return the scale, 0 if all elements are
   */
  float refined(float[] x, int at, int half) {
    float extreme = 0;
    for (int i = 0; i < levels.length; i++) {
      if (Math.abs(x[at + i]) > Math.abs(extreme)) {
        extreme = x[at + i];
      }
    }
    Arrays.fill(levels, 0);
    if (Math.abs(extreme) < TINY) {
      return 0;
    }
    float inverse = -half / extreme;
    float xl = 0;
    float ll = 0;
    for (int i = 0; i < levels.length; i++) {
      int l = Math.clamp(nearest(inverse * x[at + i]), -half, half - 1);
      levels[i] = l;
      float w = x[at + i] * x[at + i];
      xl += w * x[at + i] * l;
      ll += w * l * l;
    }
    boolean changed = true;
    for (int round = 0; changed && round < REFINEMENTS; round++) {
      changed = false;
      for (int i = 0; i < levels.length; i++) {
        float w = x[at + i] * x[at + i];
        float othersXl = xl - w * x[at + i] * levels[i];
        float othersLl = ll - w * levels[i] * levels[i];
        int l = Math.clamp(nearest(x[at + i] * othersLl / othersXl), -half, half - 1);
        if (othersXl > 0 && l != levels[i]) {
          othersXl += w * x[at + i] * l;
          othersLl += w * l * l;
          if (othersLl > 0 && othersXl * othersXl * ll > xl * xl * othersLl) {
            levels[i] = l;
            xl = othersXl;
            ll = othersLl;
            changed = true;
          }
        }
      }
    }
    for (int i = 0; i < levels.length; i++) {
      levels[i] += half;
    }
    return ll > 0 ? xl / ll : 0;
  }

  /**
   * x ≈ scale · level − min, with min ≥ 0: several grids, from wider to narrower than the range.
   *
   * @param top the highest level
   * @param grids which
   * @return the scale, 0 if all elements are equal
   */
  float offset(float[] x, int at, int top, Grids grids) {
    int n = levels.length;
    float squares = 0;
    for (int i = 0; i < n; i++) {
      squares += x[at + i] * x[at + i];
    }
    float rms = grids.absolute ? 0 : (float) Math.sqrt(squares / n);
    float low = x[at];
    float high = x[at];
    float sumW = rms + Math.abs(x[at]);
    float sumX = sumW * x[at];
    for (int i = 1; i < n; i++) {
      float w = rms + Math.abs(x[at + i]);
      low = Math.min(low, x[at + i]);
      high = Math.max(high, x[at + i]);
      sumW += w;
      sumX += w * x[at + i];
    }
    low = Math.min(low, 0);
    if (high == low) {
      Arrays.fill(levels, 0);
      min = -low;
      return 0;
    }
    float scale = 1 / (top / (high - low));
    fill(levels, x, at, top / (high - low), low, top);
    float error = error(levels, x, at, scale, low, rms, grids.absolute);
    float bottom = low;
    for (int step = 0; step <= grids.steps; step++) {
      fill(candidate, x, at, (grids.first + 0.1f * step + top) / (high - bottom), bottom, top);
      float l1 = 0;
      float l2 = 0;
      float xl = 0;
      for (int i = 0; i < n; i++) {
        float w = rms + Math.abs(x[at + i]);
        int l = candidate[i];
        l1 += w * l;
        l2 += w * l * l;
        xl += w * l * x[at + i];
      }
      float determinant = sumW * l2 - l1 * l1;
      if (determinant > 0) {
        float s = (sumW * xl - sumX * l1) / determinant;
        float m = (l2 * sumX - l1 * xl) / determinant;
        if (m > 0) {
          m = 0;
          s = xl / l2;
        }
        float e = error(candidate, x, at, s, m, rms, grids.absolute);
        if (e < error) {
          System.arraycopy(candidate, 0, levels, 0, n);
          error = e;
          scale = s;
          bottom = m;
        }
      }
    }
    min = -bottom;
    return scale;
  }

  private static void fill(int[] to, float[] x, int at, float inverse, float low, int top) {
    for (int i = 0; i < to.length; i++) {
      to[i] = Math.clamp(nearest(inverse * (x[at + i] - low)), 0, top);
    }
  }

  private static float error(
      int[] level, float[] x, int at, float scale, float low, float rms, boolean absolute) {
    float e = 0;
    for (int i = 0; i < level.length; i++) {
      float d = scale * level[i] + low - x[at + i];
      e += (rms + Math.abs(x[at + i])) * (absolute ? Math.abs(d) : d * d);
    }
    return e;
  }
}
