package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.DType;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Fused calls around a layer's products, emulated and on a GPU: they have the bits of their parts.
 */
class InferenceFusedTest {
  private static final int RUNS = 4; // each with another order of threads

  private final Engine cuda = engine();
  private int seed;

  Engine engine() {
    return EmulatedDevice.engine(Engine.builder());
  }

  private Tensor random(ScalarType type, long... dims) {
    return cuda.normal(++seed, dims).mul(3).cast(type);
  }

  private static float[] values(Tensor x) {
    return x.cast(ScalarType.F32).toFloats();
  }

  private void check(Op op, Tensor... in) {
    List<Tensor> parts = op.decompose(List.of(in));
    for (int run = 0; run < RUNS; run++) {
      List<Tensor> whole = cuda.apply(op, List.of(in));
      for (int i = 0; i < parts.size(); i++) {
        assertEquals(parts.get(i).spec(), whole.get(i).spec());
        String what = op + " of " + in[0].spec() + " output " + i;
        assertArrayEquals(values(parts.get(i)), values(whole.get(i)), what);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"F32", "F64", "F16", "BF16"})
  void normsOfSumsHaveTheBitsOfTheirParts(String name) {
    ScalarType type = (ScalarType) DType.of(name);
    Op op = new FusedOp.AddRmsNorm(1e-5f);
    try (TensorScope _ = TensorScope.open()) {
      for (long n :
          new long[] {1, 5, 64, 200, 1032, 1500}) { // lanes, warps, blocks; whole groups or not
        Tensor weight = random(type, n);
        check(op, random(type, 3, n), random(type, 3, n), weight);
        check(op, random(type, 2, 70, n), random(type, 2, 70, n), weight);
        check(op, random(type, n, 3).transpose(), random(type, 3, n), weight);
        Tensor some = random(type, 3, n + 1).slice(1, 1, n);
        Tensor spread = random(type, 1, n).expand(some.shape());
        check(op, some, spread, random(type, 2 * n).slice(0, 0, n, 2));
      }
      check(op, random(type, 0, 8), random(type, 0, 8), random(type, 8));
    }
  }

  /** What a cache [b, capacity, h, d], laid out by heads, holds after a write. */
  private float[] written(
      boolean fused, boolean interleaved, DType type, Tensor x, Tensor starts, Tensor... angles) {
    long batch = x.shape().dim(0);
    long heads = x.shape().dim(2);
    long d = x.shape().dim(3);
    try (Buffer buffer = cuda.buffer("cache", TensorSpec.of(type, batch, heads, 9, d))) {
      Tensor cache = buffer.value().permute(0, 2, 1, 3);
      Op whole = new FusedOp.RopeCacheWrite(interleaved, false);
      List<Tensor> in = List.of(cache, x, angles[0], angles[1], starts);
      assertEquals(List.of(), fused ? cuda.apply(whole, in) : whole.decompose(in));
      return values(buffer.value());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "F32, F32, 48, 24, true",
    "F32, F16, 48, 24, false",
    "F32, BF16, 10, 3, true",
    "F16, F16, 40, 8, false",
    "BF16, BF16, 300, 150, true",
    "F32, F8_E4M3, 48, 24, false",
    "F32, F8_E4M3, 10, 3, true",
    "F32, Q8_0, 64, 32, false",
    "F32, Q8_0, 96, 8, true",
    "F32, Q8_0, 32, 0, false"
  })
  void rotatedKeysAreInTheCacheAsTheirPartsWriteThem(
      String rows, String cache, int d, int half, boolean interleaved) {
    ScalarType type = (ScalarType) DType.of(rows);
    try (TensorScope _ = TensorScope.open()) {
      Tensor x = random(type, 2, 3, 4, d);
      Tensor frequencies = cuda.normal(99, half);
      Tensor starts = cuda.tensor(new int[] {6, 0});
      Tensor positions = cuda.tensor(new int[] {6, 7, 8, 100000, -3, 0}, 2, 3);
      DType to = DType.of(cache);
      float[] expected = written(false, interleaved, to, x, starts, positions, frequencies);
      Tensor permuted = x.permute(2, 0, 1, 3).contiguous().permute(1, 2, 0, 3);
      for (int run = 0; run < RUNS; run++) {
        assertArrayEquals(
            expected, written(true, interleaved, to, x, starts, positions, frequencies));
        Tensor wide = positions.cast(ScalarType.I64);
        assertArrayEquals(
            expected, written(true, interleaved, to, permuted, starts, wide, frequencies));
      }
    }
  }

  /** What a pool of 7 pages of 2 rows holds after a write of 3 tokens to each of 2 sequences. */
  private float[] writtenToPages(boolean fused, DType type, Tensor x, Tensor... rest) {
    long heads = x.shape().dim(2);
    long d = x.shape().dim(3);
    try (Buffer buffer = cuda.buffer("pool", TensorSpec.of(type, 7, heads, 2, d))) {
      Tensor pool = buffer.value().permute(0, 2, 1, 3);
      Op whole = new FusedOp.RopeCacheWrite(true, true);
      List<Tensor> in = List.of(pool, x, rest[0], rest[1], rest[2], rest[3]);
      assertEquals(List.of(), fused ? cuda.apply(whole, in) : whole.decompose(in));
      return values(buffer.value());
    }
  }

  @ParameterizedTest
  @CsvSource({"F32, F32", "F32, F16", "BF16, BF16", "F32, F8_E4M3", "F32, Q8_0"})
  void rotatedKeysAreInTheirPagesAsTheirPartsWriteThem(String rows, String cache) {
    DType to = DType.of(cache);
    try (TensorScope _ = TensorScope.open()) {
      Tensor x = random((ScalarType) DType.of(rows), 2, 3, 2, 64);
      Tensor frequencies = cuda.normal(99, 16);
      Tensor starts = cuda.tensor(new int[] {3, 0});
      Tensor positions = cuda.tensor(new int[] {3, 4, 5, 100000, -3, 0}, 2, 3);
      Tensor pages = cuda.tensor(new int[] {5, 1, 3, 6, 0, 2}, 2, 3);
      Tensor[] rest = {positions, frequencies, starts, pages};
      float[] expected = writtenToPages(false, to, x, rest);
      assertArrayEquals(expected, writtenToPages(true, to, x, rest));
      int row = expected.length / 7;
      for (int page : new int[] {5, 4}) { // before the rows, and nobody's
        assertArrayEquals(
            new float[row], Arrays.copyOfRange(expected, page * row, (page + 1) * row));
      }
    }
  }

  @Test
  void pagesThatThereAreNotAreReportedAndNoRowIsWritten() {
    try (TensorScope _ = TensorScope.open();
        Buffer pool = cuda.buffer("pool", TensorSpec.of(ScalarType.F16, 3, 2, 1, 32))) {
      List<Tensor> in =
          List.of(
              pool.value(),
              random(ScalarType.F32, 2, 2, 1, 32),
              cuda.tensor(new int[4], 2, 2),
              cuda.normal(2, 16),
              cuda.tensor(new int[] {0, 1}),
              cuda.tensor(new int[] {2, 0, 1, 3}, 2, 2));
      IndexException e =
          assertThrows(
              IndexException.class,
              () -> {
                cuda.apply(new FusedOp.RopeCacheWrite(true, true), in);
                values(pool.value());
              });
      assertTrue(e.getMessage().contains("[cacheWrite] pages[1, 1] is 3"), e.getMessage());
      assertArrayEquals(new float[3 * 2 * 32], values(pool.value()));
    }
  }

  @Test
  void keysThatHaveNoRoomAreReportedAndNoneIsWritten() {
    try (TensorScope _ = TensorScope.open();
        Buffer cache = cuda.buffer("cache", TensorSpec.of(ScalarType.F16, 2, 4, 1, 32))) {
      cache.assign(cuda.normal(1, 2, 4, 1, 32).cast(ScalarType.F16));
      float[] before = values(cache.value());
      Tensor positions = cuda.tensor(new int[4], 2, 2);
      Tensor starts = cuda.tensor(new int[] {0, 3});
      List<Tensor> in =
          List.of(
              cache.value(),
              random(ScalarType.F32, 2, 2, 1, 32),
              positions,
              cuda.normal(2, 16),
              starts);
      ShapeException e =
          assertThrows(
              ShapeException.class,
              () -> {
                cuda.apply(new FusedOp.RopeCacheWrite(true, false), in);
                values(cache.value());
              });
      assertTrue(e.getMessage().contains("[cacheWrite] sequence 1: rows 3..4"), e.getMessage());
      assertArrayEquals(before, values(cache.value()));
    }
  }

  @Test
  void plansPutThemInThePlaceOfTheirParts() {
    try (TensorScope _ = TensorScope.open();
        Buffer cache = cuda.buffer("cache", TensorSpec.of(ScalarType.F16, 1, 8, 2, 16));
        Buffer x = cuda.buffer("x", TensorSpec.of(ScalarType.F32, 1, 3, 32))) {
      x.assign(random(ScalarType.F32, 1, 3, 32));
      Tensor w = random(ScalarType.F32, 32, 32);
      Tensor weight = random(ScalarType.F32, 32);
      Tensor frequencies = cuda.normal(2, 8);
      Tensor positions = cuda.tensor(new int[] {2, 3, 4}, 1, 3);
      Tensor starts = cuda.tensor(new int[] {2});
      Runnable write =
          () -> {
            Tensor k = x.value().linear(w).reshape(1, 3, 2, 16).rope(positions, frequencies, false);
            cuda.apply(new BufferOp.CacheWrite(), List.of(cache.value(), k, starts));
          };
      write.run();
      float[] keys = values(cache.value());
      cache.assign(cache.value().mul(0));
      try (Plan plan =
          cuda.record(
              "layer",
              r -> {
                write.run();
                Tensor h = x.value().add(x.value().linear(w));
                r.output("h", h);
                r.output("z", h.rmsNorm(weight, 1e-6f));
              })) {
        assertTrue(plan.explain().contains("addRmsNorm"), plan.explain());
        assertTrue(plan.explain().contains("ropeCacheWrite"), plan.explain());
        plan.run();
        Tensor h = x.value().add(x.value().linear(w));
        assertArrayEquals(keys, values(cache.value()));
        assertArrayEquals(values(h), values(plan.output("h")));
        assertArrayEquals(values(h.rmsNorm(weight, 1e-6f)), values(plan.output("z")));
      }
    }
  }
}
