package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Exp, sigmoid, silu, gelu; sums, products, and the gated units swiGlu and geGlu; F32, F16 or BF16
 * without gaps. Operands that broadcast are spread out first. Slices of {@link Elements#slice}
 * elements.
 */
final class ElementwiseKernel implements Kernel {
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
          case UnaryOp.Exp _ -> "map_exp";
          case UnaryOp.Sigmoid _ -> "map_sigmoid";
          case UnaryOp.Silu _ -> "map_silu";
          case UnaryOp.Gelu(boolean tanh) -> tanh ? "map_gelu_tanh" : "map_gelu_erf";
          case BinaryOp.Add _ -> "zip_add";
          case BinaryOp.Mul _ -> "zip_mul";
          case BinaryOp.SwiGlu _ -> "zip_swiglu";
          case BinaryOp.GeGlu(boolean tanh) -> tanh ? "zip_geglu_tanh" : "zip_geglu_erf";
          default -> null;
        };
    if (symbol == null || !Elements.plain(s)) {
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
    return x.shape().equals(y.shape()) ? 0 : (y.dtype().bytes(y.shape().elements()) + 63) / 64 * 64;
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(function.address(), args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final KernelArgs args;
    private final MemorySegment x; // (n)
    private final MemorySegment x2; // (n), with two operands only
    private final Slices xs;
    private final Slices x2s;
    private final Slices ys;
    private final long n;
    private final DType type;
    private final long format;
    private final long flow;
    private final long step;
    private final TaskPool.Task task = this::compute;

    Call(MemorySegment function, KernelArgs args) {
      this.function = function;
      this.args = args;
      n = args.output().shape().elements();
      type = args.output().dtype();
      format = Elements.format(type);
      flow = Elements.flow(args);
      step = Elements.slice(n);
      x = operand(0);
      x2 = args.inputs().size() > 1 ? operand(1) : MemorySegment.NULL;
      long slices = (n + step - 1) / step;
      xs = new Slices(x, slices);
      x2s = new Slices(x2, slices);
      ys = new Slices(args.output().base(), slices);
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
      args.pool().parallelFor(Math.toIntExact((n + step - 1) / step), task);
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
        long start = type.bytes(i);
        long bytes = type.bytes(fill ? 1 : row);
        MemorySegment.copy(from.segment(), type.bytes(at), to, start, bytes);
        for (long all = type.bytes(row); bytes < all; bytes *= 2) { // one element, two, four
          MemorySegment.copy(to, start, to, start + bytes, Math.min(bytes, all - bytes));
        }
        for (int a = last - 1; a >= 0 && ++index[a] == dims[a]; a--) {
          index[a] = 0;
        }
      }
    }

    private void compute(int slice) {
      long at = slice * step;
      long count = Math.min(step, n - at);
      MemorySegment from = xs.get(slice, type.bytes(at));
      MemorySegment to = ys.get(slice, type.bytes(at));
      if (args.inputs().size() == 1) {
        Calls.map(function, from, to, count, format, flow);
      } else {
        Calls.zip(function, from, x2s.get(slice, type.bytes(at)), to, count, format, flow);
      }
    }
  }
}
