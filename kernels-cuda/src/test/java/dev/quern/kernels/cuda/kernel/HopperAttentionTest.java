package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Tensor;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Attention of compute capability 9.0, emulated, against the reference. Four runs have all orders
 * of threads and of copies, and must have the same bits.
 */
class HopperAttentionTest {
  private static final int RUNS = 4;
  private static final float ROUNDED = 0.004f; // weights and results, in F16
  private static final float SCALE = 0.125f;

  private final Engine cpu = Engine.builder().kernels(new ReferenceProvider()).build();
  private final Engine cuda = open(Engine.builder().precision(Precision.FAST));
  private @Nullable EmulatedDriver driver;

  Engine open(Engine.Builder builder) {
    driver = new EmulatedDriver(Emulation.library(), 9);
    return new EmulatedDevice(driver).open(builder);
  }

  /** Extents of a call. */
  private record Size(int b, int tq, int tk, int h, int hkv, int d, int dv) {}

  private static float[] normal(int seed, int n) {
    Random random = new Random(seed);
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  /** Keys or values whose rows behind each sequence's length are NaN, as a cache's may be. */
  private static float[] cache(int seed, Size z, int columns, int... lengths) {
    int row = z.hkv * columns;
    float[] x = normal(seed, z.b * z.tk * row);
    for (int b = 0; b < lengths.length; b++) {
      Arrays.fill(x, (b * z.tk + lengths[b]) * row, (b + 1) * z.tk * row, Float.NaN);
    }
    return x;
  }

  private static float[] attention(Engine e, Size z, Attention op, int[] starts, int... lengths) {
    try (TensorScope _ = TensorScope.open()) {
      Tensor q = half(e, normal(1, z.b * z.tq * z.h * z.d), z.b, z.tq, z.h, z.d);
      Tensor k = half(e, cache(2, z, z.d, lengths), z.b, z.tk, z.hkv, z.d);
      Tensor v = half(e, cache(3, z, z.dv, lengths), z.b, z.tk, z.hkv, z.dv);
      List<Tensor> rest = new ArrayList<>();
      if (op.hasStarts()) {
        rest.add(e.tensor(starts, z.b));
      }
      if (op.hasLengths()) {
        rest.add(e.tensor(lengths, z.b));
      }
      return q.attention(k, v, op, rest.toArray(Tensor[]::new)).cast(ScalarType.F32).toFloats();
    }
  }

  private static Tensor half(Engine e, float[] x, long... dims) {
    return e.tensor(x, dims).cast(ScalarType.F16);
  }

  private void check(Size z, Attention op, int[] starts, int... lengths) {
    float[] here = attention(cpu, z, op, starts, lengths);
    float[] first = attention(cuda, z, op, starts, lengths);
    for (int i = 0; i < here.length; i++) {
      float error = Math.abs(here[i] - first[i]);
      int at = i;
      assertTrue(
          error <= ROUNDED * Math.max(1, Math.abs(here[i])),
          () -> z + " " + op + ": " + here[at] + " but " + first[at] + " at " + at);
    }
    for (int i = 1; i < RUNS; i++) {
      assertArrayEquals(first, attention(cuda, z, op, starts, lengths), "run " + i);
    }
    String kernel = "quern_attention_hopper" + (Math.max(z.d, z.dv) > 64 ? 128 : 64) + "_f16";
    if (driver != null) { // a GPU's driver notes nothing
      assertTrue(driver.functions().contains(kernel), "it ran");
      assertTrue(driver.functions().stream().noneMatch(f -> f.contains("_mma")), "no other did");
    }
  }

  /**
   * Fewer, as many and more queries and keys than tiles have, more tiles than blocks, heads in
   * sections.
   */
  @ParameterizedTest
  @CsvSource({
    "1, 128, 128, 1, 1, 128, 128",
    "1, 65, 129, 3, 1, 64, 64",
    "2, 200, 700, 2, 2, 128, 64",
    "1, 257, 257, 6, 3, 72, 8",
    "3, 385, 400, 2, 1, 64, 64",
    "1, 900, 900, 1, 1, 128, 128"
  })
  void lengths(int b, int tq, int tk, int h, int hkv, int d, int dv) {
    Size z = new Size(b, tq, tk, h, hkv, d, dv);
    check(z, new Attention(true, SCALE, 0, 0, false, false, false), new int[0]);
    check(z, new Attention(false, SCALE, 0, 0, false, false, false), new int[0]);
    check(z, new Attention(true, SCALE, 0, 100, false, false, false), new int[0]);
  }

  /** What the device reads: lengths of caches with more room, and where the queries stand. */
  @Test
  void cachesHoldAnythingBehindTheirLengths() {
    Size z = new Size(5, 130, 600, 2, 1, 128, 128);
    int[] lengths = {0, 1, 130, 384, 599};
    int[] starts = {0, 300, -100, 254, 469};
    for (boolean causal : new boolean[] {true, false}) {
      check(z, new Attention(causal, SCALE, 0, 0, false, false, true), starts, lengths);
      check(z, new Attention(causal, SCALE, 0, 0, false, true, true), starts, lengths);
      check(z, new Attention(causal, SCALE, 0, 50, false, true, true), starts, lengths);
    }
    Size small = new Size(5, 130, 600, 2, 1, 64, 64);
    check(small, new Attention(true, SCALE, 0, 0, false, true, true), starts, lengths);
  }
}
