package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.op.Philox;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Large vocabularies: the same choices as by sorting all candidates and adding all up. */
class SamplerOrderTest {
  private static final TokenHistory NONE = new TokenHistory();

  static float[] gaussian(int n, double spread, Random random) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) (spread * random.nextGaussian());
    }
    return x;
  }

  /** The definition: everything sorted, every exponential from {@link Math#exp}. */
  private static int expected(float[] logits, SamplingOptions o, double u) {
    boolean drops = o.topK() > 0 || o.topP() < 1 || o.minP() > 0;
    double[] s = new double[logits.length];
    for (int i = 0; i < s.length; i++) {
      double x = Float.isNaN(logits[i]) ? Double.NEGATIVE_INFINITY : logits[i];
      s[i] = o.temperature() == 1 ? x : x / o.temperature();
    }
    Integer[] order = IntStream.range(0, s.length).boxed().toArray(Integer[]::new);
    if (drops) {
      Arrays.sort(order, Comparator.comparing(i -> -(float) s[i])); // stable: equal ones by id
    }
    double top = Arrays.stream(s).max().orElseThrow();
    double[] w =
        Arrays.stream(order).mapToDouble(i -> s[i] == top ? 1 : Math.exp(s[i] - top)).toArray();
    int n = o.topK() > 0 ? Math.min(o.topK(), w.length) : w.length;
    double limit = o.topP() * sum(w, n);
    if (o.topP() < 1) {
      int kept = 0;
      for (double sum = 0; kept < n && sum < limit; kept++) {
        sum += w[kept];
      }
      n = kept;
    }
    if (o.minP() > 0) {
      int kept = 0;
      while (kept < n && w[kept] >= o.minP()) {
        kept++;
      }
      n = kept;
    }
    double target = u * sum(w, n);
    int at = 0;
    for (double sum = w[0]; at + 1 < n && sum <= target; sum += w[at]) {
      at++;
    }
    return order[at];
  }

  private static double sum(double[] w, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += w[i];
    }
    return sum;
  }

  private static void check(float[] logits, int draws) {
    SamplingOptions plain = SamplingOptions.of(0.8, 11);
    for (SamplingOptions o :
        new SamplingOptions[] {
          plain,
          plain.withCuts(0, 0.95, 0),
          plain.withCuts(0, 0.5, 0),
          plain.withCuts(0, 0.9999, 0),
          plain.withCuts(0, 1, 0.1),
          plain.withCuts(40, 0.95, 0.05),
          plain.withCuts(1200, 0.95, 0),
          plain.withCuts(3000, 0.99, 0.001),
          SamplingOptions.of(1, 11).withCuts(0, 0.95, 0.01),
          SamplingOptions.of(3, 11).withCuts(0, 0.9, 0),
          SamplingOptions.of(0.05, 11).withCuts(0, 0.99, 0)
        }) {
      Sampler sampler = Sampler.of(o);
      for (int i = 0; i < draws; i++) {
        int wanted = expected(logits, o, Philox.uniform(o.seed(), i));
        assertEquals(wanted, sampler.sample(logits, NONE), o + ", draw " + i);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"4099, 3", "4099, 1", "4099, 0.02", "4099, 20", "32768, 3"})
  void anyWidth(int n, double spread) {
    check(gaussian(n, spread, new Random(n)), 12);
  }

  @Test
  void theLargestVocabulary() {
    check(gaussian(128_256, 3, new Random(5)), 2);
  }

  @Test
  void manyEqual() {
    float[] few = gaussian(5000, 2, new Random(2));
    for (int i = 0; i < few.length; i++) {
      few[i] = Math.round(few[i]);
    }
    check(few, 12);
    check(new float[3000], 12);
  }

  @Test
  void holesAndTails() {
    Random random = new Random(3);
    float[] x = gaussian(5000, 3, random);
    for (int i = 0; i < x.length; i += 3) {
      x[i] = i % 2 == 0 ? Float.NEGATIVE_INFINITY : Float.NaN;
    }
    check(x, 12);
    float[] peak = gaussian(5000, 1, random);
    peak[4321] = 30;
    peak[17] = 29.5f;
    check(peak, 12);
  }

  @Test
  void ascendingAndDescending() {
    float[] x = new float[6000];
    for (int i = 0; i < x.length; i++) {
      x[i] = i * 0.003f;
    }
    check(x, 6);
    for (int i = 0; i < x.length; i++) {
      x[i] = -x[i];
    }
    check(x, 6);
  }

  @Test
  void theLikeliestOfMany() {
    Random random = new Random(9);
    for (int n : new int[] {1, 2, 4095, 4096, 4097, 128_256}) {
      float[] x = gaussian(n, 1, random);
      for (int round = 0; round < 20; round++) {
        x[random.nextInt(n)] = Float.NaN;
        int most = random.nextInt(n);
        x[most] = 10 + round;
        x[Math.min(n - 1, most + random.nextInt(5000))] = 10 + round;
        int wanted = 0;
        while (x[wanted] != 10 + round) {
          wanted++;
        }
        assertEquals(wanted, Sampler.of(SamplingOptions.GREEDY).sample(x, NONE), "of " + n);
      }
    }
    float[] below = {Float.NaN, Float.NEGATIVE_INFINITY, -0f, 0f, -1e-45f, -7};
    assertEquals(2, Sampler.of(SamplingOptions.GREEDY).sample(below, NONE)); // both zeros are equal
  }

  @Test
  void weightsAreExponentials() {
    double[] scores = new double[10_001];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = 5 - i * 0.0051;
    }
    double[] w = new double[scores.length];
    Weights.of(scores, 0, w.length, 5, w);
    assertEquals(1, w[0]);
    for (int i = 0; i < w.length; i++) {
      double exact = Math.exp(scores[i] - 5);
      assertTrue(
          scores[i] - 5 <= -50 ? w[i] == 0 : Math.abs(w[i] - exact) <= 2e-13 * exact,
          w[i] + " for " + (scores[i] - 5));
    }
    double[] least = {Double.NEGATIVE_INFINITY, 0, -1000};
    Weights.of(least, 0, 3, 0, w);
    assertEquals(0, w[0]);
    assertEquals(0, w[2]);
  }

  @Test
  void sortingAndSelecting() {
    Random random = new Random(4);
    for (int n : new int[] {1, 2, 23, 24, 25, 26, 100, 1000, 5000, 20_000}) {
      for (int kind = 0; kind < 4; kind++) {
        long[] x = new long[n];
        float[] f = new float[n];
        for (int i = 0; i < n; i++) {
          x[i] = kind == 0 ? random.nextLong() : kind == 1 ? i : kind == 2 ? -i : random.nextInt(9);
          f[i] = x[i];
        }
        long[] sorted = x.clone();
        Arrays.sort(sorted);
        Sorting.sort(x, n);
        assertEquals(Arrays.toString(sorted), Arrays.toString(x));
        float[] ordered = f.clone();
        Arrays.sort(ordered);
        int k = 1 + random.nextInt(n);
        assertEquals(ordered[n - k], Sorting.largest(f, n, k));
      }
    }
  }
}
