package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.FusedProduct;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.kernel.CudaKernel.Space;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Fused operations that are products with epilogues, or several products. */
final class FusedProducts {
  private static final long ALIGNMENT = 256;

  private final MatMulKernels products;

  FusedProducts(MatMulKernels products) {
    this.products = products;
  }

  /** The kernel for a signature, or null if there is none. */
  @Nullable Kernel find(KernelSignature s) {
    int[] weights =
        switch (s.op()) {
          case FusedOp.Linears(int count, boolean _) -> IntStream.rangeClosed(1, count).toArray();
          case FusedOp.GatedFeedForward _ -> new int[] {1, 2, 3};
          case FusedOp.LinearAdd _, FusedProduct.LinearActivation _, FusedProduct.MatMulMul _ ->
              new int[] {1};
          case FusedProduct.MatMulSum(int count) -> IntStream.range(0, 2 * count).toArray();
          default -> new int[0];
        };
    boolean scalars = IntStream.of(weights).noneMatch(i -> s.inputs().get(i).isBlock());
    int other = other((FusedOp) s.op());
    boolean widened = // the hidden layer is F32 then
        s.op() instanceof FusedOp.GatedFeedForward && s.inputs().getFirst() == ScalarType.F8_E4M3;
    if (weights.length == 0
        || !scalars
        || widened
        || (other > 0 && s.layouts().get(other) != LayoutClass.CONTIGUOUS)) {
      return null;
    }
    boolean linear = !(s.op() instanceof FusedProduct.MatMulMul);
    Space space =
        switch (s.op()) {
          case FusedOp.GatedFeedForward _ -> (in, _) -> bytes(in, s.precision());
          case FusedProduct.MatMulSum(int count) ->
              (in, out) -> sumBytes(in, out, count, s.precision());
          default ->
              (in, _) ->
                  products.roundingBytes(
                      linear,
                      s.precision(),
                      in.getFirst(),
                      IntStream.of(weights).mapToObj(in::get).toArray(TensorView[]::new));
        };
    return new CudaKernel(s.op().name() + " cuda", this::bind, space);
  }

  /** Which input an epilogue reads element by element; 0 for none. */
  private static int other(FusedOp op) {
    return switch (op) {
      case FusedOp.LinearAdd(boolean bias) -> bias ? 3 : 2;
      case FusedOp.GatedFeedForward(BinaryOp _, boolean residual) -> residual ? 4 : 0;
      case FusedProduct.MatMulMul _ -> 2;
      default -> 0;
    };
  }

  private Runnable bind(KernelArgs args) {
    if (args.output().shape().elements() == 0 && !(args.op() instanceof FusedOp.Linears)) {
      return Launches.NOTHING;
    }
    RoundedOperands rounded = products.rounded(args, innerBytes(args));
    List<NamedRunnable> calls =
        switch ((FusedOp) args.op()) {
          case FusedOp.Linears(int count, boolean bias) -> linears(args, count, bias, rounded);
          case FusedOp.LinearAdd(boolean bias) ->
              List.of(
                  linear(
                      args,
                      rounded,
                      bias,
                      new Epilogue(Epilogue.Kind.ADD, Launches.start(args.inputs().getLast()), 0)));
          case FusedProduct.LinearActivation(_, ActivationGradOp gradient, boolean bias) ->
              List.of(
                  linear(
                      args,
                      rounded,
                      bias,
                      new Epilogue(slope(gradient), 0, Launches.start(args.outputs().get(1)))));
          case FusedProduct.MatMulMul _ ->
              List.of(
                  products.bind(
                      ProductOperands.matMul(
                          args.input(0),
                          args.input(1),
                          args.output(),
                          new Epilogue(Epilogue.Kind.TIMES, Launches.start(args.input(2)), 0)),
                      args.precision(),
                      rounded));
          case FusedOp.GatedFeedForward(BinaryOp gate, boolean residual) ->
              feedForward(args, gate, residual, rounded);
          case FusedProduct.MatMulSum(int count) -> sum(args, count, rounded);
          default -> throw new IllegalStateException("find has refused " + args.op().name());
        };
    String name = args.op().name() + " cuda " + String.join(", ", names(calls));
    return new NamedRunnable(name, Launches.inOrder(List.copyOf(calls)));
  }

  private static List<String> names(List<NamedRunnable> calls) {
    return calls.stream().map(NamedRunnable::name).distinct().toList();
  }

  private NamedRunnable linear(
      KernelArgs args, RoundedOperands rounded, boolean bias, Epilogue epilogue) {
    return products.bind(
        ProductOperands.linear(
            args.input(0), args.input(1), bias ? args.input(2) : null, args.output(), epilogue),
        args.precision(),
        rounded);
  }

  private List<NamedRunnable> linears(
      KernelArgs args, int count, boolean bias, RoundedOperands rounded) {
    List<NamedRunnable> calls = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      TensorView y = args.outputs().get(i);
      if (y.shape().elements() > 0) {
        calls.add(
            products.bind(
                ProductOperands.linear(
                    args.input(0),
                    args.input(1 + i),
                    bias ? args.input(1 + count + i) : null,
                    y,
                    Epilogue.NONE),
                args.precision(),
                rounded));
      }
    }
    return calls;
  }

  /**
   * Each product with the sum of those before it added. A product's kernel may write its result
   * before it adds, so sums come to lie in scratch and in the result by turns, the last in the
   * result.
   */
  private List<NamedRunnable> sum(KernelArgs args, int count, RoundedOperands rounded) {
    TensorView y = args.output();
    TensorView spare = scratch(args, y.dtype(), y.shape(), 0);
    Epilogue epilogue = Epilogue.NONE;
    List<NamedRunnable> calls = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      TensorView to = (count - i) % 2 == 1 ? y : spare;
      calls.add(
          products.bind(
              ProductOperands.matMul(args.input(2 * i), args.input(2 * i + 1), to, epilogue),
              args.precision(),
              rounded));
      epilogue = new Epilogue(Epilogue.Kind.ADD, Launches.start(to), 0);
    }
    return calls;
  }

  /**
   * The gate's product, the other one times the gate's activation, and the product of that. Where
   * the last product reads its operand in BF16 alone, the one before writes it so.
   */
  private List<NamedRunnable> feedForward(
      KernelArgs args, BinaryOp gate, boolean residual, RoundedOperands rounded) {
    TensorView x = args.input(0);
    Shape hidden = x.shape().with(-1, args.input(1).shape().dim(0));
    long bytes = aligned(hidden.elements() * x.dtype().blockBytes());
    TensorView g = scratch(args, x.dtype(), hidden, 0);
    TensorView u = scratch(args, x.dtype(), hidden, bytes);
    Epilogue added =
        residual
            ? new Epilogue(Epilogue.Kind.ADD, Launches.start(args.input(4)), 0)
            : Epilogue.NONE;
    ProductOperands last = ProductOperands.linear(u, args.input(3), null, args.output(), added);
    List<NamedRunnable> calls = new ArrayList<>();
    if (hidden.elements() > 0) {
      Optional<TensorView> inner = products.leftRounded(last, args.precision(), rounded);
      inner.ifPresent(rounded::writtenElsewhere);
      long second = inner.map(Launches::start).orElse(0L);
      Epilogue gated = new Epilogue(gate(gate), Launches.start(g), second);
      calls.add(
          products.bind(
              ProductOperands.linear(x, args.input(1), null, g, Epilogue.NONE),
              args.precision(),
              rounded));
      calls.add(
          products.bind(
              ProductOperands.linear(x, args.input(2), null, u, gated), args.precision(), rounded));
    }
    calls.add(products.bind(last, args.precision(), rounded));
    return calls;
  }

  private static TensorView scratch(KernelArgs args, DType type, Shape shape, long at) {
    MemorySegment memory = args.scratch().asSlice(at, shape.elements() * type.blockBytes());
    return new TensorView(type, Layout.contiguous(shape), memory);
  }

  /** What a feed-forward layer keeps between its products, and rounds for them. */
  private long bytes(List<TensorView> in, Precision precision) {
    TensorView x = in.getFirst();
    TensorView down = in.get(3);
    boolean rounds = products.rounds(precision, x.dtype(), down.dtype(), rows(x));
    Shape hidden = x.shape().with(-1, down.shape().dim(1));
    return innerBytes(in)
        + products.roundingBytes(true, precision, x, in.get(1), in.get(2))
        + (rounds ? RoundedOperands.bytes(down) + RoundedOperands.bytes(hidden) : 0);
  }

  /** What a sum keeps beside its result, and rounds for its products. */
  private long sumBytes(List<TensorView> in, List<TensorView> out, int count, Precision precision) {
    long bytes = resultBytes(out.getFirst());
    for (int i = 0; i < count; i++) {
      bytes += products.roundingBytes(false, precision, in.get(2 * i), in.get(2 * i + 1));
    }
    return bytes;
  }

  /** What a call keeps between its products, before what is rounded for them. */
  private static long innerBytes(KernelArgs args) {
    return switch (args.op()) {
      case FusedOp.GatedFeedForward _ -> innerBytes(args.inputs());
      case FusedProduct.MatMulSum _ -> resultBytes(args.output());
      default -> 0;
    };
  }

  private static long resultBytes(TensorView y) {
    return aligned(y.shape().elements() * y.dtype().blockBytes());
  }

  private static long innerBytes(List<TensorView> in) {
    TensorView x = in.getFirst();
    return 2 * aligned(rows(x) * in.get(1).shape().dim(0) * x.dtype().blockBytes());
  }

  private static long rows(TensorView x) {
    return x.shape().with(-1, 1).elements();
  }

  private static long aligned(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  private static Epilogue.Kind gate(BinaryOp op) {
    return switch (op) {
      case BinaryOp.SwiGlu _ -> Epilogue.Kind.SILU_GATE;
      case BinaryOp.GeGlu(boolean tanh) ->
          tanh ? Epilogue.Kind.GELU_TANH_GATE : Epilogue.Kind.GELU_GATE;
      default -> throw new IllegalStateException(op.name() + " is no gate");
    };
  }

  private static Epilogue.Kind slope(ActivationGradOp op) {
    return switch (op) {
      case ActivationGradOp.SiluGrad _ -> Epilogue.Kind.SILU_SLOPE;
      case ActivationGradOp.GeluGrad(boolean tanh) ->
          tanh ? Epilogue.Kind.GELU_TANH_SLOPE : Epilogue.Kind.GELU_SLOPE;
      default -> throw new IllegalStateException(op.name() + " is no activation's slope");
    };
  }
}
