package dev.quern.kernels.ffm;

import dev.quern.core.op.BufferOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** A step of AdamW in one pass, F32 without gaps. Slices of {@link Elements#slice} elements. */
final class AdamWKernel implements Kernel {
  private final Functions.Function function;

  private AdamWKernel(Functions.Function function) {
    this.function = function;
  }

  /** The kernel for a signature, or null if there is none. */
  static @Nullable AdamWKernel of(Functions functions, KernelSignature s) {
    boolean known = s.inputs().getFirst() == ScalarType.F32 && s.allContiguous();
    return known ? new AdamWKernel(functions.get("adam_w")) : null;
  }

  @Override
  public String name() {
    return "adamW " + function.tier().suffix();
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(function.address(), args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final TaskPool pool;
    private final Slices p; // (n)
    private final Slices g; // (n)
    private final Slices m; // (n)
    private final Slices v; // (n)
    private final MemorySegment scalars; // (4)
    private final MemorySegment scale; // (1)
    private final float beta1;
    private final float rest1;
    private final float beta2;
    private final float rest2;
    private final float eps;
    private final long n;
    private final long step;
    private final int slices;
    private final TaskPool.Task task = this::compute;

    Call(MemorySegment function, KernelArgs args) {
      this.function = function;
      pool = args.pool();
      BufferOp.AdamW op = (BufferOp.AdamW) args.op();
      beta1 = (float) op.beta1();
      rest1 = (float) (1 - op.beta1());
      beta2 = (float) op.beta2();
      rest2 = (float) (1 - op.beta2());
      eps = (float) op.eps();
      n = args.input(0).shape().elements();
      step = Elements.slice(n);
      slices = Math.toIntExact((n + step - 1) / step);
      p = new Slices(args.input(0).base(), slices);
      g = new Slices(args.input(1).base(), slices);
      m = new Slices(args.input(2).base(), slices);
      v = new Slices(args.input(3).base(), slices);
      scalars = args.input(4).base();
      scale = args.input(5).base();
    }

    @Override
    public void run() {
      if (Float.isFinite(scale.get(ValueLayout.JAVA_FLOAT, 0))) {
        pool.parallelFor(slices, task);
      }
    }

    private void compute(int slice) {
      long at = slice * step;
      long bytes = at * Float.BYTES;
      GradientCalls.adamW(
          function,
          p.get(slice, bytes),
          g.get(slice, bytes),
          m.get(slice, bytes),
          v.get(slice, bytes),
          scalars,
          scale,
          Math.min(step, n - at),
          beta1,
          rest1,
          beta2,
          rest2,
          eps);
    }
  }
}
