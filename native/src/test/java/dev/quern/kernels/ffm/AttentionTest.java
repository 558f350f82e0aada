package dev.quern.kernels.ffm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Attention against the formula in F64, in every tier. */
class AttentionTest {
  /** What exponentials and values rounded to BF16 may cost, for values of about 1. */
  private static final double ROUNDED = 0x1p-7;

  private static final List<DType> KEYS_AND_VALUES =
      List.of(ScalarType.F32, ScalarType.F16, ScalarType.BF16, BlockType.Q8_0);

  /** Extents: batch, queries, keys, heads, K/V heads, head size, value size. */
  private record Extents(int b, int tq, int tk, int h, int hkv, int d, int dv) {}

  private record Expected(double[] out, double[] lse) {}

  private static Expected expected(
      Attention op,
      Extents e,
      double[] q,
      double[] k,
      double[] v,
      double[] mask,
      int[] starts,
      int[] lengths) {
    double[] out = new double[e.b * e.tq * e.h * e.dv];
    double[] lse = new double[e.b * e.h * e.tq];
    double[] score = new double[e.tk];
    for (int row = 0; row < lse.length; row++) {
      int b = row / (e.h * e.tq);
      int h = row / e.tq % e.h;
      int t = row % e.tq;
      int kv = h / (e.h / e.hkv);
      int length = lengths.length == 0 ? e.tk : lengths[b];
      int position = (starts.length == 0 ? length - e.tq : starts[b]) + t;
      double top = Double.NEGATIVE_INFINITY;
      for (int j = 0; j < e.tk; j++) {
        double s = 0;
        for (int i = 0; i < e.d; i++) {
          s += q[((b * e.tq + t) * e.h + h) * e.d + i] * k[((b * e.tk + j) * e.hkv + kv) * e.d + i];
        }
        s *= op.scale();
        s = op.softCap() > 0 ? op.softCap() * Math.tanh(s / op.softCap()) : s;
        s += mask.length == 0 ? 0 : mask[(h * e.tq + t) * e.tk + j];
        boolean seen =
            j < length
                && (!op.causal() || j <= position)
                && (op.window() == 0 || j > position - op.window());
        score[j] = seen ? s : Double.NEGATIVE_INFINITY;
        top = Math.max(top, score[j]);
      }
      double total = 0;
      for (int j = 0; j < e.tk && top > Double.NEGATIVE_INFINITY; j++) {
        double p = Math.exp(score[j] - top);
        total += p;
        for (int i = 0; i < e.dv; i++) {
          out[((b * e.tq + t) * e.h + h) * e.dv + i] +=
              p * v[((b * e.tk + j) * e.hkv + kv) * e.dv + i];
        }
      }
      for (int i = 0; i < e.dv && total > 0; i++) {
        out[((b * e.tq + t) * e.h + h) * e.dv + i] /= total;
      }
      lse[row] = total > 0 ? top + Math.log(total) : Double.NEGATIVE_INFINITY;
    }
    return new Expected(out, lse);
  }

  private static void check(
      Functions tier, Attention op, Extents e, DType kv, int[] starts, int[] lengths) {
    check(tier, op, e, kv, Precision.EXACT, starts, lengths);
    check(tier, op, e, kv, Precision.FAST, starts, lengths);
  }

  private static void check(
      Functions tier,
      Attention op,
      Extents e,
      DType kv,
      Precision precision,
      int[] starts,
      int[] lengths) {
    Random random = new Random(e.hashCode());
    TensorView q = Harness.floats(random, e.b, e.tq, e.h, e.d);
    // K and V are slices of a longer cache, as in decoding.
    TensorView kCache = Harness.stored(random, kv, e.b, e.tk + 7, e.hkv, e.d);
    TensorView vCache = Harness.stored(random, kv, e.b, e.tk + 7, e.hkv, e.dv);
    TensorView k = Harness.view(kCache, kCache.layout().slice(1, 0, e.tk, 1));
    TensorView v = Harness.view(vCache, vCache.layout().slice(1, 0, e.tk, 1));
    List<TensorView> in = new ArrayList<>(List.of(q, k, v));
    double[] mask = {};
    if (op.hasMask()) {
      TensorView m = Harness.floats(random, e.h, 1, e.tk);
      m.segment().setAtIndex(ValueLayout.JAVA_FLOAT, 0, Float.NEGATIVE_INFINITY);
      in.add(m);
      double[] values = Harness.values(m);
      mask = new double[e.h * e.tq * e.tk];
      for (int i = 0; i < mask.length; i++) {
        mask[i] = values[i / (e.tq * e.tk) * e.tk + i % e.tk];
      }
    }
    if (op.hasStarts()) {
      in.add(Harness.ints(starts));
    }
    if (op.hasLengths()) {
      in.add(Harness.ints(lengths));
    }
    List<TensorView> results = Harness.run(tier, op, true, precision, in);
    Expected x =
        expected(
            op, e, Harness.values(q), Harness.values(k), Harness.values(v), mask, starts, lengths);
    String what = tier.describe() + " " + op + " " + e + " " + kv + " " + precision;
    boolean rounded =
        precision == Precision.FAST && kv != ScalarType.F32 && tier.tiers().contains(Tier.AMX);
    double error = Harness.maxError(Harness.values(results.get(0)), x.out);
    assertTrue(error < (rounded ? ROUNDED : 3e-6), what + ": " + error);
    double[] lse = Harness.values(results.get(1));
    for (int i = 0; i < lse.length; i++) {
      assertEquals(x.lse[i], lse[i], rounded ? 1e-4 : 1e-5, what);
    }
  }

  private static Attention op(
      boolean causal, float cap, int window, boolean mask, boolean starts, boolean lengths) {
    return new Attention(causal, 0.125f, cap, window, mask, starts, lengths);
  }

  private static final int[] NONE = {};

  @Test
  void prefillAndDecode() {
    for (Functions tier : Harness.tiers()) {
      for (DType kv : KEYS_AND_VALUES) {
        check(
            tier,
            op(true, 0, 0, false, false, false),
            new Extents(1, 40, 40, 4, 2, 32, 32),
            kv,
            NONE,
            NONE);
        check(
            tier,
            op(true, 0, 0, false, false, false),
            new Extents(2, 1, 140, 6, 2, kv.isBlock() ? 96 : 48, kv.isBlock() ? 64 : 48),
            kv,
            NONE,
            NONE);
      }
    }
  }

  @Test
  void slicesMasksWindowsAndUnevenLengths() {
    for (Functions tier : Harness.tiers()) {
      check(
          tier,
          op(true, 0, 0, false, false, false),
          new Extents(1, 300, 300, 2, 1, 16, 16),
          ScalarType.F32,
          NONE,
          NONE);
      check(
          tier,
          op(true, 0, 0, false, false, false),
          new Extents(1, 300, 600, 2, 1, 40, 24),
          ScalarType.F16,
          NONE,
          NONE);
      check(
          tier,
          op(false, 0, 0, true, false, false),
          new Extents(2, 5, 33, 4, 4, 17, 9),
          ScalarType.BF16,
          NONE,
          NONE);
      check(
          tier,
          op(true, 20, 16, false, true, true),
          new Extents(3, 4, 150, 4, 1, 64, 64),
          ScalarType.F16,
          new int[] {0, 100, 146},
          new int[] {4, 104, 150});
      check(
          tier,
          op(true, 0, 0, true, true, true),
          new Extents(2, 3, 20, 2, 2, 8, 8),
          ScalarType.F32,
          new int[] {-2, 7},
          new int[] {0, 10});
    }
  }

  @Test
  void stepsOverManyPieces() {
    for (Functions tier : Harness.tiers()) {
      for (DType kv : KEYS_AND_VALUES) {
        boolean blocks = kv.isBlock();
        check(
            tier,
            op(true, 0, 0, false, false, false),
            new Extents(1, 1, 1300, 8, 2, 64, 64),
            kv,
            NONE,
            NONE);
        check(
            tier,
            op(true, 30, 400, true, true, true),
            new Extents(4, 1, 900, 3, 1, blocks ? 32 : 33, blocks ? 160 : 17),
            kv,
            new int[] {899, 511, 0, 20},
            new int[] {900, 512, 1, 0});
        check(
            tier,
            op(false, 0, 0, true, false, true),
            new Extents(
                2, 1, 700, 9, 1, blocks ? 32 : 16, blocks ? 96 : 80), // nine heads to one: no step
            kv,
            NONE,
            new int[] {700, 255});
      }
    }
  }

  @Test
  void wideKeysAreRoundedOnRequestOnly() {
    TensorView q = Harness.empty(ScalarType.F32, 1, 40, 4, 64);
    for (Functions tier : Harness.tiers()) {
      for (DType kv : KEYS_AND_VALUES) {
        TensorView k = Harness.empty(kv, 1, 40, 2, 64);
        for (Precision precision : List.of(Precision.EXACT, Precision.FAST, Precision.BF16)) {
          Attention op = op(true, 0, 0, false, false, false);
          String name =
              Objects.requireNonNull(
                      NativeKernels.find(
                          tier, Harness.signature(op, List.of(q, k, k), false, precision)))
                  .name();
          boolean tiles =
              tier.tiers().contains(Tier.AMX)
                  && precision != Precision.EXACT
                  && (precision == Precision.BF16 || kv != ScalarType.F32);
          assertEquals(tiles, name.equals("attention amx"), name + " " + kv + " " + precision);
        }
      }
    }
  }

  @Test
  void f64IsLeftToOthers() {
    Functions tier = Harness.tiers().getFirst();
    TensorView x = Harness.empty(ScalarType.F64, 1, 2, 1, 4);
    assertNull(
        NativeKernels.find(
            tier,
            Harness.signature(
                op(true, 0, 0, false, false, false), List.of(x, x, x), false, Precision.EXACT)));
  }
}
