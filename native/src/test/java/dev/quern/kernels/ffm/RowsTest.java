package dev.quern.kernels.ffm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;

/** Norms, softmax, elementwise functions, rotary embedding and casts, in every tier. */
class RowsTest {
  private static final int[] SIZES = {1, 3, 15, 16, 17, 33, 65, 257, 4097};

  private static double[] run(Functions tier, Op op, TensorView... in) {
    return Harness.values(Harness.run(tier, op, false, Precision.EXACT, List.of(in)).getFirst());
  }

  @Test
  void norms() {
    Random random = new Random(1);
    for (Functions tier : Harness.tiers()) {
      for (int c : SIZES) {
        TensorView x = Harness.floats(random, 2, 9, c);
        TensorView weight = Harness.floats(random, c);
        TensorView bias = Harness.floats(random, c);
        double[] v = Harness.values(x);
        double[] w = Harness.values(weight);
        double[] b = Harness.values(bias);
        double[] rms = new double[v.length];
        double[] layer = new double[v.length];
        double[] inverse = new double[18];
        double[] softmax = new double[v.length];
        double[] logs = new double[v.length];
        for (int r = 0; r < 18; r++) {
          double squares = 0;
          double sum = 0;
          double total = 0;
          for (int i = r * c; i < (r + 1) * c; i++) {
            squares += v[i] * v[i];
            sum += v[i];
            total += Math.exp(v[i]);
          }
          inverse[r] = 1 / Math.sqrt(squares / c + 1e-3f);
          double variance = 0;
          for (int i = r * c; i < (r + 1) * c; i++) {
            variance += (v[i] - sum / c) * (v[i] - sum / c) / c;
          }
          for (int i = r * c; i < (r + 1) * c; i++) {
            rms[i] = v[i] * inverse[r] * w[i - r * c];
            layer[i] = (v[i] - sum / c) / Math.sqrt(variance + 1e-3f) * w[i - r * c] + b[i - r * c];
            softmax[i] = Math.exp(v[i]) / total;
            logs[i] = v[i] - Math.log(total);
          }
        }
        List<TensorView> kept =
            Harness.run(tier, new NormOp.RmsNorm(1e-3f), true, Precision.EXACT, List.of(x, weight));
        assertTrue(Harness.maxError(Harness.values(kept.get(0)), rms) < 1e-6, "rmsNorm " + c);
        assertTrue(Harness.maxError(Harness.values(kept.get(1)), inverse) < 1e-6, "inverse " + c);
        assertTrue(
            Harness.maxError(run(tier, new NormOp.LayerNorm(1e-3f), x, weight, bias), layer) < 1e-5,
            "layerNorm " + c);
        assertTrue(
            Harness.maxError(run(tier, new NormOp.Softmax(-1), x), softmax) < 1e-6, "softmax " + c);
        assertTrue(
            c == 1 || Harness.maxError(run(tier, new NormOp.LogSoftmax(-1), x), logs) < 1e-6,
            "logSoftmax " + c);
      }
    }
  }

  private static void unary(Functions tier, Op op, TensorView x, DoubleUnaryOperator f) {
    double[] e = Harness.values(x);
    for (int i = 0; i < e.length; i++) {
      e[i] = f.applyAsDouble(e[i]);
    }
    assertTrue(Harness.maxError(run(tier, op, x), e) < 3e-7, tier.describe() + " " + op);
  }

  private static double geluTanh(double x) {
    return x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
  }

  @Test
  void functions() {
    Random random = new Random(2);
    for (Functions tier : Harness.tiers()) {
      TensorView x = Harness.floats(random, 5, 10_001);
      unary(tier, new UnaryOp.Exp(), x, Math::exp);
      unary(tier, new UnaryOp.Sigmoid(), x, v -> 1 / (1 + Math.exp(-v)));
      unary(tier, new UnaryOp.Silu(), x, v -> v / (1 + Math.exp(-v)));
      unary(tier, new UnaryOp.Gelu(true), x, RowsTest::geluTanh);
    }
  }

  @Test
  void gatedUnitsAndTheirBroadcast() {
    Random random = new Random(3);
    for (Functions tier : Harness.tiers()) {
      TensorView gate = Harness.floats(random, 30, 1, 700);
      for (TensorView up :
          List.of(Harness.floats(random, 30, 1, 700), Harness.floats(random, 2, 1))) {
        for (boolean gelu : new boolean[] {false, true}) {
          double[] g = Harness.values(gate);
          double[] u = Harness.values(up);
          boolean spread = u.length == 2;
          double[] e = new double[spread ? 30 * 2 * 700 : 30 * 700];
          for (int i = 0; i < e.length; i++) {
            double v = spread ? g[i / 1400 * 700 + i % 700] : g[i];
            double f = gelu ? geluTanh(v) : v / (1 + Math.exp(-v));
            e[i] = f * (spread ? u[i / 700 % 2] : u[i]);
          }
          Op op = gelu ? new BinaryOp.GeGlu(true) : new BinaryOp.SwiGlu();
          assertTrue(
              Harness.maxError(run(tier, op, gate, up), e) < 3e-7, tier.describe() + " " + op);
        }
      }
    }
  }

  @Test
  void rope() {
    Random random = new Random(4);
    int tokens = 19;
    for (Functions tier : Harness.tiers()) {
      for (int d : new int[] {2, 34, 64, 80}) {
        int half = d / 2 - (d == 80 ? 10 : 0);
        TensorView x = Harness.floats(random, tokens, 3, d);
        TensorView f = Harness.floats(random, half);
        int[] positions = new int[tokens];
        for (int t = 0; t < tokens; t++) {
          positions[t] = 3 * t + 1000;
        }
        double[] v = Harness.values(x);
        double[] w = Harness.values(f);
        for (boolean interleaved : new boolean[] {false, true}) {
          double[] e = v.clone();
          for (int i = 0; i < tokens * 3; i++) {
            for (int j = 0; j < half; j++) {
              double angle = positions[i / 3] * w[j];
              int a = i * d + (interleaved ? 2 * j : j);
              int b = i * d + (interleaved ? 2 * j + 1 : j + half);
              e[a] = v[a] * Math.cos(angle) - v[b] * Math.sin(angle);
              e[b] = v[a] * Math.sin(angle) + v[b] * Math.cos(angle);
            }
          }
          Op op = new AttentionOp.Rope(interleaved);
          assertTrue(
              Harness.maxError(run(tier, op, x, Harness.ints(positions), f), e) < 3e-7,
              tier.describe() + " " + op + " " + d);
        }
      }
    }
  }

  @Test
  void casts() {
    Random random = new Random(5);
    for (Functions tier : Harness.tiers()) {
      TensorView x = Harness.floats(random, 3, 32 * 1025);
      double[] v = Harness.values(x);
      for (DType to : List.of(ScalarType.F16, ScalarType.BF16, BlockType.Q8_0)) {
        TensorView narrow =
            Harness.run(tier, new DataOp.Cast(to), false, Precision.EXACT, List.of(x)).getFirst();
        double[] back = run(tier, new DataOp.Cast(ScalarType.F32), narrow);
        double step = to == ScalarType.F16 ? 0x1p-11 : to == ScalarType.BF16 ? 0x1p-8 : 0.02;
        for (int i = 0; i < v.length; i++) {
          double limit = to == BlockType.Q8_0 ? step : step * Math.abs(v[i]) + 1e-7;
          assertEquals(v[i], back[i], limit, to.name());
        }
      }
      for (DType from : List.of(BlockType.Q4_0, BlockType.Q4_K, BlockType.Q6_K)) {
        TensorView w = Harness.stored(random, from, 3, 256 * 100);
        assertEquals(
            0,
            Harness.maxError(run(tier, new DataOp.Cast(ScalarType.F32), w), Harness.values(w)),
            tier.describe() + from);
      }
    }
  }

  @Test
  void whatItDoesNotTake() {
    Functions tier = Harness.tiers().getFirst();
    TensorView x = Harness.floats(new Random(6), 4, 6);
    TensorView gaps = Harness.view(x, x.layout().slice(1, 0, 3, 2));
    TensorView integers = Harness.ints(1, 2, 3);
    TensorView wide = Harness.empty(ScalarType.F64, 4);
    for (Op op : List.of(new UnaryOp.Exp(), new NormOp.Softmax(-1))) {
      assertNull(
          NativeKernels.find(tier, Harness.signature(op, List.of(gaps), false, Precision.EXACT)));
      assertNull(
          NativeKernels.find(tier, Harness.signature(op, List.of(wide), false, Precision.EXACT)));
    }
    assertNull(
        NativeKernels.find(
            tier, Harness.signature(new NormOp.Softmax(0), List.of(x), false, Precision.EXACT)));
    assertNull(
        NativeKernels.find(
            tier,
            Harness.signature(
                new DataOp.Cast(ScalarType.F32), List.of(integers), false, Precision.EXACT)));
  }

  @Test
  void notANumberShows() {
    for (Functions tier : Harness.tiers()) {
      TensorView x = Harness.floats(new Random(7), 2, 33);
      x.segment().setAtIndex(ValueLayout.JAVA_FLOAT, 40, Float.NaN);
      double[] y = run(tier, new NormOp.Softmax(-1), x);
      assertTrue(Double.isNaN(y[40]) && Double.isNaN(y[33]) && !Double.isNaN(y[0]));
    }
  }
}
