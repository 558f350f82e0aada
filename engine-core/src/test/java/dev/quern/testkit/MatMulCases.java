package dev.quern.testkit;

import dev.quern.core.op.MatMulOp;
import dev.quern.core.reference.BlockCodecs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.testkit.Samples.Mix;
import java.util.List;

/** Matrix products and linear layers in every pair of dtypes. */
final class MatMulCases {
  private static final long[][] SIZES = {
    {1, 1, 1},
    {1, 3, 15},
    {3, 1, 17},
    {2, 15, 16},
    {1, 17, 33},
    {5, 16, 31},
    {16, 16, 16},
    {17, 33, 65},
    {1, 255, 63},
    {31, 31, 31},
    {33, 65, 127},
    {3, 257, 255},
    {65, 17, 257},
    {1, 63, 4097},
    {2, 4097, 3},
    {127, 15, 33},
    {64, 64, 64},
    {4, 128, 256}
  };

  /** Of products whose left operand is a transposed view: gradients of weights. */
  private static final long[][] TRANSPOSED = {
    {17, 33, 65}, {65, 40, 130}, {20, 70, 33}, {300, 17, 40}
  };

  private static final long[][] EMPTY = {
    {0, 17, 33}, {3, 0, 33}, {1, 130, 0}, {2, 63, 0}, {7, 130, 0}, {520, 3, 0}
  };

  private static final long[] BLOCKS = {1, 2, 3, 8, 11, 16};
  private static final long[][] ROWS = {
    {1, 1}, {1, 3}, {2, 17}, {3, 16}, {5, 31}, {16, 33}, {17, 65}, {33, 15}, {1, 257}
  };

  private MatMulCases() {}

  static void add(List<KernelCase> to) {
    for (ScalarType t :
        List.of(
            ScalarType.F32, ScalarType.F64, ScalarType.F16, ScalarType.BF16, ScalarType.F8_E4M3)) {
      plain(to, t, t);
    }
    for (ScalarType x : List.of(ScalarType.F32, ScalarType.BF16)) {
      for (ScalarType w :
          List.of(ScalarType.F32, ScalarType.F16, ScalarType.BF16, ScalarType.F8_E4M3)) {
        if (x != w) {
          plain(to, x, w);
        }
      }
      for (BlockType w : BlockCodecs.supported()) {
        blocks(to, x, w);
      }
    }
  }

  /** The dtype of results, and of a bias. */
  private static ScalarType result(ScalarType x) {
    return x == ScalarType.F8_E4M3 ? ScalarType.F32 : x;
  }

  private static void both(List<KernelCase> to, DType w, KernelCase c) {
    to.add(c);
    if (w.blockBytes() <= 2 || w.isBlock()) {
      to.add(c.fast());
    }
    if (w == ScalarType.F32 || w == ScalarType.F16) {
      to.add(c.rounded());
    }
  }

  /** The products of a size. */
  private static void size(List<KernelCase> to, Samples s, ScalarType x, ScalarType w, long[] mnk) {
    long m = mnk[0];
    long n = mnk[1];
    long k = mnk[2];
    Operand a = s.of(x, LayoutKind.CONTIGUOUS, Mix.PLAIN, m, k);
    Operand b = s.of(w, LayoutKind.CONTIGUOUS, Mix.PLAIN, k, n);
    Operand weight = s.of(w, LayoutKind.CONTIGUOUS, Mix.PLAIN, n, k);
    both(to, w, KernelCase.of(new MatMulOp.MatMul(), a, b));
    both(to, w, KernelCase.of(new MatMulOp.MatMul(), a, Samples.transposed(weight)));
    both(to, w, KernelCase.of(new MatMulOp.Linear(false), a, weight));
    Operand bias = s.of(result(x), LayoutKind.CONTIGUOUS, Mix.PLAIN, n);
    both(to, w, KernelCase.of(new MatMulOp.Linear(true), a, weight, bias));
  }

  private static void plain(List<KernelCase> to, ScalarType x, ScalarType w) {
    Samples s = new Samples(31 * x.ordinal() + w.ordinal());
    LayoutKind[] kinds = LayoutKind.values();
    // all sizes for F32, every second one for each other pair
    boolean all = x == ScalarType.F32 && w == ScalarType.F32;
    int first = all ? 0 : (x.ordinal() + w.ordinal()) % 2;
    for (int i = first; i < SIZES.length; i += all ? 1 : 2) {
      size(to, s, x, w, SIZES[i]);
    }
    Operand bias = s.of(result(x), LayoutKind.CONTIGUOUS, Mix.PLAIN, 17);
    for (LayoutKind kind : kinds) {
      Operand a = s.of(x, kind, Mix.PLAIN, 5, 33);
      Operand b = s.of(w, kind, Mix.PLAIN, 33, 17);
      Operand plain = s.of(x, LayoutKind.CONTIGUOUS, Mix.PLAIN, 5, 33);
      both(to, w, KernelCase.of(new MatMulOp.MatMul(), a, b));
      both(to, w, KernelCase.of(new MatMulOp.MatMul(), plain, b));
      Operand weight = s.of(w, kind, Mix.PLAIN, 17, 33);
      both(to, w, KernelCase.of(new MatMulOp.Linear(false), a, weight));
      both(to, w, KernelCase.of(new MatMulOp.Linear(false), plain, weight));
      both(to, w, KernelCase.of(new MatMulOp.Linear(true), plain, weight, bias));
    }
    Operand reversed = s.of(x, LayoutKind.REVERSED, Mix.PLAIN, 3, 20, 33);
    Operand right = Samples.transposed(s.of(w, LayoutKind.REVERSED, Mix.PLAIN, 3, 40, 33));
    both(to, w, KernelCase.of(new MatMulOp.MatMul(), reversed, right));
    Operand manyRows = s.of(x, LayoutKind.REVERSED, Mix.PLAIN, 1000, 64);
    Operand fewRows = s.of(w, LayoutKind.REVERSED, Mix.PLAIN, 48, 64);
    both(to, w, KernelCase.of(new MatMulOp.MatMul(), manyRows, Samples.transposed(fewRows)));
    for (long[] mnk : TRANSPOSED) {
      Operand a = Samples.transposed(s.of(x, LayoutKind.CONTIGUOUS, Mix.PLAIN, mnk[2], mnk[0]));
      Operand b = s.of(w, LayoutKind.CONTIGUOUS, Mix.PLAIN, mnk[2], mnk[1]);
      Operand weight = s.of(w, LayoutKind.CONTIGUOUS, Mix.PLAIN, mnk[1], mnk[2]);
      both(to, w, KernelCase.of(new MatMulOp.MatMul(), a, b));
      both(to, w, KernelCase.of(new MatMulOp.MatMul(), a, Samples.transposed(weight)));
      Operand rows = s.of(x, LayoutKind.CONTIGUOUS, Mix.PLAIN, mnk[0], mnk[2]);
      Operand added = s.of(result(x), LayoutKind.CONTIGUOUS, Mix.PLAIN, mnk[1]);
      both(to, w, KernelCase.of(new MatMulOp.Linear(true), rows, Samples.transposed(b), added));
    }
    both(
        to,
        w,
        KernelCase.of(
            new MatMulOp.MatMul(),
            s.of(x, LayoutKind.CONTIGUOUS, Mix.PLAIN, 3, 20, 33),
            s.of(w, LayoutKind.CONTIGUOUS, Mix.PLAIN, 33, 40)));
    Operand batched = s.of(x, LayoutKind.CONTIGUOUS, Mix.PLAIN, 3, 2, 5, 17);
    both(
        to,
        w,
        KernelCase.of(
            new MatMulOp.MatMul(), batched, s.of(w, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, 17, 4)));
    both(
        to,
        w,
        KernelCase.of(
            new MatMulOp.MatMul(), batched, s.of(w, LayoutKind.BROADCAST, Mix.PLAIN, 3, 1, 17, 4)));
    both(
        to,
        w,
        KernelCase.of(
            new MatMulOp.Linear(false), batched, s.of(w, LayoutKind.ROWS, Mix.PLAIN, 9, 17)));
    both(
        to,
        w,
        KernelCase.of(
            new MatMulOp.Linear(false),
            s.of(x, LayoutKind.CONTIGUOUS, Mix.PLAIN, 17),
            s.of(w, LayoutKind.CONTIGUOUS, Mix.PLAIN, 9, 17)));
    to.add(
        KernelCase.of(
            new MatMulOp.MatMul(),
            s.of(x, LayoutKind.CONTIGUOUS, Mix.EDGES, 9, 3),
            s.of(w, LayoutKind.CONTIGUOUS, Mix.EDGES, 3, 17)));
    to.add(
        KernelCase.of(
            new MatMulOp.Linear(false),
            s.of(x, LayoutKind.CONTIGUOUS, Mix.EDGES, 33, 3),
            s.of(w, LayoutKind.CONTIGUOUS, Mix.EDGES, 35, 3)));
    for (long[] mnk : EMPTY) {
      size(to, s, x, w, mnk);
    }
    both(
        to,
        w,
        KernelCase.of(
            new MatMulOp.MatMul(),
            s.of(x, LayoutKind.CONTIGUOUS, Mix.PLAIN, 3, 2, 5, 0),
            s.of(w, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, 0, 70)));
  }

  private static void blocks(List<KernelCase> to, ScalarType x, BlockType w) {
    Samples s = new Samples(31 * x.ordinal() + w.ordinal());
    long unit = w.blockLength();
    for (long count : BLOCKS) {
      if (count * unit > 2048) {
        continue;
      }
      for (long[] mn : ROWS) {
        long k = count * unit;
        Operand a = s.of(x, LayoutKind.CONTIGUOUS, Mix.PLAIN, mn[0], k);
        Operand weight = s.of(w, LayoutKind.CONTIGUOUS, Mix.PLAIN, mn[1], k);
        both(to, w, KernelCase.of(new MatMulOp.Linear(false), a, weight));
      }
    }
    long k = 2 * unit;
    for (LayoutKind kind : LayoutKind.values()) {
      Operand a = s.of(x, kind, Mix.PLAIN, 5, k);
      Operand weight = s.of(w, kind, Mix.PLAIN, 32, k);
      Operand bias = s.of(x, LayoutKind.CONTIGUOUS, Mix.PLAIN, 32);
      both(to, w, KernelCase.of(new MatMulOp.Linear(true), a, weight, bias));
      both(to, w, KernelCase.of(new MatMulOp.MatMul(), a, Samples.transposed(weight)));
    }
    Operand batched = s.of(x, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, 3, k);
    Operand rows = s.of(w, LayoutKind.ROWS, Mix.PLAIN, 2, 17, k);
    both(to, w, KernelCase.of(new MatMulOp.MatMul(), batched, Samples.transposed(rows)));
    Operand extreme = s.of(w, LayoutKind.CONTIGUOUS, Mix.EDGES, 33, k);
    to.add(
        KernelCase.of(
            new MatMulOp.Linear(false), s.of(x, LayoutKind.CONTIGUOUS, Mix.PLAIN, 3, k), extreme));
    to.add(
        KernelCase.of(
                new MatMulOp.Linear(false),
                s.given(x, LayoutKind.CONTIGUOUS, Shape.of(2, k), 0),
                extreme)
            .fast());
  }
}
