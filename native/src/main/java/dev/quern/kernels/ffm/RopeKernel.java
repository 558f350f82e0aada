package dev.quern.kernels.ffm;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Rotary embedding of x [..., t, h, d] F32 without gaps. A slice is {@value #TOKENS} tokens: their
 * sines and cosines are worked out in F64 from the F64 product of position and inverse frequency,
 * then all heads are rotated.
 */
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
  public long scratchBytes(List<TensorView> in, List<TensorView> out) {
    long tokens = in.get(1).shape().elements();
    return Math.max(64, tokens * 2 * in.get(2).shape().elements() * Float.BYTES);
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(function.address(), args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final Slices x; // (tokens, h, d)
    private final Slices y; // (tokens, h, d)
    private final MemorySegment positions; // (tokens)
    private final boolean wide;
    private final MemorySegment frequencies; // (half)
    private final MemorySegment table; // (tokens, 2, half): cosines, sines
    private final Slices tables;
    private final long tokens;
    private final long heads;
    private final long headDim;
    private final long half;
    private final TaskPool pool;
    private final TaskPool.Task task = this::rotate;

    Call(MemorySegment function, KernelArgs args) {
      this.function = function;
      positions = args.input(1).base();
      wide = args.input(1).dtype() == ScalarType.I64;
      frequencies = args.input(2).base();
      table = args.scratch();
      tokens = args.input(1).shape().elements();
      heads = args.input(0).shape().dim(-2);
      headDim = args.input(0).shape().dim(-1);
      half = args.input(2).shape().elements();
      pool = args.pool();
      x = new Slices(args.input(0).base(), tokens);
      y = new Slices(args.output().base(), tokens);
      tables = new Slices(table, 2 * tokens);
    }

    @Override
    public void run() {
      pool.parallelFor(Math.toIntExact((tokens + TOKENS - 1) / TOKENS), task);
    }

    private void rotate(int slice) {
      long end = Math.min((slice + 1) * TOKENS, tokens);
      for (long t = slice * TOKENS; t < end; t++) {
        double position =
            wide ? positions.getAtIndex(JAVA_LONG, t) : positions.getAtIndex(JAVA_INT, t);
        long cosines = 2 * t * half;
        for (long j = 0; j < half; j++) {
          double angle = position * frequencies.getAtIndex(JAVA_FLOAT, j);
          table.setAtIndex(JAVA_FLOAT, cosines + j, (float) Math.cos(angle));
          table.setAtIndex(JAVA_FLOAT, cosines + half + j, (float) Math.sin(angle));
        }
        long at = t * heads * headDim * Float.BYTES;
        Calls.rope(
            function,
            x.get(t, at),
            y.get(t, at),
            tables.get(2 * t, cosines * Float.BYTES),
            tables.get(2 * t + 1, (cosines + half) * Float.BYTES),
            heads,
            headDim,
            headDim,
            headDim,
            2 * half);
      }
    }
  }
}
