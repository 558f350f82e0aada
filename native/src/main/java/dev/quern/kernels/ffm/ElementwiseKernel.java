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
 * Exp, sigmoid, silu, gelu; sums, products, and the gated units swiGlu and geGlu; F32 without gaps.
 * Operands that broadcast are spread out first. Slices of {@value #ELEMENTS} elements.
 *
 * <p>Sums and products are bound by memory, and Java's vectors do them as fast. They are here so
 * that the first token of a Transformer waits for no Java kernel to be compiled.
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
          case BinaryOp.Add _ -> "add";
          case BinaryOp.Mul _ -> "mul";
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

  private enum Form {
    UNARY,
    BINARY,
    GATED
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final KernelArgs args;
    private final MemorySegment x; // (n)
    private final MemorySegment x2; // (n), with two operands only
    private final MemorySegment y; // (n)
    private final long n;
    private final Form form;
    private final TaskPool.Task task = this::compute;

    Call(MemorySegment function, KernelArgs args) {
      this.function = function;
      this.args = args;
      y = args.output().base();
      n = args.output().shape().elements();
      form =
          switch (args.op()) {
            case BinaryOp.Add _, BinaryOp.Mul _ -> Form.BINARY;
            case BinaryOp _ -> Form.GATED;
            default -> Form.UNARY;
          };
      x = operand(0);
      x2 = args.inputs().size() > 1 ? operand(1) : MemorySegment.NULL;
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
          broadcast(args.input(i), i == 0 ? x : x2);
        }
      }
      args.pool().parallelFor(Math.toIntExact((n + ELEMENTS - 1) / ELEMENTS), task);
    }

    /** Row by row: copied, or filled with one element. */
    private void broadcast(TensorView from, MemorySegment to) {
      Layout l = from.layout().expand(args.output().shape());
      long[] dims = l.shape().dims();
      int last = dims.length - 1;
      long row = last < 0 ? 1 : dims[last];
      boolean fill = last < 0 || l.stride(last) == 0;
      long[] index = new long[dims.length];
      for (long i = 0; i < n; i += row) {
        long at = l.offset();
        for (int a = 0; a < last; a++) {
          at += index[a] * l.stride(a);
        }
        if (fill) {
          float value = from.segment().getAtIndex(ValueLayout.JAVA_FLOAT, at);
          for (long j = 0; j < row; j++) {
            to.setAtIndex(ValueLayout.JAVA_FLOAT, i + j, value);
          }
        } else {
          MemorySegment.copy(
              from.segment(), at * Float.BYTES, to, i * Float.BYTES, row * Float.BYTES);
        }
        for (int a = last - 1; a >= 0 && ++index[a] == dims[a]; a--) {
          index[a] = 0;
        }
      }
    }

    private void compute(int slice) {
      long at = slice * ELEMENTS;
      long count = Math.min(ELEMENTS, n - at);
      MemorySegment from = part(x, at);
      MemorySegment to = part(y, at);
      switch (form) {
        case UNARY -> Calls.unary(function, from, to, count);
        case BINARY -> Calls.binary(function, from, part(x2, at), to, count);
        case GATED -> Calls.gated(function, from, part(x2, at), to, count);
      }
    }

    private static MemorySegment part(MemorySegment s, long at) {
      return at == 0 ? s : s.asSlice(at * Float.BYTES);
    }
  }
}
