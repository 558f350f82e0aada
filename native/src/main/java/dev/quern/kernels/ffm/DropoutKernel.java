package dev.quern.kernels.ffm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.quern.core.op.DropoutOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Dropout of F32 without gaps. Slices of {@link Elements#slice} elements, whole counters. */
final class DropoutKernel implements Kernel {
  private static final int PER_COUNTER = 4;

  private final Functions.Function function;

  private DropoutKernel(Functions.Function function) {
    this.function = function;
  }

  /** The kernel for a signature, or null if there is none. */
  static @Nullable DropoutKernel of(Functions functions, KernelSignature s) {
    boolean known = s.inputs().getFirst() == ScalarType.F32 && s.allContiguous();
    return known ? new DropoutKernel(functions.get("dropout")) : null;
  }

  @Override
  public String name() {
    return "dropout " + function.tier().suffix();
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(function.address(), args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final TaskPool pool;
    private final Slices x; // (n)
    private final Slices y; // (n)
    private final MemorySegment seed; // (2) I64: key and first counter
    private final long least;
    private final float scale;
    private final long n;
    private final long step;
    private final int slices;
    private final TaskPool.Task task = this::compute;
    private long key;
    private long counter;

    Call(MemorySegment function, KernelArgs args) {
      this.function = function;
      pool = args.pool();
      double p = ((DropoutOp.Dropout) args.op()).p();
      least = (long) Math.ceil(p * 0x1p24); // u ≥ p, of numbers u with 24 bits
      scale = (float) (1 / (1 - p));
      seed = args.input(1).base();
      n = args.output().shape().elements();
      step = Elements.slice(n);
      slices = Math.toIntExact((n + step - 1) / step);
      x = new Slices(args.input(0).base(), slices);
      y = new Slices(args.output().base(), slices);
    }

    @Override
    public void run() {
      key = seed.getAtIndex(JAVA_LONG, 0);
      counter = seed.getAtIndex(JAVA_LONG, 1);
      pool.parallelFor(slices, task);
    }

    private void compute(int slice) {
      long at = slice * step;
      GradientCalls.dropout(
          function,
          x.get(slice, at * Float.BYTES),
          y.get(slice, at * Float.BYTES),
          Math.min(step, n - at),
          key,
          counter + at / PER_COUNTER,
          least,
          scale);
    }
  }
}
