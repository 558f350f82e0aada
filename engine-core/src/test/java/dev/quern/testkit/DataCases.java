package dev.quern.testkit;

import dev.quern.core.op.DataOp;
import dev.quern.core.op.Op;
import dev.quern.core.reference.BlockCodecs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.testkit.Samples.Mix;
import java.util.List;

/** Conversions, copies, joins and look-ups. */
final class DataCases {
  private DataCases() {}

  static void add(List<KernelCase> to) {
    for (ScalarType from : ScalarType.values()) {
      for (ScalarType type : ScalarType.values()) {
        if (from != type) {
          casts(to, from, new DataOp.Cast(type));
        }
      }
    }
    for (BlockType b : BlockCodecs.supported()) {
      blocks(to, b);
    }
    for (ScalarType t : ScalarType.values()) {
      moves(to, t);
      embedding(to, t, t, 17);
    }
    for (ScalarType t :
        List.of(ScalarType.F16, ScalarType.BF16, ScalarType.F64, ScalarType.F8_E4M3)) {
      embedding(to, t, ScalarType.F32, 65);
    }
  }

  private static void casts(List<KernelCase> to, ScalarType from, Op op) {
    Samples s = new Samples(op.toString().hashCode() + from.ordinal());
    for (long n : KernelCases.sizes(from)) {
      to.add(KernelCase.of(op, s.of(from, LayoutKind.CONTIGUOUS, Mix.HUGE, 100.0, n)));
    }
    for (LayoutKind kind : KernelCases.layouts(from)) {
      to.add(KernelCase.of(op, s.of(from, kind, Mix.HUGE, 3, 33)));
    }
  }

  private static void blocks(List<KernelCase> to, BlockType b) {
    Samples s = new Samples(b.ordinal());
    long unit = b.blockLength();
    for (LayoutKind kind : LayoutKind.values()) {
      for (long rows : new long[] {1, 3, 17}) {
        Operand x = s.of(b, kind, Mix.EDGES, rows, 2 * unit);
        to.add(KernelCase.of(new DataOp.Cast(ScalarType.F32), x));
        to.add(KernelCase.of(new DataOp.Contiguous(), x));
        for (Mix mix : Mix.values()) {
          Operand f = s.of(ScalarType.F32, kind, mix, rows, 2 * unit);
          to.add(KernelCase.of(new DataOp.Cast(b), f));
        }
      }
    }
    Shape row = Shape.of(1, unit);
    to.add(
        KernelCase.of(new DataOp.Cast(b), s.given(ScalarType.F32, LayoutKind.CONTIGUOUS, row, 0)));
    to.add(
        KernelCase.of(
            new DataOp.Cast(b), s.given(ScalarType.F32, LayoutKind.CONTIGUOUS, row, -0.0, 3, -7)));
    embedding(to, b, ScalarType.F32, 3 * unit);
  }

  private static void moves(List<KernelCase> to, ScalarType t) {
    Samples s = new Samples(t.ordinal());
    for (LayoutKind kind : KernelCases.layouts(t)) {
      Operand x = s.of(t, kind, Mix.HUGE, 3, 5, 17);
      to.add(KernelCase.of(new DataOp.Contiguous(), x));
      to.add(KernelCase.of(new DataOp.Concat(-1), x, s.of(t, kind, Mix.EDGES, 3, 5, 4), x));
      to.add(KernelCase.of(new DataOp.Concat(0), x, s.of(t, kind, Mix.EDGES, 1, 5, 17)));
      to.add(KernelCase.of(new DataOp.Concat(1), x, s.of(t, kind, Mix.EDGES, 3, 2, 17)));
      Operand c = s.of(ScalarType.BOOL, kind, Mix.PLAIN, 3, 5, 17);
      Operand row = s.of(t, LayoutKind.CONTIGUOUS, Mix.EDGES, 5, 1);
      to.add(KernelCase.of(new DataOp.Where(), c, x, s.of(t, kind, Mix.EDGES, 3, 5, 17)));
      to.add(KernelCase.of(new DataOp.Where(), c, row, s.of(t, kind, Mix.EDGES, 17)));
      for (int axis = -1; axis < 2; axis++) {
        long extent = x.view().shape().dim(axis);
        ScalarType index = axis == 0 ? ScalarType.I32 : ScalarType.I64;
        Operand some = s.integers(index, kind, Shape.of(2, 3), -extent, extent);
        to.add(KernelCase.of(new DataOp.IndexSelect(axis), x, some));
        Operand each = s.integers(index, kind, Shape.of(3, 5, 17).with(axis, 4), -extent, extent);
        to.add(KernelCase.of(new DataOp.Gather(axis), x, each));
      }
    }
    for (long n : KernelCases.sizes(t)) {
      Operand x = s.of(t, LayoutKind.TRANSPOSED, Mix.EDGES, 3, n);
      to.add(KernelCase.of(new DataOp.Contiguous(), x));
    }
  }

  private static void embedding(List<KernelCase> to, DType t, ScalarType result, long d) {
    Samples s = new Samples(t.name().hashCode());
    for (LayoutKind kind :
        List.of(
            LayoutKind.CONTIGUOUS,
            LayoutKind.ROWS,
            LayoutKind.OFFSET,
            LayoutKind.STEPPED,
            LayoutKind.REVERSED)) {
      Operand table = s.of(t, kind, Mix.EDGES, 9, d);
      for (ScalarType index : List.of(ScalarType.I32, ScalarType.I64)) {
        Operand ids = s.integers(index, kind, Shape.of(2, 5), 0, 9);
        to.add(KernelCase.of(new DataOp.Embedding(result), table, ids));
      }
    }
  }
}
