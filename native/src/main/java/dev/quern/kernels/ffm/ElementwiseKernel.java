package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Exp, sigmoid, silu, gelu; sums, products, the gated units swiGlu and geGlu, and the gradients of
 * these activations; F32, F16 or BF16 without gaps. Operands that broadcast are spread out first.
 * Slices of {@link Elements#slice} elements.
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
          case ActivationGradOp.SiluGrad _ -> "zip_silu_grad";
          case ActivationGradOp.GeluGrad(boolean tanh) ->
              tanh ? "zip_gelu_tanh_grad" : "zip_gelu_erf_grad";
          case ActivationGradOp.SwiGluGrad _ -> "swiglu_grad";
          case ActivationGradOp.GeGluGrad(boolean tanh) ->
              tanh ? "geglu_tanh_grad" : "geglu_erf_grad";
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

  /**
   * Bytes that an operand takes when it is spread out; 0 if it has the result's shape. All slices
   * share one of a single element.
   */
  private static long spread(TensorView x, TensorView y) {
    long n = y.shape().elements();
    long spread = isOne(x) ? Math.min(n, Elements.slice(n)) : n;
    return x.shape().equals(y.shape()) ? 0 : (y.dtype().bytes(spread) + 63) / 64 * 64;
  }

  private static boolean isOne(TensorView x) {
    return x.shape().elements() == 1;
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(function.address(), args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final KernelArgs args;
    private final MemorySegment[] spread; // (n) each: operands, spread out in scratch if need be
    private final Slices[] xs;
    private final Slices[] ys;
    private final boolean[] shared; // whether all slices have one slice's length of an operand
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
      long slices = (n + step - 1) / step;
      spread = new MemorySegment[args.inputs().size()];
      shared = new boolean[spread.length];
      long used = 0;
      for (int i = 0; i < spread.length; i++) {
        long bytes = spread(args.input(i), args.output());
        spread[i] = bytes == 0 ? args.input(i).base() : args.scratch().asSlice(used, bytes);
        used += bytes;
        shared[i] = bytes != 0 && isOne(args.input(i));
      }
      xs = all(Arrays.asList(spread), slices);
      ys = all(args.outputs().stream().map(TensorView::base).toList(), slices);
    }

    private static Slices[] all(List<MemorySegment> segments, long slices) {
      return segments.stream().map(s -> new Slices(s, slices)).toArray(Slices[]::new);
    }

    @Override
    public void run() {
      for (int i = 0; i < args.inputs().size(); i++) {
        if (shared[i]) {
          TensorView one = args.input(i);
          repeat(one.segment(), one.offsetBytes(), spread[i], 0, type.bytes(Math.min(n, step)));
        } else if (spread(args.input(i), args.output()) != 0) {
          broadcast(args.input(i), spread[i]);
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
        if (fill) {
          repeat(from.segment(), type.bytes(at), to, type.bytes(i), type.bytes(row));
        } else {
          MemorySegment.copy(from.segment(), type.bytes(at), to, type.bytes(i), type.bytes(row));
        }
        for (int a = last - 1; a >= 0 && ++index[a] == dims[a]; a--) {
          index[a] = 0;
        }
      }
    }

    /** An element, then two, four and so on, until there are so many bytes. */
    private void repeat(MemorySegment from, long at, MemorySegment to, long start, long all) {
      long bytes = type.bytes(1);
      MemorySegment.copy(from, at, to, start, bytes);
      for (; bytes < all; bytes *= 2) {
        MemorySegment.copy(to, start, to, start + bytes, Math.min(bytes, all - bytes));
      }
    }

    private MemorySegment operand(int i, int slice, long bytes) {
      return shared[i] ? xs[i].get(0, 0) : xs[i].get(slice, bytes);
    }

    private void compute(int slice) {
      long at = slice * step;
      long count = Math.min(step, n - at);
      long bytes = type.bytes(at);
      MemorySegment x = operand(0, slice, bytes);
      MemorySegment y = ys[0].get(slice, bytes);
      switch (xs.length) {
        case 1 -> Calls.map(function, x, y, count, format, flow);
        case 2 -> Calls.zip(function, x, operand(1, slice, bytes), y, count, format, flow);
        default ->
            GradientCalls.gateGrad(
                function,
                x,
                operand(1, slice, bytes),
                operand(2, slice, bytes),
                y,
                ys[1].get(slice, bytes),
                count,
                format,
                flow);
      }
    }
  }
}
