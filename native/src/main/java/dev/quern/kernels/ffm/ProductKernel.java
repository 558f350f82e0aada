package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Linear, and MatMul with a transposed right operand: y[..., n] = Σₖ x[..., k] · w[n, k] (+ bias),
 * x F32, w F32, F16, BF16 or blocks, y F32; with AMX tiles also x, w and y BF16, without bias,
 * unless precision is EXACT. {@link ProductPath} says which C kernel.
 */
final class ProductKernel implements Kernel {
  private final Functions functions;
  private final DType activation; // of results too
  private final DType weight;
  private final Precision precision;
  private final boolean linear;
  private final String name;

  private ProductKernel(Functions functions, KernelSignature s) {
    this.functions = functions;
    this.activation = s.inputs().getFirst();
    this.weight = s.inputs().get(1);
    this.precision = s.precision();
    this.linear = s.op() instanceof MatMulOp.Linear;
    ProductPath one = path(1);
    ProductPath many = path(1024);
    this.name =
        "%s %s %s (1 row: %s activations, %s; many: %s, %s)"
            .formatted(
                s.op().name(),
                weight.name(),
                precision,
                one.activation(),
                one.function().tier().suffix(),
                many.activation(),
                many.function().tier().suffix());
  }

  /** The kernel for a signature, or null if it isn't one of these products. */
  static @Nullable ProductKernel of(Functions functions, KernelSignature s) {
    DType w = s.inputs().get(1);
    DType activation = s.inputs().getFirst();
    boolean narrow =
        activation == ScalarType.BF16
            && ProductPath.narrow(functions, w, s.precision()).isPresent()
            && !s.op().equals(new MatMulOp.Linear(true));
    if (!narrow && (activation != ScalarType.F32 || Weights.symbol(w) == null)) {
      return null;
    }
    LayoutClass x = s.layouts().get(0);
    LayoutClass right = s.layouts().get(1);
    boolean taken =
        switch (s.op()) {
          case MatMulOp.Linear l ->
              x == LayoutClass.CONTIGUOUS
                  && (right == LayoutClass.CONTIGUOUS || right == LayoutClass.ROWS)
                  && (!l.bias() || s.layouts().get(2) == LayoutClass.CONTIGUOUS);
          case MatMulOp.MatMul _ ->
              (x == LayoutClass.CONTIGUOUS || x == LayoutClass.ROWS)
                  && (right == LayoutClass.COLUMNS || w.isBlock());
          default -> false;
        };
    return taken ? new ProductKernel(functions, s) : null;
  }

  private ProductPath path(long m) {
    return activation == ScalarType.F32
        ? ProductPath.of(functions, weight, precision, m)
        : ProductPath.narrow(functions, weight, precision).orElseThrow();
  }

  @Override
  public String name() {
    return name;
  }

  private record Extents(long batches, long m, long n, long k) {}

  private Extents extents(TensorView x, TensorView w, TensorView y) {
    Shape s = y.shape();
    long k = x.shape().dim(-1);
    if (linear) {
      long n = w.shape().dim(0);
      return new Extents(1, n == 0 ? 0 : s.elements() / n, n, k);
    }
    long n = s.dim(-1);
    boolean shared = x.layout().isContiguous() && w.shape().elements() == k * n;
    if (shared) { // one matrix on the right: the batches are just more rows
      return new Extents(1, n == 0 ? 0 : s.elements() / n, n, k);
    }
    return new Extents(s.slice(0, s.rank() - 2).elements(), s.dim(-2), n, k);
  }

  /** F32 operands to be rounded on their way into tiles, many rows of them; null if not so. */
  private @Nullable TileOperands inTiles(TensorView x, TensorView w) {
    boolean floats = activation == ScalarType.F32 && weight == ScalarType.F32;
    TileOperands o = linear && floats ? TileOperands.linear(x, w) : null;
    return o != null && TileGemm.takesLinear(functions, o, precision) ? o : null;
  }

  @Override
  public long scratchBytes(List<TensorView> in, List<TensorView> out) {
    TileOperands o = inTiles(in.get(0), in.get(1));
    if (o != null) {
      return TileGemm.scratchBytes(o, precision);
    }
    Extents e = extents(in.get(0), in.get(1), out.getFirst());
    ProductPath path = path(e.m());
    return Activations.bytes(path.activation(), e.batches(), e.m(), e.k());
  }

  @Override
  public Runnable bind(KernelArgs args) {
    TensorView x = args.input(0);
    TensorView w = args.input(1);
    TensorView y = args.output();
    MemorySegment bias = args.inputs().size() > 2 ? args.input(2).base() : null;
    TileOperands o = inTiles(x, w);
    if (o != null) {
      var result = TileGemm.Result.of(y.base()).plus(bias, null);
      return new TileGemm(functions, o, precision, result, args.scratch())
          .alone(functions, args.pool());
    }
    Extents e = extents(x, w, y);
    ProductPath path = path(e.m());
    boolean one = e.batches() == 1;
    Shape batch = one ? Shape.SCALAR : y.shape().slice(0, y.shape().rank() - 2);
    int wRows = linear ? 0 : -1;
    Batches.Matrices left = Batches.of(batch, x);
    Batches.Matrices right = Batches.of(batch, w);
    var rows = new Activations.Rows(left.base(), rowStride(x, e.k()), left.offsets(), e.m(), e.k());
    var weight =
        new Product.Weight(
            right.base(),
            e.n() > 1 ? w.strideBytes(wRows) : w.dtype().bytes(e.k()),
            e.n(),
            right.offsets());
    Activations a = Activations.of(rows, path, args.scratch());
    var result = new Product.Result(y.base(), y.dtype().bytes(1), bias, null);
    var product = new Product(functions, path, a, weight, result);
    return new Stages(args.pool(), functions.fetch(), List.of(List.of(a), List.of(product)));
  }

  /** Bytes from row to row of x; a contiguous x is one matrix whatever its rank. */
  private static long rowStride(TensorView x, long k) {
    boolean flat = x.layout().isContiguous() || x.shape().rank() < 2;
    return flat ? x.dtype().bytes(k) : x.strideBytes(-2);
  }
}
