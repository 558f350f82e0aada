package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.DataOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Casts without gaps: F32 to F16, BF16, Q8_0, Q4_0, Q4_K and Q6_K, and from these and all other
 * block formats to F32. Slices of {@value #ELEMENTS} elements.
 */
final class CastKernel implements Kernel {
  private static final long ELEMENTS = 64 * 1024; // whole blocks of every format

  private final Functions.Function function;
  private final String name;

  private CastKernel(Functions.Function function, DType from, DType to) {
    this.function = function;
    this.name = "cast %s %s %s".formatted(from.name(), to.name(), function.tier().suffix());
  }

  /** The kernel for a signature, or null if there is none. */
  static @Nullable CastKernel of(Functions functions, KernelSignature s) {
    if (!(s.op() instanceof DataOp.Cast(DType to)) || !s.allContiguous()) {
      return null;
    }
    DType from = s.inputs().getFirst();
    boolean known = from != to && Weights.symbol(from) != null && Weights.symbol(to) != null;
    boolean ofF32 = from == ScalarType.F32 || to == ScalarType.F32;
    if (!known || !ofF32) {
      return null;
    }
    String symbol = "convert_" + Weights.symbol(from) + "_" + Weights.symbol(to);
    return functions.find(symbol).map(f -> new CastKernel(f, from, to)).orElse(null);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(function.address(), args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final DType fromType;
    private final DType toType;
    private final MemorySegment x; // (n)
    private final MemorySegment y; // (n)
    private final long n;
    private final TaskPool pool;
    private final TaskPool.Task task = this::convert;

    Call(MemorySegment function, KernelArgs args) {
      this.function = function;
      TensorView from = args.input(0);
      TensorView to = args.output();
      fromType = from.dtype();
      toType = to.dtype();
      x = from.base();
      y = to.base();
      n = to.shape().elements();
      pool = args.pool();
    }

    @Override
    public void run() {
      pool.parallelFor(Math.toIntExact((n + ELEMENTS - 1) / ELEMENTS), task);
    }

    private void convert(int slice) {
      long at = slice * ELEMENTS;
      MemorySegment from = x.asSlice(fromType.bytes(at));
      MemorySegment to = y.asSlice(toType.bytes(at));
      Calls.rows(function, from, 0, to, 0, 1, Math.min(ELEMENTS, n - at));
    }
  }
}
