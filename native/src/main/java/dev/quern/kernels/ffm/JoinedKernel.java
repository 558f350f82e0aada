package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.FusedProduct;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * {@link FusedProduct}s of F32 under BF16, with the bits of their parts: what is done to sums is
 * done as they leave the tiles ({@code gemm_bf16.c}), and a sum of products is added up slice by
 * slice in its place, while that is in the cache. Products that are not in tiles are computed by
 * the parts' own kernels.
 */
final class JoinedKernel implements Kernel {
  private static final long MULTIPLY = -1; // QUERN_MULTIPLY

  /** What a slope is the gradient of. */
  private static final TensorView ONE =
      new TensorView(
          ScalarType.F32, Layout.contiguous(Shape.of(1)), MemorySegment.ofArray(new float[] {1}));

  private final Functions functions;
  private final FusedProduct op;

  private JoinedKernel(Functions functions, FusedProduct op) {
    this.functions = functions;
    this.op = op;
  }

  /** The kernel for a signature, or null if there is none. */
  static @Nullable JoinedKernel of(Functions functions, FusedProduct op, KernelSignature s) {
    boolean taken =
        s.precision() == Precision.BF16
            && Elements.onlyF32(s)
            && functions.find("gemm_bf16_f32").isPresent();
    return taken ? new JoinedKernel(functions, op) : null;
  }

  @Override
  public String name() {
    return op.name();
  }

  /** The operands of each product, or an empty list if they are not all for tiles. */
  private List<TileOperands> inTiles(List<TensorView> in, TensorView y) {
    List<TileOperands> all =
        switch (op) {
          case FusedProduct.MatMulSum(int count) ->
              IntStream.range(0, count)
                  .mapToObj(i -> TileOperands.matMul(in.get(2 * i), in.get(2 * i + 1), y))
                  .toList();
          case FusedProduct.MatMulMul _ -> List.of(TileOperands.matMul(in.get(0), in.get(1), y));
          case FusedProduct.LinearActivation _ ->
              List.of(TileOperands.linear(in.get(0), in.get(1)));
        };
    boolean linear = op instanceof FusedProduct.LinearActivation;
    return all.stream().allMatch(o -> linear ? takesLinear(o) : takes(o, all.getFirst()))
        ? all
        : List.of();
  }

  private boolean takesLinear(TileOperands o) {
    return TileGemm.takesLinear(functions, o, Precision.BF16);
  }

  /** One matrix, stored as it is, cut as the first one. */
  private boolean takes(TileOperands o, TileOperands first) {
    return TileGemm.takes(functions, o, Precision.BF16)
        && o.aOffsets().length == 1
        && !o.across()
        && o.k() == first.k();
  }

  @Override
  public long scratchBytes(List<TensorView> in, List<TensorView> out) {
    List<TileOperands> tiles = inTiles(in, out.getFirst());
    if (!tiles.isEmpty()) {
      return tiles.stream().mapToLong(o -> TileGemm.scratchBytes(o, Precision.BF16)).sum();
    }
    long most = 0;
    for (Call c : calls(in, out, out.getFirst())) {
      most = Math.max(most, c.kernel.scratchBytes(c.in, List.of(c.out)));
    }
    return betweenBytes(out.getFirst()) + most;
  }

  @Override
  public Runnable bind(KernelArgs args) {
    List<TileOperands> tiles = inTiles(args.inputs(), args.output());
    if (tiles.isEmpty()) {
      return inParts(args);
    }
    List<Part> first = new ArrayList<>();
    List<Part> products = new ArrayList<>();
    long at = 0;
    for (TileOperands o : tiles) {
      TileGemm.Result to = result(args, products.isEmpty());
      MemorySegment memory = Segments.from(args.scratch(), at);
      var product = new TileGemm(functions, o, Precision.BF16, to, memory);
      at += TileGemm.scratchBytes(o, Precision.BF16);
      first.add(product.cutting());
      products.add(product.multiplying());
    }
    List<Part> last = List.of(new Together(products));
    return new Stages(args.pool(), functions.fetch(), List.of(first, last));
  }

  private TileGemm.Result result(KernelArgs args, boolean first) {
    MemorySegment y = args.output().base();
    return switch (op) {
      case FusedProduct.MatMulSum _ ->
          first ? TileGemm.Result.of(y) : TileGemm.Result.of(y).plus(null, y);
      case FusedProduct.MatMulMul _ ->
          TileGemm.Result.of(y).with(null, args.input(2).base(), MULTIPLY);
      case FusedProduct.LinearActivation l ->
          TileGemm.Result.of(args.outputs().get(1).base())
              .with(l.bias() ? args.input(2).base() : null, y, gate(l.activation()));
    };
  }

  /** {@code QUERN_GATE_...} */
  private static long gate(UnaryOp activation) {
    return activation instanceof UnaryOp.Gelu(boolean tanh) ? (tanh ? 2 : 3) : 1;
  }

  /** A part of the operation, by its own kernel. */
  private record Call(Op op, Kernel kernel, List<TensorView> in, TensorView out) {}

  private Call call(Op part, List<TensorView> in, TensorView out) {
    List<DType> types = Collections.nCopies(in.size(), ScalarType.F32);
    List<LayoutClass> layouts = Collections.nCopies(in.size(), LayoutClass.CONTIGUOUS);
    var s =
        new KernelSignature(part, types, layouts, List.of(ScalarType.F32), false, Precision.BF16);
    Kernel kernel = Objects.requireNonNull(NativeKernels.find(functions, s), part.name());
    return new Call(part, kernel, in, out);
  }

  /** A product that waits for what follows it. */
  private static TensorView between(TensorView y, MemorySegment memory) {
    return new TensorView(y.dtype(), Layout.contiguous(y.shape()), memory);
  }

  private static long betweenBytes(TensorView y) {
    return Math.ceilDiv(y.shape().elements() * Float.BYTES, 64) * 64;
  }

  private List<Call> calls(List<TensorView> in, List<TensorView> out, TensorView between) {
    TensorView y = out.getFirst();
    List<Call> calls = new ArrayList<>();
    switch (op) {
      case FusedProduct.MatMulSum(int count) -> {
        calls.add(call(new MatMulOp.MatMul(), in.subList(0, 2), y));
        for (int i = 1; i < count; i++) {
          calls.add(call(new MatMulOp.MatMul(), in.subList(2 * i, 2 * i + 2), between));
          calls.add(call(new BinaryOp.Add(), List.of(y, between), y));
        }
      }
      case FusedProduct.MatMulMul _ -> {
        calls.add(call(new MatMulOp.MatMul(), in.subList(0, 2), between));
        calls.add(call(new BinaryOp.Mul(), List.of(between, in.get(2)), y));
      }
      case FusedProduct.LinearActivation l -> {
        calls.add(call(new MatMulOp.Linear(l.bias()), in, between));
        calls.add(call(l.gradient(), List.of(ONE, between), y));
        calls.add(call(l.activation(), List.of(between), out.get(1)));
      }
    }
    return calls;
  }

  private Runnable inParts(KernelArgs args) {
    long bytes = betweenBytes(args.output());
    TensorView between = between(args.output(), args.scratch().asSlice(0, bytes));
    MemorySegment scratch = Segments.from(args.scratch(), bytes);
    Runnable[] parts =
        calls(args.inputs(), args.outputs(), between).stream()
            .map(
                c ->
                    c.kernel.bind(
                        new KernelArgs(
                            c.op, c.in, List.of(c.out), Precision.BF16, args.pool(), scratch)))
            .toArray(Runnable[]::new);
    return () -> {
      for (Runnable part : parts) {
        part.run();
      }
    };
  }
}
