package dev.quern.testkit;

import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.AttentionOp.Rope;
import dev.quern.core.op.Op;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.testkit.Samples.Mix;
import java.util.ArrayList;
import java.util.List;

/** Attention with every option, and the rotary embedding. */
final class AttentionCases {
  /** Extents of one case; hkv divides h. */
  private record Size(long b, long tq, long tk, long h, long hkv, long d, long dv) {}

  private static final List<Size> SIZES =
      List.of(
          new Size(1, 1, 1, 1, 1, 8, 8),
          new Size(1, 1, 257, 4, 2, 16, 16),
          new Size(2, 3, 5, 2, 2, 15, 17),
          new Size(1, 17, 17, 3, 1, 33, 33),
          new Size(2, 5, 65, 6, 2, 64, 64),
          new Size(1, 33, 40, 4, 4, 31, 65));

  /** More queries and keys than fit a tile, and the head sizes that kernels are made for. */
  private static final List<Size> LARGE_SIZES =
      List.of(
          new Size(1, 70, 150, 4, 2, 80, 80),
          new Size(2, 130, 130, 1, 1, 128, 128),
          new Size(1, 67, 200, 2, 1, 96, 64),
          new Size(1, 66, 70, 1, 1, 256, 256));

  private static final Size LONG = new Size(1, 1, 1025, 2, 1, 128, 128);

  /** For keys and values in blocks of 32, which heads must fill. */
  private static final List<Size> BLOCK_SIZES =
      List.of(
          new Size(1, 1, 1, 1, 1, 32, 32),
          new Size(1, 1, 257, 4, 2, 32, 64),
          new Size(2, 3, 5, 2, 2, 96, 32),
          new Size(1, 17, 17, 3, 1, 32, 160),
          new Size(2, 5, 65, 6, 2, 64, 64),
          new Size(1, 33, 40, 4, 4, 160, 96));

  /**
   * The deviation of queries and keys whose scores, of size 1, are rounded by far less than 1: of
   * large ones exp would make anything.
   */
  static final double SMALL = 0.15;

  private AttentionCases() {}

  static void add(List<KernelCase> to) {
    for (ScalarType t : List.of(ScalarType.F32, ScalarType.F64, ScalarType.F16, ScalarType.BF16)) {
      attention(to, t, t, 1);
      rope(to, t);
    }
    for (ScalarType t : List.of(ScalarType.F16, ScalarType.BF16)) {
      List<KernelCase> exact = new ArrayList<>();
      attention(exact, t, t, 1);
      large(exact, t, t);
      large(exact, ScalarType.F32, t);
      exact.forEach(c -> to.add(c.fast()));
    }
    for (DType kv : List.of(ScalarType.F8_E4M3, BlockType.Q8_0)) {
      List<KernelCase> exact = new ArrayList<>();
      large(exact, ScalarType.F32, kv);
      exact.forEach(c -> to.add(c.fast()));
    }
    for (DType kv : List.of(ScalarType.F16, ScalarType.BF16, ScalarType.F8_E4M3, BlockType.Q8_0)) {
      List<KernelCase> exact = new ArrayList<>();
      attention(exact, ScalarType.F32, kv, 1);
      to.addAll(exact);
      exact.forEach(c -> to.add(c.fast()));
    }
    for (DType kv : List.of(ScalarType.F32, ScalarType.F16)) {
      List<KernelCase> small = new ArrayList<>();
      attention(small, ScalarType.F32, kv, SMALL);
      small.forEach(c -> to.add(c.rounded()));
    }
  }

  private static int ordinal(DType kv) {
    return kv instanceof ScalarType k ? k.ordinal() : -1;
  }

  private static void attention(List<KernelCase> to, ScalarType t, DType kv, double deviation) {
    Samples s = new Samples(31 * t.ordinal() + ordinal(kv));
    for (Size z : kv.isBlock() ? BLOCK_SIZES : SIZES) {
      for (boolean causal : new boolean[] {false, true}) {
        to.add(
            one(
                s,
                t,
                kv,
                deviation,
                z,
                new Attention(causal, 0.2f, 0, 0, false, false, false),
                false));
        to.add(
            one(
                s,
                t,
                kv,
                deviation,
                z,
                new Attention(causal, 0.1f, 3, 0, true, false, false),
                true));
        to.add(
            one(
                s,
                t,
                kv,
                deviation,
                z,
                new Attention(causal, 0.2f, 0, 4, false, true, true),
                false));
        to.add(
            one(
                s,
                t,
                kv,
                deviation,
                z,
                new Attention(causal, 0.2f, 5, 0, true, true, true),
                false));
        to.add(
            one(
                s,
                t,
                kv,
                deviation,
                z,
                new Attention(causal, 0.2f, 0, 3, true, false, true),
                true));
      }
      KernelCase c =
          one(s, t, kv, deviation, z, new Attention(true, 0.2f, 0, 0, false, false, false), false);
      to.add(c.withResiduals());
    }
    Attention decode = new Attention(true, 0.2f, 0, 0, false, true, true);
    to.add(one(s, t, kv, deviation, LONG, decode, false));
    edges(to, t, kv, deviation);
  }

  private static void large(List<KernelCase> to, ScalarType t, DType kv) {
    Samples s = new Samples(61 * t.ordinal() + ordinal(kv));
    for (Size z : LARGE_SIZES) {
      if (z.d % kv.blockLength() != 0 || z.dv % kv.blockLength() != 0) {
        continue;
      }
      Attention causal = new Attention(true, 0.1f, 0, 0, false, false, false);
      to.add(one(s, t, kv, 1, z, causal, false).withResiduals());
      Attention all = new Attention(false, 0.1f, 0, 0, false, false, true);
      to.add(one(s, t, kv, 1, z, all, false));
      Attention window = new Attention(true, 0.1f, 0, 40, false, true, true);
      to.add(one(s, t, kv, 1, z, window, false));
      Attention capped = new Attention(true, 0.1f, 4, 0, true, false, false);
      to.add(one(s, t, kv, 1, z, capped, false).withResiduals());
      to.add(one(s, t, kv, 1, z, capped, true));
    }
  }

  /** No keys, all keys, and queries before the first key or far behind the last. */
  private static void edges(List<KernelCase> to, ScalarType t, DType kv, double deviation) {
    Samples s = new Samples(t.ordinal() + 7);
    for (long tq : new long[] {1, 3, 33}) {
      long tk = 40;
      double[][] lengths = {{0, tk}, {tk, 0}, {0, 0}, {1, tk - 1}};
      double[][] starts = {
        {0, tk}, {-1, tk - 1}, {-tq, -tq + 1}, {Integer.MIN_VALUE, Integer.MAX_VALUE}
      };
      for (double[] length : lengths) {
        for (double[] start : starts) {
          for (int window : new int[] {0, 5}) {
            for (boolean causal : new boolean[] {false, true}) {
              KernelCase both =
                  edge(
                      s,
                      t,
                      kv,
                      deviation,
                      tq,
                      new Attention(causal, 0.2f, 0, window, false, true, true));
              to.add(both.withLast(start, length));
            }
          }
        }
        KernelCase one =
            edge(s, t, kv, deviation, tq, new Attention(true, 0.2f, 0, 0, false, false, true));
        to.add(one.withLast(length));
        to.add(one.withLast(length).withResiduals());
      }
    }
  }

  private static KernelCase edge(
      Samples s, ScalarType t, DType kv, double deviation, long tq, Attention op) {
    long d = Math.max(16, kv.blockLength());
    return one(s, t, kv, deviation, new Size(2, tq, 40, 4, 2, d, d), op, false);
  }

  private static KernelCase one(
      Samples s, ScalarType t, DType kv, double deviation, Size z, Attention op, boolean booleans) {
    List<Operand> in = new ArrayList<>();
    in.add(heads(s, t, deviation, z.b, z.tq, z.h, z.d));
    in.add(s.of(kv, LayoutKind.CONTIGUOUS, Mix.PLAIN, deviation, z.b, z.tk, z.hkv, z.d));
    in.add(heads(s, kv, 1, z.b, z.tk, z.hkv, z.dv));
    if (op.hasMask()) {
      in.add(
          booleans
              ? s.of(ScalarType.BOOL, LayoutKind.CONTIGUOUS, Mix.PLAIN, z.b, 1, z.tq, z.tk)
              : s.given(
                  t,
                  LayoutKind.ROWS,
                  Shape.of(z.h, z.tq, z.tk),
                  0,
                  -1,
                  0.5,
                  Double.NEGATIVE_INFINITY,
                  2));
    }
    if (op.hasStarts()) {
      Shape shape = Shape.of(z.b);
      in.add(s.integers(ScalarType.I32, LayoutKind.CONTIGUOUS, shape, 0, z.tk - z.tq + 1));
    }
    if (op.hasLengths()) {
      in.add(s.integers(ScalarType.I32, LayoutKind.CONTIGUOUS, Shape.of(z.b), z.tq, z.tk + 1));
    }
    return new KernelCase(op, List.copyOf(in), Precision.EXACT, false);
  }

  /** [b, t, h, d] as a view of memory [b, h, t, d]. */
  private static Operand heads(
      Samples s, DType type, double deviation, long b, long t, long h, long d) {
    Operand o = s.of(type, LayoutKind.CONTIGUOUS, Mix.PLAIN, deviation, b, h, t, d);
    return o.with(o.view().layout().permute(List.of(0, 2, 1, 3)));
  }

  private static void rope(List<KernelCase> to, ScalarType t) {
    Samples s = new Samples(t.ordinal());
    ScalarType f = t == ScalarType.F64 ? ScalarType.F64 : ScalarType.F32;
    for (boolean interleaved : new boolean[] {false, true}) {
      Op op = new Rope(interleaved);
      for (ScalarType index : List.of(ScalarType.I32, ScalarType.I64)) {
        double far = index == ScalarType.I64 ? 0x1p40 : Integer.MAX_VALUE;
        to.add(
            KernelCase.of(
                op,
                s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 7, 3, 64),
                s.given(
                    index,
                    LayoutKind.CONTIGUOUS,
                    Shape.of(7),
                    0,
                    1,
                    131_071,
                    -1,
                    -131_072,
                    Integer.MIN_VALUE,
                    far),
                s.given(f, LayoutKind.CONTIGUOUS, Shape.of(32), 1, 0.3, 0.07, 0.01, 0.002)));
      }
      for (long half : new long[] {1, 4, 8, 16, 17, 32, 64}) {
        for (long rest : new long[] {0, 5}) {
          Operand frequencies =
              s.given(f, LayoutKind.CONTIGUOUS, Shape.of(half), 1, 0.3, 0.07, 0.01, 0.002);
          Operand x = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, 3, 5, 2 * half + rest);
          Operand positions =
              s.integers(ScalarType.I32, LayoutKind.CONTIGUOUS, Shape.of(2, 3), 0, 4098);
          to.add(KernelCase.of(op, x, positions, frequencies));
        }
      }
      for (LayoutKind kind : LayoutKind.values()) {
        Operand x = s.of(t, kind, Mix.PLAIN, 2, 3, 5, 16);
        Operand positions = s.integers(ScalarType.I64, LayoutKind.CONTIGUOUS, Shape.of(3), 0, 50);
        Operand shared = positions.with(positions.view().layout().expand(Shape.of(2, 3)));
        Operand frequencies = s.given(f, kind, Shape.of(8), 1, 0.3, 0.1);
        to.add(KernelCase.of(op, x, shared, frequencies));
      }
      to.add(
          KernelCase.of(
              op,
              heads(s, t, 1, 2, 3, 5, 16),
              s.integers(ScalarType.I32, LayoutKind.CONTIGUOUS, Shape.of(2, 3), 0, 50),
              s.given(f, LayoutKind.CONTIGUOUS, Shape.of(8), 1, 0.3, 0.1)));
    }
  }
}
