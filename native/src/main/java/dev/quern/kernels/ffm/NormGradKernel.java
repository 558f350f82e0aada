package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Gradients of rmsNorm and layerNorm, F32 without gaps. Slices are whole rows, about {@link
 * Elements#slice} elements, at most {@value #PARTS}; each leaves its sums over rows in scratch, and
 * these are added in order at the end.
 */
final class NormGradKernel implements Kernel {
  private static final long PARTS = 64;
  private static final long JOINED = 4096; // columns of a slice of the last stage

  private final Functions.Function function;
  private final Functions.Function join;
  private final boolean centred;
  private final boolean affine;
  private final boolean residual;

  private NormGradKernel(Functions functions, boolean centred, boolean affine, boolean residual) {
    this.function = functions.get("norm_grad");
    this.join = functions.get("join_parts");
    this.centred = centred;
    this.affine = affine;
    this.residual = residual;
  }

  /** The kernel for a signature, or null if there is none. */
  static @Nullable NormGradKernel of(Functions functions, NormGradOp op, KernelSignature s) {
    boolean residual = s.op() instanceof FusedOp.NormGradAdd;
    if (!Elements.onlyF32(s)) {
      return null;
    }
    return switch (op) {
      case NormGradOp.RmsNormGrad(float _, boolean affine) ->
          new NormGradKernel(functions, false, affine, residual);
      case NormGradOp.LayerNormGrad(float _, boolean affine) ->
          new NormGradKernel(functions, true, affine, residual);
    };
  }

  @Override
  public String name() {
    String name = (centred ? "layerNormGrad " : "rmsNormGrad ") + (residual ? "+ r " : "");
    return name + function.tier().suffix();
  }

  /** Rows of a slice. */
  private static long rowsOfSlice(TensorView x) {
    long c = x.shape().dim(-1);
    long elements = x.shape().elements();
    long rows = c == 0 ? 0 : elements / c;
    return Math.max(
        Math.max(1, Elements.slice(elements) / Math.max(1, c)), Math.ceilDiv(rows, PARTS));
  }

  /** Slices of a call. */
  private static long slices(TensorView x) {
    long c = x.shape().dim(-1);
    return c == 0 ? 0 : Math.ceilDiv(x.shape().elements() / c, rowsOfSlice(x));
  }

  /** Floats from one slice's sums to the next one's: of the weight, then of the bias. */
  private long width(TensorView x) {
    long c = (x.shape().dim(-1) + 15) / 16 * 16;
    return centred ? 2 * c : c;
  }

  @Override
  public long scratchBytes(List<TensorView> in, List<TensorView> out) {
    long sums = Math.max(1, slices(in.get(1))); // of no slices too: they are joined all the same
    return affine ? sums * width(in.get(1)) * Float.BYTES : 0;
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(this, args);
  }

  private static final class Call implements Runnable {
    private final NormGradKernel kernel;
    private final KernelArgs args;
    private final Slices g; // (rows, c)
    private final Slices x; // (rows, c)
    private final Slices dx; // (rows, c)
    private final Slices mean; // (rows), the null pointer for rmsNorm
    private final Slices inverse; // (rows)
    private final Slices residual; // (rows, c), or the null pointer
    private final Slices parts; // (slices, width) in scratch, twice as many: weight and bias
    private final long rows;
    private final long c;
    private final long step;
    private final int slices;
    private final long width;
    private final TaskPool.Task task = this::rows;
    private final TaskPool.Task last = this::join;

    Call(NormGradKernel kernel, KernelArgs args) {
      this.kernel = kernel;
      this.args = args;
      TensorView in = args.input(1);
      c = in.shape().dim(-1);
      rows = c == 0 ? 0 : in.shape().elements() / c;
      step = rowsOfSlice(in);
      slices = Math.toIntExact(slices(in));
      width = kernel.width(in);
      g = new Slices(args.input(0).base(), slices);
      x = new Slices(in.base(), slices);
      dx = new Slices(args.output().base(), slices);
      mean = new Slices(kernel.centred ? args.input(3).base() : MemorySegment.NULL, slices);
      inverse = new Slices(args.input(kernel.centred ? 4 : 3).base(), slices);
      residual =
          new Slices(kernel.residual ? args.inputs().getLast().base() : MemorySegment.NULL, slices);
      parts = new Slices(args.scratch(), 2L * slices);
    }

    @Override
    public void run() {
      args.pool().parallelFor(slices, task);
      if (kernel.affine) {
        args.pool().parallelFor(Math.toIntExact(Math.ceilDiv(c, JOINED)), last);
      }
    }

    private void rows(int slice) {
      long row = slice * step;
      long at = row * c * Float.BYTES;
      long part = slice * width * Float.BYTES;
      GradientCalls.normGrad(
          kernel.function.address(),
          g.get(slice, at),
          x.get(slice, at),
          args.input(2).base(),
          kernel.centred ? mean.get(slice, row * Float.BYTES) : MemorySegment.NULL,
          inverse.get(slice, row * Float.BYTES),
          kernel.residual ? residual.get(slice, at) : MemorySegment.NULL,
          dx.get(slice, at),
          kernel.affine ? parts.get(2L * slice, part) : MemorySegment.NULL,
          kernel.affine && kernel.centred
              ? parts.get(2L * slice + 1, part + width / 2 * Float.BYTES)
              : MemorySegment.NULL,
          Math.min(step, rows - row),
          c);
    }

    private void join(int slice) {
      long column = slice * JOINED;
      for (int i = 1; i < args.outputs().size(); i++) {
        long from = (i - 1) * (width / 2) + column;
        GradientCalls.joinParts(
            kernel.join.address(),
            args.scratch().asSlice(from * Float.BYTES),
            width,
            slices,
            Segments.from(args.outputs().get(i).base(), column * Float.BYTES),
            Math.min(JOINED, c - column));
      }
    }
  }
}
