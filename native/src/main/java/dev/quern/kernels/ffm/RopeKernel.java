package dev.quern.kernels.ffm;

import dev.quern.core.op.AttentionOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Rotary embedding of x [..., t, h, d] F32 without gaps, {@value #TOKENS} tokens to a slice. */
final class RopeKernel implements Kernel {
  private static final long TOKENS = 8;

  private final Functions.Function function;
  private final boolean interleaved;

  private RopeKernel(Functions functions, boolean interleaved) {
    this.function = functions.get(interleaved ? "rope_interleaved" : "rope_half");
    this.interleaved = interleaved;
  }

  /** The kernel for a signature, or null if its formats or layouts are others. */
  static @Nullable RopeKernel of(Functions functions, KernelSignature s) {
    return s.op() instanceof AttentionOp.Rope(boolean interleaved)
            && s.inputs().getFirst() == ScalarType.F32
            && s.allContiguous()
        ? new RopeKernel(functions, interleaved)
        : null;
  }

  @Override
  public String name() {
    return "rope " + (interleaved ? "interleaved " : "half ") + function.tier().suffix();
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(function.address(), args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final Slices x; // (tokens, h, d)
    private final Slices y; // (tokens, h, d)
    private final Slices positions; // (tokens)
    private final long positionBytes;
    private final MemorySegment frequencies; // (half)
    private final long tokens;
    private final long heads;
    private final long headDim;
    private final long half;
    private final int slices;
    private final TaskPool pool;
    private final TaskPool.Task task = this::rotate;

    Call(MemorySegment function, KernelArgs args) {
      this.function = function;
      positionBytes = args.input(1).dtype() == ScalarType.I64 ? Long.BYTES : Integer.BYTES;
      frequencies = args.input(2).base();
      tokens = args.input(1).shape().elements();
      heads = args.input(0).shape().dim(-2);
      headDim = args.input(0).shape().dim(-1);
      half = args.input(2).shape().elements();
      slices = Math.toIntExact(Math.ceilDiv(tokens, TOKENS));
      pool = args.pool();
      x = new Slices(args.input(0).base(), slices);
      y = new Slices(args.output().base(), slices);
      positions = new Slices(args.input(1).base(), slices);
    }

    @Override
    public void run() {
      pool.parallelFor(slices, task);
    }

    private void rotate(int slice) {
      long first = slice * TOKENS;
      long at = first * heads * headDim * Float.BYTES;
      Calls.rope(
          function,
          x.get(slice, at),
          y.get(slice, at),
          positions.get(slice, first * positionBytes),
          positionBytes == Long.BYTES ? 1 : 0,
          frequencies,
          Math.min(TOKENS, tokens - first),
          heads,
          headDim,
          half);
    }
  }
}
