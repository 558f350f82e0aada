package dev.quern.kernels.ffm;

import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Precision;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A product of F32 by F32, rounded to BF16 on AMX tiles, with a long k and a result that the
 * second-level cache holds: gradients of weights ({@code gemm_outer.c}). Slices are ranges of k, so
 * that each reads its own rows of both operands and nothing twice; then their sums are added, in
 * the order of the ranges. The cut depends on the shape alone.
 */
final class RangeGemm {
  /** Rows and columns of operands in tiles that scratch memory holds, as in C. */
  private static final long MOST_SIDES = 1152;

  /** Elements of the result beyond which its sums leave the second-level cache. */
  private static final long MOST_ELEMENTS = 512 * 512;

  private static final long GROUP = 32;
  private static final long LEAST_DEPTH = 512;

  private static final long RANGES = 4;

  private static final long GROUP_BYTES = GROUP * GROUP * Float.BYTES; // of sums

  private final Functions functions;
  private final MemorySegment product;
  private final MemorySegment add;
  private final MemorySegment left; // (k, m)
  private final MemorySegment right; // (k, n)
  private final long leftAt; // bytes to its first element, which rows may lie before
  private final long rightAt;
  private final long leftStride; // elements
  private final long rightStride;
  private final long m;
  private final long n;
  private final long k;
  private final MemorySegment y;
  private final MemorySegment sums; // (ranges, m / 32, n / 32, tiles)
  private final long rowBytes; // of 32 rows of sums
  private final long rangeBytes;
  private final long depth; // of a range
  private final long scratchBytes;

  /**
   * A product.
   *
   * @param functions the library
   * @param o its operands, which {@link #takes} said yes to
   * @param y where it goes
   * @param sums {@link #scratchBytes} of memory
   */
  RangeGemm(Functions functions, TileOperands o, MemorySegment y, MemorySegment sums) {
    this.functions = functions;
    product = functions.get("gemm_outer_bf16").address();
    add = functions.get("gemm_outer_sums").address();
    left = o.across() ? o.b() : o.a();
    right = o.across() ? o.a() : o.b();
    leftAt = o.across() ? o.bOffsets()[0] : o.aOffsets()[0];
    rightAt = o.across() ? o.aOffsets()[0] : o.bOffsets()[0];
    leftStride = o.across() ? o.bK() : o.aK();
    rightStride = o.across() ? o.aK() : o.bK();
    m = o.across() ? o.n() : o.m();
    n = o.across() ? o.m() : o.n();
    k = o.k();
    this.y = y;
    this.sums = sums;
    rowBytes = Math.ceilDiv(n, GROUP) * GROUP_BYTES;
    rangeBytes = Math.ceilDiv(m, GROUP) * rowBytes;
    depth = depth(k);
    scratchBytes = functions.productScratchBytes(depth);
  }

  /** Whether it takes these operands: rows of both contiguous, k long, the result small. */
  static boolean takes(Functions functions, TileOperands o, Precision precision) {
    long sides = GROUP * (Math.ceilDiv(o.m(), GROUP) + Math.ceilDiv(o.n(), GROUP));
    return precision == Precision.BF16
        && o.isBeside()
        && o.isByRows()
        && o.aRow() == 1
        && o.aOffsets().length == 1
        && o.k() >= Math.max(LEAST_DEPTH, Math.max(o.m(), o.n()))
        && sides <= MOST_SIDES
        && o.m() * o.n() <= MOST_ELEMENTS
        && functions.find("gemm_outer_bf16").isPresent();
  }

  /** Bytes for the sums of all ranges. */
  static long scratchBytes(TileOperands o) {
    long groups = Math.ceilDiv(o.m(), GROUP) * Math.ceilDiv(o.n(), GROUP);
    return Math.ceilDiv(o.k(), depth(o.k())) * groups * GROUP_BYTES;
  }

  private static long depth(long k) {
    return Math.ceilDiv(k, RANGES * GROUP) * GROUP;
  }

  /** The call of this product. */
  Stages call(TaskPool pool) {
    return new Stages(pool, functions.fetch(), List.of(List.of(multiplying()), List.of(adding())));
  }

  private Part multiplying() {
    return new Part() {
      @Override
      public int slices() {
        return Math.toIntExact(Math.ceilDiv(k, depth));
      }

      @Override
      public void run(int slice) {
        long p = slice * depth;
        MemorySegment scratch = Scratch.take(scratchBytes);
        GradientCalls.outer(
            product,
            Segments.from(left, leftAt + p * leftStride * Float.BYTES),
            leftStride,
            Segments.from(right, rightAt + p * rightStride * Float.BYTES),
            rightStride,
            Segments.from(sums, slice * rangeBytes),
            rowBytes,
            m,
            n,
            Math.min(depth, k - p),
            scratch);
        Scratch.give(scratch);
      }
    };
  }

  private Part adding() {
    return new Part() {
      @Override
      public int slices() {
        return Math.toIntExact(Math.ceilDiv(m, GROUP));
      }

      @Override
      public void run(int slice) {
        long row = slice * GROUP;
        GradientCalls.outerSums(
            add,
            Segments.from(sums, slice * rowBytes),
            rangeBytes,
            Math.ceilDiv(k, depth),
            Segments.from(y, row * n * Float.BYTES),
            n,
            Math.min(GROUP, m - row),
            n);
      }
    };
  }
}
