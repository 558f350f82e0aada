package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Exp, sigmoid, silu, gelu, and the gated units swiGlu and geGlu; F32 without gaps. Operands of
 * gated units that broadcast are spread out first. Slices of {@value #ELEMENTS} elements.
 *
 * <p>Sums and products are not here: they are bound by memory, and Java's vectors do them as fast.
 */
final class ElementwiseKernel implements Kernel {
  private static final long ELEMENTS = 16 * 1024;

  private final Functions.Function function;
  private final String name;

  private ElementwiseKernel(Functions.Function function, String op) {
    this.function = function;
    this.name = op + " " + function.tier().suffix();
  }

  /** The kernel for a signature, or null if there is none. */
  static @Nullable ElementwiseKernel of(Functions functions, KernelSignature s) {
    String symbol =
        switch (s.op()) {
          case UnaryOp.Exp _ -> "exp";
          case UnaryOp.Sigmoid _ -> "sigmoid";
          case UnaryOp.Silu _ -> "silu";
          case UnaryOp.Gelu(boolean tanh) -> tanh ? "gelu_tanh" : "gelu_erf";
          case BinaryOp.SwiGlu _ -> "swiglu";
          case BinaryOp.GeGlu(boolean tanh) -> tanh ? "geglu_tanh" : "geglu_erf";
          default -> null;
        };
    if (symbol == null
        || !s.allContiguous()
        || s.inputs().stream().anyMatch(t -> t != ScalarType.F32)) {
      return null;
    }
    return new ElementwiseKernel(functions.get(symbol), s.op().name());
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long scratchBytes(List<TensorView> in, List<TensorView> out) {
    return in.stream().mapToLong(x -> spread(x, out.getFirst())).sum();
  }

  /** Bytes that an operand takes when it is spread out; 0 if it has the result's shape. */
  private static long spread(TensorView x, TensorView y) {
    return x.shape().equals(y.shape()) ? 0 : (y.shape().elements() * Float.BYTES + 63) / 64 * 64;
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(function.address(), args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final KernelArgs args;
    private final MemorySegment x; // (n)
    private final MemorySegment up; // (n), gated units only
    private final MemorySegment y; // (n)
    private final long n;
    private final boolean gated;
    private final TaskPool.Task task = this::compute;

    Call(MemorySegment function, KernelArgs args) {
      this.function = function;
      this.args = args;
      y = args.output().base();
      n = args.output().shape().elements();
      gated = args.inputs().size() > 1;
      x = operand(0);
      up = gated ? operand(1) : MemorySegment.NULL;
    }

    private MemorySegment operand(int i) {
      long bytes = spread(args.input(i), args.output());
      if (bytes == 0) {
        return args.input(i).base();
      }
      long before = i == 0 ? 0 : spread(args.input(0), args.output());
      return args.scratch().asSlice(before, bytes);
    }

    @Override
    public void run() {
      for (int i = 0; i < args.inputs().size(); i++) {
        if (spread(args.input(i), args.output()) != 0) {
          broadcast(args.input(i), i == 0 ? x : up);
        }
      }
      args.pool().parallelFor(Math.toIntExact((n + ELEMENTS - 1) / ELEMENTS), task);
    }

    private void broadcast(TensorView from, MemorySegment to) {
      Layout l = from.layout().expand(args.output().shape());
      long[] dims = l.shape().dims();
      long[] index = new long[dims.length];
      for (long i = 0; i < n; i++) {
        long at = l.offset();
        for (int a = 0; a < dims.length; a++) {
          at += index[a] * l.stride(a);
        }
        to.setAtIndex(
            ValueLayout.JAVA_FLOAT, i, from.segment().getAtIndex(ValueLayout.JAVA_FLOAT, at));
        for (int a = dims.length - 1; a >= 0 && ++index[a] == dims[a]; a--) {
          index[a] = 0;
        }
      }
    }

    private void compute(int slice) {
      long at = slice * ELEMENTS;
      long count = Math.min(ELEMENTS, n - at);
      MemorySegment from = part(x, at);
      MemorySegment to = part(y, at);
      if (gated) {
        Calls.gated(function, from, part(up, at), to, count);
      } else {
        Calls.unary(function, from, to, count);
      }
    }

    private static MemorySegment part(MemorySegment s, long at) {
      return at == 0 ? s : s.asSlice(at * Float.BYTES);
    }
  }
}
