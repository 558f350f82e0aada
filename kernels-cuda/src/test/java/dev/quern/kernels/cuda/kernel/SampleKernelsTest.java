package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.SamplingOp.Sample;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import dev.quern.kernels.cuda.driver.FakeDriver;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tokens that the device chooses, emulated, against sorting every token. */
class SampleKernelsTest {
  private static final int RUNS = 4; // each with another order of blocks and threads
  private static final double WIDTH = 50.0 / 1024; // of a bucket

  private static final List<Sample> CHAINS =
      List.of(
          new Sample(0, 0, 1, 0),
          new Sample(1, 0, 1, 0),
          new Sample(1, 0, 0.93, 0),
          new Sample(0.7, 700, 0.871, 0),
          new Sample(1.3, 0, 1, 0.017),
          new Sample(0.9, 2100, 0.997, 1e-4));

  private final Engine host = Engine.builder().kernels().build();
  private final Engine cuda = EmulatedDevice.engine(Engine.builder());

  private static double[] values(int n, IntToDoubleFunction of) {
    double[] x = new double[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) of.applyAsDouble(i);
    }
    return x;
  }

  private static double bf16(double x) {
    return Float.intBitsToFloat(Float.floatToIntBits((float) x) & 0xffff0000);
  }

  private static Tensor tensor(Engine engine, ScalarType type, int rows, double... x) {
    return engine.tensor(x, rows, x.length / rows).cast(type);
  }

  /** That the device takes the same tokens for all draws, on each run. */
  private void check(Sample op, ScalarType type, double[] row, double... draws) {
    int rows = draws.length;
    double[] all = new double[rows * row.length];
    for (int r = 0; r < rows; r++) {
      System.arraycopy(row, 0, all, r * row.length, row.length);
    }
    try (TensorScope _ = TensorScope.open()) {
      long[] expected =
          tensor(host, type, rows, all).sample(host.tensor(draws, rows, 1), op).toLongs();
      Tensor x = tensor(cuda, type, rows, all);
      Tensor u = cuda.tensor(draws, rows, 1);
      for (int run = 0; run < RUNS; run++) {
        assertArrayEquals(expected, x.sample(u, op).toLongs(), op + " of " + x.spec());
      }
    }
  }

  private void checkAll(double[] row, Random random) {
    for (Sample op : CHAINS) {
      double[] draws = random.doubles(3).toArray();
      check(op, ScalarType.F32, row, draws);
      check(op, ScalarType.F64, values(row.length, i -> row[i] / 1.3), draws);
    }
  }

  @Test
  void logitsAsModelsGiveThem() {
    Random random = new Random(1);
    checkAll(values(3000, _ -> 3 * random.nextGaussian()), random);
    checkAll(values(5000, _ -> bf16(12 + 2 * random.nextGaussian())), random);
  }

  /** More tokens of one score than a block compares at once, at borders and away from them. */
  @Test
  void manyTies() {
    Random random = new Random(2);
    checkAll(values(4321, i -> i % 7 == 3 ? 1 : 0), random);
    checkAll(values(2900, i -> i % 977 == 3 ? 4 : i % 2 == 0 ? 3.99 : -40), random);
  }

  /** All in one bucket, although the numbers lie orders of magnitude apart. */
  @Test
  void tinyScores() {
    Random random = new Random(3);
    checkAll(
        values(2000, _ -> Math.pow(10, -30 * random.nextDouble() - 3) * random.nextGaussian()),
        random);
  }

  @Test
  void scoresOnTheBordersOfBuckets() {
    Random random = new Random(4);
    checkAll(values(1100, i -> -WIDTH * (i % 1050)), random);
    double[] border = values(600, i -> -WIDTH * (i % 200) / 64);
    for (int b = 1; b < 5; b++) {
      for (double off : new double[] {1e-9, -1e-9}) {
        double least = Math.exp((off - b) * WIDTH);
        double[] draws = random.doubles(8).toArray();
        check(new Sample(1, 0, 1, least), ScalarType.F64, border, draws);
      }
    }
  }

  @Test
  void fewAreLeftOfMany() {
    Random random = new Random(5);
    double none = Double.NEGATIVE_INFINITY;
    checkAll(
        values(2500, i -> i % 800 == 77 ? i / 1000.0 : i % 5 == 0 ? Double.NaN : none), random);
    checkAll(values(1, _ -> -3), random);
    checkAll(values(2049, i -> i == 2048 ? 60 : -random.nextDouble()), random);
  }

  /** Every part of the unit interval, to the ends of it. */
  @Test
  void everyTokenIsDrawnWhereItsWeightIs() {
    double[] row = {1, -1, 2.5, 2.5, -60, 0.3, Double.NaN, 1};
    double[] draws = new double[130];
    for (int i = 0; i < 128; i++) {
      draws[i] = (i + 0.37) / 128;
    }
    draws[129] = 1 - 0x1p-53;
    for (Sample op :
        List.of(
            new Sample(1, 0, 1, 0),
            new Sample(1, 4, 1, 0),
            new Sample(2, 0, 0.97, 0),
            new Sample(1, 6, 0.96, 0.05))) {
      check(op, ScalarType.F32, row, draws);
    }
  }

  /** More chunks than a block has threads. */
  @ParameterizedTest
  @ValueSource(ints = {262_144, 300_000})
  void theLargestVocabularies(int n) {
    Random random = new Random(n);
    double[] row = values(n, _ -> 2 * random.nextGaussian());
    check(new Sample(1.1, 0, 1, 0), ScalarType.F32, row, 0.3141, 0.98765);
    check(new Sample(0.8, 0, 0.95, 0), ScalarType.F32, row, 0.86);
    row[n - 2] = 30;
    check(new Sample(0, 0, 1, 0), ScalarType.F32, row, 0.5);
  }

  @Test
  void plansChooseAnew() {
    Sample op = new Sample(0.8, 50, 0.9, 0.01);
    Random random = new Random(6);
    double[] logits = values(2 * 1500, _ -> 2 * random.nextGaussian());
    try (Buffer x = cuda.buffer("logits", TensorSpec.of(ScalarType.F64, 2, 1500));
        Buffer y = cuda.buffer("chosen", TensorSpec.of(ScalarType.I64, 2, 1));
        Plan plan =
            cuda.record(
                "choice",
                r ->
                    y.assign(
                        x.value().sample(r.slot("u", TensorSpec.of(ScalarType.F64, 2, 1)), op)));
        TensorScope _ = TensorScope.open()) {
      assertTrue(plan.explain().contains("sample cuda"), plan::explain);
      x.assign(cuda.tensor(logits, 2, 1500));
      for (int run = 0; run < 6; run++) {
        double[] u = random.doubles(2).toArray();
        plan.slot("u").set(u);
        plan.run();
        long[] expected = host.tensor(logits, 2, 1500).sample(host.tensor(u, 2, 1), op).toLongs();
        assertArrayEquals(expected, y.value().toLongs());
      }
    }
  }

  private static TensorView view(DType type, long... dims) {
    return new TensorView(type, Layout.contiguous(Shape.of(dims)), MemorySegment.NULL);
  }

  private static List<Grid> grids(Sample op, long rows, long n, String... kernels) {
    FakeDriver driver = new FakeDriver();
    for (String k : kernels) {
      driver.kernels.put("quern_sample_" + k, (_, _) -> {});
    }
    CudaDevice device =
        new CudaDevice(driver, 0, m -> ("image of " + m).getBytes(StandardCharsets.UTF_8));
    KernelArgs args =
        new KernelArgs(
            op,
            List.of(view(ScalarType.F32, rows, n), view(ScalarType.F64, rows, 1)),
            List.of(view(ScalarType.I64, rows, 1)),
            Precision.AUTO,
            TaskPool.shared(),
            MemorySegment.NULL);
    new SampleKernels(device).sample(args).run();
    return List.copyOf(driver.grids);
  }

  @Test
  void launchesAreFewAndWide() {
    Grid each = Grid.of(70_000, 256);
    Grid all = Grid.of(70_000L * 126, 256);
    Sample greedy = new Sample(0, 40, 0.9, 0);
    assertEquals(List.of(all, each), grids(greedy, 70_000, 128_256, "first_f32", "best"));
    Sample plain = new Sample(1, 0, 1, 0);
    assertEquals(List.of(all, each), grids(plain, 70_000, 128_256, "sum_f32", "draw_f32"));
    String[] cuts = {"top_f32", "count_f32", "place_f32", "take_f32"};
    Sample ranked = new Sample(1, 0, 1, 0.1);
    assertEquals(List.of(all, all, all, each), grids(ranked, 70_000, 128_256, cuts));
    NotSupportedException e =
        assertThrows(NotSupportedException.class, () -> grids(plain, 1L << 22, 1L << 20));
    assertTrue(e.getMessage().startsWith("[sample] [4194304, 1048576] logits"), e::getMessage);
  }
}
