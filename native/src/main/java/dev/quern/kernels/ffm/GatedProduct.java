package dev.quern.kernels.ffm;

import dev.quern.core.op.BinaryOp;
import dev.quern.kernels.ffm.Functions.Function;
import dev.quern.kernels.ffm.ProductPath.Activation;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The first half of a gated feed-forward layer, h = f(x · gateᵀ, x · upᵀ), cut in slices.
 *
 * <p>On AMX tiles one kernel computes both products and leaves h as the next one reads it.
 * Elsewhere each slice is two products and the gate, while they are in the cache.
 */
final class GatedProduct implements Part {
  private final ProductPath path;
  private final Activations x;
  private final Product.Weight gate;
  private final Product.Weight up;
  private final MemorySegment h;
  private final MemorySegment factor;
  private final Slices gates;
  private final Slices ups;
  private final Cut cut;
  private final long scratchBytes;
  private final boolean tiles;
  private final Function function;
  private final long kind;

  /**
   * The gated product.
   *
   * @param functions the library
   * @param path of both products
   * @param x left operand of both
   * @param gate first right operand
   * @param up second right operand, of the same format and shape
   * @param op f
   * @param whole the kernel that computes it all and leaves tiles, or null for parts
   * @param memory {@link #bytes}: h, and for parts the second factor
   */
  GatedProduct(
      Functions functions,
      ProductPath path,
      Activations x,
      Product.Weight gate,
      Product.Weight up,
      BinaryOp op,
      @Nullable Function whole,
      MemorySegment memory) {
    this.path = path;
    this.x = x;
    this.gate = gate;
    this.up = up;
    this.tiles = whole != null;
    this.function = whole == null ? functions.get(symbol(op)) : whole;
    this.kind = kind(op);
    this.cut =
        path.packs()
            ? Cut.panels(x.m(), gate.n(), x.k())
            : Cut.streams(x.m(), gate.n(), gate.stride(), path.streams());
    this.scratchBytes = path.packs() ? functions.productScratchBytes(x.k()) : 0;
    this.h = memory;
    this.factor = tiles ? MemorySegment.NULL : memory.asSlice(floats(x.m(), gate.n()));
    this.gates = new Slices(h, tiles ? 0 : slices());
    this.ups = new Slices(factor, tiles ? 0 : slices());
  }

  /** Memory for m rows of n elements. */
  static long bytes(boolean tiles, long m, long n) {
    return tiles ? Activations.bytes(Activation.BF16_TILES, 1, m, n) : 2 * floats(m, n);
  }

  private static long floats(long m, long n) {
    return Math.ceilDiv(m * n * Float.BYTES, 64) * 64;
  }

  private static String symbol(BinaryOp op) {
    return switch (op) {
      case BinaryOp.GeGlu(boolean tanh) -> tanh ? "geglu_tanh" : "geglu_erf";
      default -> "swiglu";
    };
  }

  /** {@code QUERN_GATE_...}. */
  private static long kind(BinaryOp op) {
    return switch (op) {
      case BinaryOp.GeGlu(boolean tanh) -> tanh ? 2 : 3;
      default -> 1;
    };
  }

  @Override
  public int slices() {
    return cut.slices(1);
  }

  @Override
  public List<MemorySegment> streams(int slice) {
    long n0 = cut.column(slice);
    return path.packs() ? List.of() : gate.streams(path.streams(), 0, n0, cut.endColumn(n0));
  }

  @Override
  public void run(int slice) {
    long row = cut.row(slice);
    long n0 = cut.column(slice);
    long n1 = cut.endColumn(n0);
    MemorySegment scratch = scratchBytes > 0 ? Scratch.take(scratchBytes) : MemorySegment.NULL;
    if (tiles) {
      whole(row, n0, n1, scratch);
    } else {
      parts(slice, row, n0, n1, scratch);
    }
    if (scratchBytes > 0) {
      Scratch.give(scratch);
    }
  }

  private void whole(long row, long n0, long n1, MemorySegment scratch) {
    long stride = Activation.BF16_TILES.rowBytes(gate.n());
    Calls.matmulGated(
        function.address(),
        x.at(0, row),
        x.stride(),
        gate.base(),
        up.base(),
        gate.stride(),
        Segments.from(h, row * stride),
        stride,
        cut.rows(row),
        n0,
        n1,
        x.k(),
        scratch,
        kind);
  }

  private void parts(int slice, long row, long n0, long n1, MemorySegment scratch) {
    long n = gate.n();
    long at = row * n * Float.BYTES;
    multiply(gate, Segments.from(h, at), row, n0, n1, scratch);
    multiply(up, Segments.from(factor, at), row, n0, n1, scratch);
    MemorySegment g = gates.get(slice, at + n0 * Float.BYTES);
    MemorySegment u = ups.get(slice, at + n0 * Float.BYTES);
    Calls.gated(function.address(), g, u, g, n, cut.rows(row), n1 - n0);
  }

  private void multiply(
      Product.Weight w, MemorySegment y, long row, long n0, long n1, MemorySegment scratch) {
    Calls.matmul(
        path.function().address(),
        x.at(0, row),
        x.stride(),
        w.base(),
        w.stride(),
        y,
        w.n(),
        cut.rows(row),
        n0,
        n1,
        x.k(),
        scratch);
  }
}
