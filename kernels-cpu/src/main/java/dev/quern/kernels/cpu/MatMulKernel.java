package dev.quern.kernels.cpu;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * MatMul and Linear: which loops run them. c[..., m, n] = Σₖ a[..., m, k] · b[..., k, n]; for
 * Linear b is the weight [n, k] transposed.
 *
 * <p>Few rows against a b that is contiguous along k: {@link DotTask}, from 5 rows on {@link
 * RowsTask}. Else {@link Gemm}: with b as its left operand if b runs along k (a weight), with a as
 * its left operand if b runs along n.
 *
 * <p>Activations stay F32 under either precision: there is no faster way with this API.
 *
 * @param linear whether b is given as [n, k]
 * @param weight type of b
 */
record MatMulKernel(boolean linear, DType weight) implements Kernel {

  /** The kernel for a call, or null for F64 and for block formats that are not known here. */
  static @Nullable Kernel find(MatMulOp op, KernelSignature s) {
    boolean known =
        Convert.handles(s.inputs().getFirst())
            && Unpack.handles(s.inputs().get(1))
            && (s.inputs().size() < 3 || s.layouts().get(2) == LayoutClass.CONTIGUOUS);
    return known ? new MatMulKernel(op instanceof MatMulOp.Linear, s.inputs().get(1)) : null;
  }

  @Override
  public String name() {
    return (linear ? "linear " : "matmul ")
        + weight.name().toLowerCase(java.util.Locale.ROOT)
        + " f32-activations";
  }

  @Override
  public long scratchBytes(List<TensorView> inputs, List<TensorView> outputs) {
    Call c = new Call(inputs, outputs.getFirst());
    DType out = outputs.getFirst().dtype();
    if (c.few(DotTask.MAX_M)) {
      return c.dots().scratchBytes(out);
    }
    return c.few(RowsTask.MAX_M) ? c.rows().scratchBytes(out) : c.product().scratchBytes();
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(args.inputs(), args.output()).bind(args);
  }

  /** The extents and strides of a call. */
  private final class Call {
    final Layout a;
    final Layout b;
    final TensorView out;
    final Matrix left;
    final Matrix right;
    final int batch;
    final long m;
    final long n;
    final long k;
    final long[] aOffsets;
    final long[] bOffsets;
    final long[] cOffsets;

    Call(List<TensorView> in, TensorView out) {
      TensorView x = in.get(0);
      TensorView w = in.get(1);
      this.out = out;
      a = matrices(x.layout());
      b = linear ? w.layout().permute(List.of(1, 0)) : w.layout();
      m = a.shape().dim(-2);
      k = a.shape().dim(-1);
      n = b.shape().dim(-1);
      left = matrix(x, a, -2, -1);
      right = matrix(w, b, -1, -2);
      Shape lead = batchShape();
      batch = Math.toIntExact(lead.elements());
      aOffsets = offsets(x, a, lead, Segments.start(x));
      bOffsets = offsets(w, b, lead, Segments.start(w));
      cOffsets = new long[batch];
      for (int i = 0; i < batch; i++) {
        cOffsets[i] = out.dtype().bytes(m * n) * i;
      }
    }

    /** Rank 2 and more; for Linear all rows in one matrix if they are evenly spaced. */
    private Layout matrices(Layout x) {
      Shape s = x.shape();
      if (!linear) {
        return x;
      }
      long depth = s.dim(-1);
      long rows = s.slice(0, s.rank() - 1).elements();
      Layout flat = x.reshape(Shape.of(rows, depth));
      return flat != null ? flat : x;
    }

    private Shape batchShape() {
      Shape p = a.shape().slice(0, a.shape().rank() - 2);
      Shape q = b.shape().slice(0, b.shape().rank() - 2);
      return Shape.broadcast("matmul", p, q);
    }

    private Matrix matrix(TensorView v, Layout l, int line, int step) {
      return new Matrix(
          v.dtype(), Segments.of(v), bytes(v, l.stride(line)), bytes(v, l.stride(step)));
    }

    /** Bytes of a stride; 0 along the blocks of a block type. */
    private static long bytes(TensorView v, long stride) {
      if (v.dtype().isBlock()) {
        long bytes = v.dtype().bytes(Math.abs(stride) == 1 ? 0 : Math.abs(stride));
        return stride < 0 ? -bytes : bytes;
      }
      return stride * v.dtype().blockBytes();
    }

    private static long[] offsets(TensorView v, Layout l, Shape lead, long start) {
      Shape to = lead.concat(l.shape().slice(l.shape().rank() - 2, l.shape().rank()));
      long[] strides = l.expand(to).strides();
      long[] offsets = new long[Math.toIntExact(lead.elements())];
      for (int i = 0; i < offsets.length; i++) {
        long rest = i;
        long at = start;
        for (int axis = lead.rank() - 1; axis >= 0; axis--) {
          at += rest % lead.dim(axis) * bytes(v, strides[axis]);
          rest /= lead.dim(axis);
        }
        offsets[i] = at;
      }
      return offsets;
    }

    boolean few(int most) {
      return m <= most && batch == 1 && right.linesContiguous() && k < 1 << 28;
    }

    DotTask.Problem dots() {
      return new DotTask.Problem(left, right, (int) m, n, (int) k);
    }

    RowsTask.Problem rows() {
      return new RowsTask.Problem(left, right, (int) m, n, (int) k);
    }

    /** Whether b is the left operand of the product. */
    private boolean exchanged() {
      return !right.stepsContiguous() || right.linesContiguous();
    }

    Gemm.Problem product() {
      return exchanged()
          ? new Gemm.Problem(right, left, n, m, k, batch)
          : new Gemm.Problem(left, right, m, n, k, batch);
    }

    Runnable bind(KernelArgs args) {
      boolean biased = args.inputs().size() > 2;
      MemorySegment bias = biased ? Segments.of(args.input(2)) : null;
      DType biasType = biased ? args.input(2).dtype() : out.dtype();
      MemorySegment c = Segments.of(out);
      if (few(RowsTask.MAX_M)) {
        FewRows ends = new FewRows(aOffsets[0], bOffsets[0], out.dtype(), c, bias, biasType);
        return few(DotTask.MAX_M)
            ? new DotTask(args.pool(), args.scratch(), dots(), ends)
            : new RowsTask(args.pool(), args.scratch(), rows(), ends);
      }
      long element = out.dtype().blockBytes();
      Gemm.Target target =
          exchanged()
              ? new Gemm.Target(out.dtype(), c, element, n * element)
              : new Gemm.Target(out.dtype(), c, n * element, element);
      long[][] offsets =
          exchanged()
              ? new long[][] {bOffsets, aOffsets, cOffsets}
              : new long[][] {aOffsets, bOffsets, cOffsets};
      return new Gemm(args.pool(), args.scratch(), product(), target, offsets, bias, biasType);
    }
  }
}
