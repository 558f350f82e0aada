package dev.quern.testkit;

import dev.quern.core.op.BufferOp;
import dev.quern.core.op.CreateOp;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.testkit.Samples.Mix;
import java.util.List;

/** Creation, random numbers, and writes to buffers. */
final class StateCases {
  private StateCases() {}

  static void add(List<KernelCase> to) {
    for (ScalarType t : ScalarType.values()) {
      for (long n : KernelCases.sizes(t)) {
        to.add(KernelCase.of(new CreateOp.Full(t, Shape.of(n), 1.3)));
        if (t != ScalarType.BOOL && t.isArithmetic()) {
          to.add(KernelCase.of(new CreateOp.Arange(t, -3, 2, n)));
          to.add(KernelCase.of(new CreateOp.Arange(t, 0.25, 0.1, n)));
        }
      }
      to.add(KernelCase.of(new CreateOp.Full(t, Shape.SCALAR, -1e6)));
      assign(to, t);
    }
    for (ScalarType t : List.of(ScalarType.F32, ScalarType.F64)) {
      Samples s = new Samples(t.ordinal());
      adamW(to, t, s);
      for (long n : KernelCases.SIZES) {
        Operand seed =
            s.given(ScalarType.I64, LayoutKind.CONTIGUOUS, Shape.of(2), 1234567 + n, 1L << 32);
        to.add(KernelCase.of(new CreateOp.RandomUniform(t, Shape.of(n)), seed));
        to.add(KernelCase.of(new CreateOp.RandomNormal(t, Shape.of(n)), seed));
      }
    }
    for (DType cache :
        List.of(
            ScalarType.F32, ScalarType.F16, ScalarType.BF16, ScalarType.F8_E4M3, BlockType.Q8_0)) {
      cacheWrite(to, cache, ScalarType.F32);
      cacheWrite(to, cache, cache);
    }
  }

  private static void assign(List<KernelCase> to, ScalarType t) {
    Samples s = new Samples(t.ordinal());
    for (LayoutKind kind : LayoutKind.values()) {
      if (kind == LayoutKind.BROADCAST) {
        continue;
      }
      Operand target = s.of(t, kind, Mix.PLAIN, 3, 17);
      to.add(KernelCase.of(new BufferOp.Assign(), target, s.of(t, kind, Mix.HUGE, 3, 17)));
      Operand row = s.of(t, LayoutKind.CONTIGUOUS, Mix.HUGE, 17);
      to.add(KernelCase.of(new BufferOp.Assign(), target, row));
      to.add(
          KernelCase.of(new BufferOp.Assign(), target, s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN)));
    }
  }

  private static void adamW(List<KernelCase> to, ScalarType t, Samples s) {
    LayoutKind contiguous = LayoutKind.CONTIGUOUS;
    for (LayoutKind kind : List.of(contiguous, LayoutKind.OFFSET, LayoutKind.ROWS)) {
      for (long n : new long[] {1, 17, 255, 20_001}) {
        Operand p = s.of(t, kind, Mix.PLAIN, 3, n);
        Operand g = s.of(t, kind, Mix.PLAIN, 3, n);
        Operand m = s.of(t, kind, Mix.PLAIN, 0.1, 3, n);
        Operand v = s.given(t, kind, Shape.of(3, n), 0, 0.01, 1, 1e-6, 0.3);
        Operand scalars = s.given(t, LayoutKind.OFFSET, Shape.of(4), 0.01, 0.001, 2, 3);
        for (double by : n == 17 ? new double[] {0.25, Double.NaN} : new double[] {0.25}) {
          Operand scale = s.given(t, contiguous, Shape.SCALAR, by);
          to.add(KernelCase.of(new BufferOp.AdamW(0.9, 0.999, 1e-8), p, g, m, v, scalars, scale));
        }
      }
    }
  }

  private static void cacheWrite(List<KernelCase> to, DType cache, DType rows) {
    Samples s = new Samples(cache.name().hashCode() + rows.blockBytes());
    for (long t : new long[] {1, 3, 8}) {
      for (long d : cache.isBlock() ? new long[] {32, 64, 160} : new long[] {1, 8, 17, 64}) {
        Operand target = s.of(cache, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, 8, 3, d);
        Operand starts =
            s.integers(ScalarType.I32, LayoutKind.CONTIGUOUS, Shape.of(2), 0, 8 - t + 1);
        Operand x = s.of(rows, LayoutKind.CONTIGUOUS, Mix.HUGE, 2, t, 3, d);
        to.add(KernelCase.of(new BufferOp.CacheWrite(), target, x, starts));
        Operand memory = s.of(cache, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, 3, 8, d);
        Layout headFirst = memory.view().layout().permute(List.of(0, 2, 1, 3));
        to.add(KernelCase.of(new BufferOp.CacheWrite(), memory.with(headFirst), x, starts));
      }
    }
  }
}
