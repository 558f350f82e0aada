package dev.quern.kernels.ffm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Linear and MatMul against plain loops in F64, in every tier, format and precision. */
class ProductTest {
  private static final List<DType> FORMATS =
      List.of(
          ScalarType.F32,
          ScalarType.F16,
          ScalarType.BF16,
          BlockType.Q8_0,
          BlockType.Q4_0,
          BlockType.Q4_K,
          BlockType.Q6_K,
          BlockType.Q5_0,
          BlockType.Q5_K,
          BlockType.Q3_K,
          BlockType.IQ4_NL);

  /** x (m, k) · wᵀ (n, k) + bias. */
  private static double[] expected(double[] x, double[] w, double[] bias, int m, int n, int k) {
    double[] y = new double[m * n];
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = bias.length == 0 ? 0 : bias[j];
        for (int p = 0; p < k; p++) {
          sum += x[i * k + p] * w[j * k + p];
        }
        y[i * n + j] = sum;
      }
    }
    return y;
  }

  private static void check(
      DType format, Precision precision, TensorView y, double[] expected, String what) {
    double[] actual = Harness.values(y);
    if (precision == Precision.EXACT || (precision == Precision.FAST && format == ScalarType.F32)) {
      assertTrue(Harness.maxError(actual, expected) < 2e-6, what);
    } else if (precision == Precision.FAST && format == ScalarType.F16) {
      assertTrue(Harness.nmse(actual, expected) < 1e-9, what + Harness.nmse(actual, expected));
    } else {
      assertTrue(Harness.nmse(actual, expected) < 3e-4, what + Harness.nmse(actual, expected));
    }
  }

  @Test
  void linearInEveryFormat() {
    for (Functions tier : Harness.tiers()) {
      Random random = new Random(1);
      for (DType format : FORMATS) {
        int k = format.blockLength() == 1 ? 77 : 256;
        for (int m : new int[] {1, 7, 8, 16, 33}) {
          int n = 67;
          TensorView x = Harness.floats(random, m, k);
          TensorView w = Harness.stored(random, format, n, k);
          TensorView bias = Harness.floats(random, n);
          double[] e =
              expected(Harness.values(x), Harness.values(w), Harness.values(bias), m, n, k);
          for (Precision p : List.of(Precision.EXACT, Precision.FAST, Precision.BF16)) {
            TensorView y =
                Harness.run(tier, new MatMulOp.Linear(true), false, p, List.of(x, w, bias))
                    .getFirst();
            check(format, p, y, e, tier.describe() + " " + format.name() + " " + p + " m=" + m);
          }
        }
      }
    }
  }

  @Test
  void rowsBeyondOneSliceAndNoBias() {
    Random random = new Random(2);
    Functions best = Harness.tiers().getLast();
    for (DType format : List.of(ScalarType.F32, ScalarType.BF16, BlockType.Q8_0)) {
      TensorView x = Harness.floats(random, 3, 230, 64);
      TensorView w = Harness.stored(random, format, 300, 64);
      double[] e = expected(Harness.values(x), Harness.values(w), new double[0], 690, 300, 64);
      for (Precision p : List.of(Precision.EXACT, Precision.FAST, Precision.BF16)) {
        TensorView y =
            Harness.run(best, new MatMulOp.Linear(false), false, p, List.of(x, w)).getFirst();
        check(format, p, y, e, format + " " + p);
      }
    }
  }

  /** Rows enough for {@link TileGemm}, whose bits are those of the kernel for fewer rows. */
  @Test
  void linearMapsOfManyRowsUnderBf16() {
    Random random = new Random(9);
    Functions best = Harness.tiers().getLast();
    for (int[] s : new int[][] {{300, 65, 384}, {256, 96, 33}, {520, 40, 1600}}) {
      TensorView x = Harness.floats(random, 2, s[0] / 2, s[2]);
      TensorView w = reversed(Harness.floats(random, s[1], s[2]));
      TensorView bias = Harness.floats(random, s[1]);
      double[] e =
          expected(Harness.values(x), Harness.values(w), Harness.values(bias), s[0], s[1], s[2]);
      var op = new MatMulOp.Linear(true);
      TensorView y = Harness.run(best, op, false, Precision.BF16, List.of(x, w, bias)).getFirst();
      check(ScalarType.F32, Precision.BF16, y, e, "many rows " + s[0]);
      int few = 40;
      TensorView some = Harness.view(x, x.layout().slice(0, 0, 1, 1).slice(1, 0, few, 1));
      TensorView first =
          Harness.run(best, op, false, Precision.BF16, List.of(some, w, bias)).getFirst();
      long bytes = (long) few * s[1] * Float.BYTES;
      assertEquals(-1, y.segment().asSlice(0, bytes).mismatch(first.segment().asSlice(0, bytes)));
    }
  }

  /** The same memory, its rows backwards. */
  private static TensorView reversed(TensorView x) {
    long rows = x.shape().dim(0);
    return Harness.view(x, x.layout().slice(0, rows - 1, rows, -1));
  }

  /** Gradients of weights under BF16: a long sum, in ranges where the result is small. */
  @Test
  void longSumsOfTransposedOperands() {
    Random random = new Random(10);
    Functions best = Harness.tiers().getLast();
    for (int[] s : new int[][] {{65, 96, 700}, {128, 33, 1024}, {700, 40, 520}, {40, 600, 900}}) {
      TensorView g = Harness.floats(random, s[2], s[0]);
      TensorView x = reversed(Harness.floats(random, s[2], s[1]));
      TensorView left = Harness.view(g, g.layout().permute(List.of(1, 0)));
      TensorView y =
          Harness.run(best, new MatMulOp.MatMul(), false, Precision.BF16, List.of(left, x))
              .getFirst();
      double[] gv = Harness.values(g);
      double[] xv = Harness.values(x);
      double[] e = new double[s[0] * s[1]];
      for (int p = 0; p < s[2]; p++) {
        for (int i = 0; i < e.length; i++) {
          e[i] += gv[p * s[0] + i / s[1]] * xv[p * s[1] + i % s[1]];
        }
      }
      check(ScalarType.F32, Precision.BF16, y, e, "long sum " + s[0]);
    }
  }

  @Test
  void activationsAndResultsInBf16() {
    Random random = new Random(5);
    Functions best = Harness.tiers().getLast();
    assumeTrue(best.tiers().contains(Tier.AVX512), "BF16 results need AVX-512");
    for (int m : new int[] {1, 2, 40, 530}) {
      TensorView x = Harness.stored(random, ScalarType.BF16, m, 96);
      TensorView w = Harness.stored(random, ScalarType.BF16, 70, 96);
      double[] e = expected(Harness.values(x), Harness.values(w), new double[0], m, 70, 96);
      for (Precision p : List.of(Precision.FAST, Precision.BF16)) {
        TensorView y =
            Harness.run(best, new MatMulOp.Linear(false), false, p, List.of(x, w)).getFirst();
        assertEquals(ScalarType.BF16, y.dtype());
        double[] actual = Harness.values(y);
        for (int i = 0; i < e.length; i++) {
          assertEquals(e[i], actual[i], Math.abs(e[i]) / 250 + 1e-4, m + " rows, at " + i);
        }
      }
    }
  }

  @Test
  void weightRowsApartAndEmptyDepth() {
    Random random = new Random(3);
    Functions best = Harness.tiers().getLast();
    TensorView big = Harness.stored(random, BlockType.Q4_0, 40, 96);
    TensorView w = Harness.view(big, big.layout().slice(0, 1, 13, 3).slice(1, 32, 64, 1));
    TensorView x = Harness.floats(random, 2, 64);
    double[] e = expected(Harness.values(x), Harness.values(w), new double[0], 2, 13, 64);
    TensorView y =
        Harness.run(best, new MatMulOp.Linear(false), false, Precision.EXACT, List.of(x, w))
            .getFirst();
    check(BlockType.Q4_0, Precision.EXACT, y, e, "rows apart");

    TensorView nothing =
        Harness.run(
                best,
                new MatMulOp.Linear(false),
                false,
                Precision.EXACT,
                List.of(Harness.empty(ScalarType.F32, 20, 0), Harness.empty(ScalarType.F32, 5, 0)))
            .getFirst();
    for (double v : Harness.values(nothing)) {
      assertEquals(0.0, v);
    }
  }

  @Test
  void matMulWithTransposedWeights() {
    Random random = new Random(4);
    for (Functions tier : Harness.tiers()) {
      for (DType format : FORMATS) {
        TensorView x = Harness.floats(random, 2, 9, 256);
        TensorView w = Harness.stored(random, format, 256, 256);
        TensorView right = Harness.view(w, w.layout().permute(List.of(1, 0)));
        double[] e = expected(Harness.values(x), Harness.values(w), new double[0], 18, 256, 256);
        for (Precision p : List.of(Precision.EXACT, Precision.FAST, Precision.BF16)) {
          TensorView y =
              Harness.run(tier, new MatMulOp.MatMul(), false, p, List.of(x, right)).getFirst();
          check(format, p, y, e, tier.describe() + " " + format.name() + " " + p);
        }
      }
    }
  }

  @Test
  void batchesBroadcast() {
    Random random = new Random(5);
    int[] m = {1, 10};
    for (Functions tier : Harness.tiers()) {
      for (int rows : m) {
        TensorView a = Harness.floats(random, 3, 1, rows, 40);
        TensorView bt = Harness.floats(random, 2, 21, 40);
        TensorView b = Harness.view(bt, bt.layout().permute(List.of(0, 2, 1)));
        TensorView plain = Harness.floats(random, 2, 40, 21);
        for (TensorView right : List.of(b, plain)) {
          TensorView y =
              Harness.run(tier, new MatMulOp.MatMul(), false, Precision.EXACT, List.of(a, right))
                  .getFirst();
          assertEquals(Shape.of(3, 2, rows, 21), y.shape());
          double[] av = Harness.values(a);
          double[] bv = Harness.values(right);
          double[] e = new double[3 * 2 * rows * 21];
          for (int i = 0; i < e.length; i++) {
            int n = i % 21;
            int r = i / 21 % rows;
            int two = i / 21 / rows % 2;
            int three = i / 21 / rows / 2;
            for (int p = 0; p < 40; p++) {
              e[i] += av[(three * rows + r) * 40 + p] * bv[(two * 40 + p) * 21 + n];
            }
          }
          assertTrue(Harness.maxError(Harness.values(y), e) < 2e-6, tier.describe());
        }
      }
    }
  }

  @Test
  void fastBatchesBroadcastBlocks() {
    Random random = new Random(6);
    for (Functions tier : Harness.tiers()) {
      TensorView a = Harness.floats(random, 1, 9, 64);
      TensorView w = Harness.stored(random, BlockType.Q8_0, 3, 32, 64);
      TensorView right = Harness.view(w, w.layout().permute(List.of(0, 2, 1)));
      TensorView y =
          Harness.run(tier, new MatMulOp.MatMul(), false, Precision.FAST, List.of(a, right))
              .getFirst();
      double[] e = new double[3 * 9 * 32];
      double[] av = Harness.values(a);
      double[] wv = Harness.values(w);
      for (int i = 0; i < e.length; i++) {
        for (int p = 0; p < 64; p++) {
          e[i] += av[i / 32 % 9 * 64 + p] * wv[(i / 288 * 32 + i % 32) * 64 + p];
        }
      }
      assertTrue(Harness.nmse(Harness.values(y), e) < 3e-4, tier.describe());
    }
  }

  @Test
  void anyStridesAndF64() {
    Random random = new Random(7);
    for (Functions tier : Harness.tiers()) {
      for (DType type : List.of(ScalarType.F32, ScalarType.F64)) {
        TensorView a = source(random, type, 60, 70);
        TensorView b = source(random, type, 80, 90);
        Layout left = a.layout().slice(0, 50, 25, -2).slice(1, 3, 20, 3).permute(List.of(1, 0));
        Layout right = b.layout().slice(0, 60, 25, -1).slice(1, 1, 37, 2);
        TensorView av = Harness.view(a, left);
        TensorView bv = Harness.view(b, right);
        TensorView y =
            Harness.run(tier, new MatMulOp.MatMul(), false, Precision.EXACT, List.of(av, bv))
                .getFirst();
        double[] x = Harness.values(av);
        double[] z = Harness.values(bv);
        double[] e = new double[20 * 37];
        for (int i = 0; i < e.length; i++) {
          for (int p = 0; p < 25; p++) {
            e[i] += x[i / 37 * 25 + p] * z[p * 37 + i % 37];
          }
        }
        double limit = type == ScalarType.F64 ? 1e-14 : 2e-6;
        assertTrue(Harness.maxError(Harness.values(y), e) < limit, tier.describe() + type);
      }
    }
  }

  /** Slices of rows, and strides that lead to before a slice's first element. */
  @Test
  void manyRowsOfAnyStrides() {
    Random random = new Random(8);
    TensorView a = Harness.floats(random, 1100, 2 * 45);
    TensorView b = Harness.floats(random, 530, 60);
    Layout left = a.layout().slice(0, 1095, 540, -2).slice(1, 88, 40, -2);
    for (int columns : new int[] {1, -1}) {
      Layout rows = b.layout().slice(0, 200, 40, -3);
      Layout right =
          columns > 0
              ? rows.slice(1, 3, 50, 1)
              : b.layout().slice(0, 525, 520, -1).slice(1, 5, 40, 1).permute(List.of(1, 0));
      int n = columns > 0 ? 50 : 520;
      for (Functions tier : Harness.tiers()) {
        TensorView av = Harness.view(a, left);
        TensorView bv = Harness.view(b, right);
        TensorView y =
            Harness.run(tier, new MatMulOp.MatMul(), false, Precision.EXACT, List.of(av, bv))
                .getFirst();
        double[] x = Harness.values(av);
        double[] z = Harness.values(bv);
        double[] e = new double[540 * n];
        for (int i = 0; i < e.length; i++) {
          for (int p = 0; p < 40; p++) {
            e[i] += x[i / n * 40 + p] * z[p * n + i % n];
          }
        }
        assertTrue(Harness.maxError(Harness.values(y), e) < 2e-6, tier.describe() + columns);
      }
    }
  }

  private static TensorView source(Random random, DType type, long rows, long columns) {
    TensorView f = Harness.floats(random, rows, columns);
    if (type == ScalarType.F32) {
      return f;
    }
    TensorView d = Harness.empty(ScalarType.F64, rows, columns);
    double[] v = Harness.values(f);
    for (int i = 0; i < v.length; i++) {
      d.segment().setAtIndex(java.lang.foreign.ValueLayout.JAVA_DOUBLE, i, v[i]);
    }
    return d;
  }
}
