package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.Op;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.kernel.BlockProduct.Part;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Matrix products whose weights are in blocks, alone and fused: under EXACT {@code block_exact.cu},
 * else {@code block_dot.cu} for up to eight rows and {@code block_mma.cu} for more. Fused calls
 * have the bits of their parts: the sums are the same, and are rounded where the parts' results
 * would be.
 */
final class BlockMatMulKernels {
  private static final int ALIGNMENT = 256;

  private final CudaDevice device;
  private final ElementKernels elements;

  BlockMatMulKernels(CudaDevice device, ElementKernels elements) {
    this.device = device;
    this.elements = elements;
  }

  /** The kernel of a product or of products together; null if a weight is not in blocks. */
  @Nullable Kernel find(KernelSignature s) {
    return switch (s.op()) {
      case MatMulOp.Linear _ -> weights(s, 1, 1) ? kernel(s, this::product) : null;
      case MatMulOp.MatMul _ ->
          BlockKernels.reads(s.inputs().get(1)) && s.layouts().get(1) != LayoutClass.STRIDED
              ? kernel(s, this::product)
              : null;
      case FusedOp.Linears op ->
          op.count() <= BlockProduct.MOST_PARTS && weights(s, 1, op.count())
              ? kernel(s, this::linears)
              : null;
      case FusedOp.LinearAdd _ -> weights(s, 1, 1) && residual(s) ? kernel(s, this::product) : null;
      case FusedOp.GatedFeedForward op ->
          weights(s, 1, 2) && weights(s, 3, 1) && (!op.residual() || residual(s))
              ? new CudaKernel(
                  name(s),
                  this::feedForward,
                  (in, _) -> hiddenBytes(in) * (s.precision() == Precision.EXACT ? 1 : 2))
              : null;
      default -> null;
    };
  }

  /** Whether some inputs from one on have one block format, in rows. */
  private static boolean weights(KernelSignature s, int from, int count) {
    DType format = s.inputs().get(from);
    boolean all = BlockKernels.reads(format);
    for (int i = from; i < from + count; i++) {
      all &= s.inputs().get(i) == format && s.layouts().get(i).compareTo(LayoutClass.ROWS) <= 0;
    }
    return all;
  }

  private static boolean residual(KernelSignature s) {
    return s.layouts().getLast() == LayoutClass.CONTIGUOUS;
  }

  private static Kernel kernel(KernelSignature s, Function<KernelArgs, Runnable> f) {
    return new CudaKernel(name(s), f);
  }

  private static String name(KernelSignature s) {
    boolean exact = s.precision() == Precision.EXACT;
    return s.op().name() + (exact ? " cuda" : " cuda dp4a|mma");
  }

  private Runnable product(KernelArgs args) {
    Op op = args.op();
    TensorView a = args.input(0);
    TensorView w = args.input(1);
    TensorView c = args.output();
    boolean matMul = op instanceof MatMulOp.MatMul;
    Extents shape = matMul ? Extents.matMul(a, w, c.shape()) : Extents.linear(a, w);
    if (shape.wStep() != 1) {
      throw new NotSupportedException(
          "[%s] blocks of a %s right operand %s must run along k; store it as [n, k] and transpose it"
              .formatted(op.name(), w.dtype(), w.shape()));
    }
    boolean adds = op instanceof FusedOp.LinearAdd;
    boolean biased =
        switch (op) {
          case MatMulOp.Linear(boolean bias) -> bias;
          case FusedOp.LinearAdd(boolean bias) -> bias;
          default -> false;
        };
    TensorView bias = biased ? args.input(2) : null;
    TensorView residual = adds ? args.inputs().getLast() : null;
    Part part = new Part(w, bias, c, shape.n(), w.strideBytes(matMul ? w.shape().rank() - 1 : 0));
    return new BlockProduct(a, shape, List.of(part), residual, null).bind(device, exact(args));
  }

  private Runnable linears(KernelArgs args) {
    FusedOp.Linears op = (FusedOp.Linears) args.op();
    List<Part> parts = new ArrayList<>();
    for (int i = 0; i < op.count(); i++) {
      TensorView bias = op.bias() ? args.input(1 + op.count() + i) : null;
      parts.add(part(args.input(1 + i), bias, args.outputs().get(i)));
    }
    return products(args, args.input(0), parts, null, null);
  }

  /** f(x · gateᵀ, x · upᵀ), which is scratch, and its product with the third weight. */
  private Runnable feedForward(KernelArgs args) {
    FusedOp.GatedFeedForward op = (FusedOp.GatedFeedForward) args.op();
    TensorView x = args.input(0);
    TensorView gate = args.input(1);
    TensorView up = args.input(2);
    TensorView residual = op.residual() ? args.input(4) : null;
    if (args.output().shape().elements() == 0) {
      return Launches.NOTHING;
    }
    TensorView hidden = hidden(args, 0);
    List<Runnable> calls = new ArrayList<>();
    if (exact(args) || Extents.linear(x, gate).m() <= BlockProduct.FEW) {
      List<Part> both = List.of(part(gate, null, hidden), part(up, null, hidden));
      calls.add(products(args, x, both, null, op.gate()));
    } else {
      TensorView other = hidden(args, hiddenBytes(args.inputs()));
      List<Part> both = List.of(part(gate, null, hidden), part(up, null, other));
      calls.add(products(args, x, both, null, null));
      calls.add(elements.binary(gating(args, op.gate(), hidden, other)));
    }
    calls.add(
        products(args, hidden, List.of(part(args.input(3), null, args.output())), residual, null));
    return Launches.inOrder(calls);
  }

  private static KernelArgs gating(
      KernelArgs args, BinaryOp gate, TensorView hidden, TensorView other) {
    return new KernelArgs(
        gate,
        List.of(hidden, other),
        List.of(hidden),
        args.precision(),
        args.pool(),
        MemorySegment.NULL);
  }

  private Runnable products(
      KernelArgs args,
      TensorView x,
      List<Part> parts,
      @Nullable TensorView residual,
      @Nullable BinaryOp gate) {
    Extents shape = Extents.linear(x, parts.getFirst().w());
    return new BlockProduct(x, shape, parts, residual, gate).bind(device, exact(args));
  }

  private static Part part(TensorView w, @Nullable TensorView bias, TensorView c) {
    return new Part(w, bias, c, w.shape().dim(0), w.strideBytes(0));
  }

  private static boolean exact(KernelArgs args) {
    return args.precision() == Precision.EXACT;
  }

  /** A gated layer's inner values at a place of the scratch. */
  private static TensorView hidden(KernelArgs args, long offset) {
    TensorView x = args.input(0);
    Shape shape = x.shape().with(-1, args.input(1).shape().dim(0));
    MemorySegment at = args.scratch().asSlice(offset, x.dtype().bytes(shape.elements()));
    return new TensorView(x.dtype(), Layout.contiguous(shape), at);
  }

  private static long hiddenBytes(List<TensorView> in) {
    TensorView x = in.getFirst();
    long n = in.get(1).shape().dim(0);
    long k = x.shape().dim(-1);
    long bytes = k == 0 ? 0 : x.dtype().bytes(x.shape().elements() / k * n);
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }
}
