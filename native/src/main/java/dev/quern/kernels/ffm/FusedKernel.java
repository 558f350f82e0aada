package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.FusedOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.ffm.Functions.Function;
import dev.quern.kernels.ffm.ProductPath.Activation;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * {@link FusedOp}s of products. They take the same kernels and cuts as their parts, so the bits are
 * the same; what is saved: activations are converted once for all products that read them (but
 * those of {@link TileGemm}, which rounds them while it multiplies), the threads wait for each
 * other less often, residuals are added while a slice is in the cache, and between the halves of a
 * feed-forward layer nothing goes through memory as F32.
 */
final class FusedKernel implements Kernel {
  private final Functions functions;
  private final FusedOp op;
  private final Precision precision;

  private FusedKernel(Functions functions, FusedOp op, Precision precision) {
    this.functions = functions;
    this.op = op;
    this.precision = precision;
  }

  /** The kernel for a signature, or null if there is none. */
  static @Nullable FusedKernel of(Functions functions, FusedOp op, KernelSignature s) {
    int weights = weights(op);
    for (int i = 0; i < s.inputs().size(); i++) {
      boolean weight = i > 0 && i <= weights;
      boolean taken =
          weight ? Weights.symbol(s.inputs().get(i)) != null : s.inputs().get(i) == ScalarType.F32;
      if (!taken) {
        return null;
      }
    }
    return s.allContiguous() ? new FusedKernel(functions, op, s.precision()) : null;
  }

  /** How many weights follow the first input. */
  private static int weights(FusedOp op) {
    return switch (op) {
      case FusedOp.Linears(int count, boolean _) -> count;
      case FusedOp.LinearAdd _ -> 1;
      case FusedOp.GatedFeedForward _ -> 3;
      default -> throw new IllegalArgumentException(op.name()); // another kernel's
    };
  }

  @Override
  public String name() {
    return op.name();
  }

  private ProductPath path(TensorView w, long m) {
    return ProductPath.of(functions, w.dtype(), precision, m);
  }

  private static long rows(TensorView x) {
    return x.shape().slice(0, x.shape().rank() - 1).elements();
  }

  @Override
  public long scratchBytes(List<TensorView> in, List<TensorView> out) {
    TensorView x = in.getFirst();
    long m = rows(x);
    Map<Activation, Long> converted = new EnumMap<>(Activation.class);
    boolean gated = op instanceof FusedOp.GatedFeedForward;
    List<TensorView> readers = gated ? in.subList(1, 2) : in.subList(1, 1 + weights(op));
    long bytes = 0;
    for (TensorView w : readers) {
      TileOperands o = gated ? null : inTiles(x, w);
      if (o != null) {
        bytes += TileGemm.scratchBytes(o, precision); // whole tiles
      } else {
        Activation a = path(w, m).activation();
        converted.put(a, aligned(Activations.bytes(a, 1, m, x.shape().dim(-1))));
      }
    }
    bytes += converted.values().stream().mapToLong(Long::longValue).sum();
    if (op instanceof FusedOp.GatedFeedForward) {
      long n = in.get(1).shape().dim(0);
      ProductPath gate = path(in.get(1), m);
      ProductPath down = path(in.get(3), m);
      boolean tiles = whole(in.get(1), gate, down) != null;
      bytes += aligned(GatedProduct.bytes(tiles, m, n));
      bytes += aligned(Activations.bytes(down.activation(), 1, m, n));
    }
    return bytes;
  }

  /**
   * The kernel for both products of a feed-forward layer's first half, if the second reads tiles.
   */
  private @Nullable Function whole(TensorView gate, ProductPath first, ProductPath second) {
    boolean tiles =
        first.activation() == Activation.BF16_TILES && second.activation() == Activation.BF16_TILES;
    return tiles
        ? functions.find("matmul_gated_bf16_" + Weights.symbol(gate.dtype())).orElse(null)
        : null;
  }

  /** F32 operands to be rounded on their way into tiles, or null. */
  private @Nullable TileOperands inTiles(TensorView x, TensorView w) {
    TileOperands o = w.dtype() == ScalarType.F32 ? TileOperands.linear(x, w) : null;
    return o != null && TileGemm.takesLinear(functions, o, precision) ? o : null;
  }

  private static long aligned(long bytes) {
    return Math.ceilDiv(bytes, 64) * 64;
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return switch (op) {
      case FusedOp.Linears(int count, boolean bias) -> linears(args, count, bias);
      case FusedOp.LinearAdd(boolean bias) -> linearAdd(args, bias);
      case FusedOp.GatedFeedForward(BinaryOp gate, boolean residual) ->
          feedForward(args, gate, residual);
      default -> throw new IllegalArgumentException(op.name());
    };
  }

  private static Activations.Rows rowsOf(TensorView x) {
    return Activations.Rows.contiguous(x.base(), rows(x), x.shape().dim(-1));
  }

  private static Product.Weight weight(TensorView w) {
    long stride = w.dtype().bytes(w.shape().dim(1));
    return new Product.Weight(w.base(), stride, w.shape().dim(0), new long[1]);
  }

  private Runnable linears(KernelArgs args, int count, boolean bias) {
    var maps = new Maps(args);
    for (int i = 0; i < count; i++) {
      MemorySegment added = bias ? args.input(1 + count + i).base() : null;
      maps.add(args.input(1 + i), args.outputs().get(i).base(), added, null);
    }
    return maps.call();
  }

  private Runnable linearAdd(KernelArgs args, boolean bias) {
    var maps = new Maps(args);
    MemorySegment added = bias ? args.input(2).base() : null;
    MemorySegment residual = args.inputs().getLast().base();
    maps.add(args.input(1), args.output().base(), added, residual);
    return maps.call();
  }

  /** Linear maps of the first input: what is converted, then the products. */
  private final class Maps {
    private final KernelArgs args;
    private final Activations.Rows x;
    private final Map<Activation, Activations> converted = new EnumMap<>(Activation.class);
    private final List<Part> first = new ArrayList<>();
    private final List<Part> products = new ArrayList<>();
    private long at; // in scratch

    Maps(KernelArgs args) {
      this.args = args;
      this.x = rowsOf(args.input(0));
    }

    void add(
        TensorView w,
        MemorySegment y,
        @Nullable MemorySegment bias,
        @Nullable MemorySegment residual) {
      TileOperands o = inTiles(args.input(0), w);
      if (o != null) {
        var result = TileGemm.Result.of(y).plus(bias, residual);
        var product =
            new TileGemm(functions, o, precision, result, Segments.from(args.scratch(), at));
        at += TileGemm.scratchBytes(o, precision);
        first.add(product.cutting());
        products.add(product.multiplying());
        return;
      }
      ProductPath path = path(w, x.m());
      Activations a = converted.get(path.activation());
      if (a == null) {
        a = Activations.of(x, path, Segments.from(args.scratch(), at));
        at += aligned(Activations.bytes(path.activation(), 1, x.m(), x.k()));
        converted.put(path.activation(), a);
        first.add(a);
      }
      var result = Product.Result.floats(y, bias, residual);
      products.add(new Product(functions, path, a, weight(w), result));
    }

    Stages call() {
      boolean oneCut = converted.isEmpty() && Together.takes(products);
      List<Part> last = oneCut ? List.of(new Together(products)) : products;
      return new Stages(args.pool(), functions.fetch(), List.of(first, last));
    }
  }

  private Runnable feedForward(KernelArgs args, BinaryOp op, boolean residual) {
    Activations.Rows x = rowsOf(args.input(0));
    Product.Weight gate = weight(args.input(1));
    ProductPath first = path(args.input(1), x.m());
    ProductPath second = path(args.input(3), x.m());
    long n = gate.n();
    long before = aligned(Activations.bytes(first.activation(), 1, x.m(), x.k()));
    Function whole = whole(args.input(1), first, second);
    long hidden = aligned(GatedProduct.bytes(whole != null, x.m(), n));
    Activations a = Activations.of(x, first, args.scratch());
    MemorySegment memory = args.scratch().asSlice(before, hidden);
    var gated =
        new GatedProduct(functions, first, a, gate, weight(args.input(2)), op, whole, memory);
    Activations h =
        whole != null
            ? Activations.written(memory, second, x.m(), n)
            : Activations.of(
                Activations.Rows.contiguous(memory, x.m(), n),
                second,
                Segments.from(args.scratch(), before + hidden));
    MemorySegment r = residual ? args.input(4).base() : null;
    var result = Product.Result.floats(args.output().base(), null, r);
    Product down = new Product(functions, second, h, weight(args.input(3)), result);
    return new Stages(
        args.pool(),
        functions.fetch(),
        List.of(List.of(a), List.of(gated), List.of(h), List.of(down)));
  }
}
