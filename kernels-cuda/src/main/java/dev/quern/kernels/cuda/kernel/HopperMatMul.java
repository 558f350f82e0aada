package dev.quern.kernels.cuda.kernel;

import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.driver.Attribute;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.driver.TensorMap;
import dev.quern.kernels.cuda.kernel.Product.Factor;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Products of BF16 and F16, of BF16 also with results of F32, by {@code matmul_hopper.cu}, on
 * compute capability 9.0: with the copy engine and warpgroups' products. It takes operands whose k
 * or whose rows lie together, whose other strides are multiples of 16 bytes, and results whose rows
 * are. And products of F8_E4M3 whose k lies together, unless precision is EXACT: sums of 128
 * products have fewer bits than F32.
 */
final class HopperMatMul {
  private static final int MAJOR = 9;
  private static final int ALIGNMENT = 16;
  private static final int SWIZZLE_128B = 3;
  private static final int TILE_M = 128;
  private static final int ROWS = 64; // of a box whose rows lie together
  private static final int LINE = 128; // bytes of a tile's row in shared memory
  private static final int STAGING = 4 * 64 * LINE;
  private static final int THREADS = 384;
  private static final int GROUP = 16; // rows of tiles that run together

  /** How a tile's time grows with its columns: the fixed part, in columns. */
  private static final int TILE_OVERHEAD = 32;

  /**
   * A kernel of the source.
   *
   * @param columns of a tile: rows of the right operand
   * @param stages in shared memory
   * @param swapped whether the operands change places
   */
  private record Variant(int columns, int stages, boolean swapped) {
    int sharedBytes() {
      return 1024 + stages * (TILE_M + columns) * LINE + STAGING + stages * 2 * Long.BYTES;
    }

    String name() {
      return (swapped ? "swapped_" : "") + columns;
    }

    /** For {@code explain}: rows × columns of the result that a tile has. */
    String tile() {
      return swapped ? columns + "x" + TILE_M : TILE_M + "x" + columns;
    }
  }

  private static final Variant WIDE = new Variant(256, 4, false);
  private static final Variant NARROW = new Variant(128, 6, false);
  private static final Variant FEW_ROWS = new Variant(64, 8, true);
  private static final Variant FEWER_ROWS = new Variant(32, 8, true);

  private final CudaDevice device;

  HopperMatMul(CudaDevice device) {
    this.device = device;
  }

  /** Whether this device runs it. */
  boolean isHere() {
    return device.attribute(Attribute.MAJOR) == MAJOR && device.attribute(Attribute.MINOR) == 0;
  }

  /** Whether it takes a product. */
  boolean takes(Product p, Precision precision) {
    DType t = p.a().type();
    boolean eight = isEight(p, precision);
    return isHere()
        && (t == ScalarType.BF16 || t == ScalarType.F16 || eight)
        && t == p.w().type()
        && (t == p.type() || ((t == ScalarType.BF16 || eight) && p.type() == ScalarType.F32))
        && (t == p.type() || isKMajor(p.a()) || !isKMajor(p.w()))
        && p.k() > 0
        && p.batch().rank() == 1
        && isReadable(p, p.a(), p.m(), 0)
        && isReadable(p, p.w(), p.n(), 1)
        && p.n() * p.type().blockBytes() % ALIGNMENT == 0
        && Math.max(Math.max(p.m(), p.n()), Math.max(p.k(), p.batches())) < Integer.MAX_VALUE
        && p.c() % ALIGNMENT == 0;
  }

  /** Whether it computes a product's epilogue too. */
  static boolean finishes(Product p) {
    return (p.epilogue().other() | p.epilogue().second()) % ALIGNMENT == 0;
  }

  /** Whether the products of 8-bit factors take both, and their sums are good enough. */
  private static boolean isEight(Product p, Precision precision) {
    return p.a().type() == ScalarType.F8_E4M3
        && precision != Precision.EXACT
        && isKMajor(p.a())
        && isKMajor(p.w());
  }

  /** Whether the copy engine can read an operand. */
  private static boolean isReadable(Product p, Factor f, long rows, int operand) {
    long between = isKMajor(f) ? f.row() : f.step();
    long inner = isKMajor(f) ? p.k() : rows;
    long outer = isKMajor(f) ? rows : p.k();
    long batch = p.batch().strides()[operand][0];
    int bytes = f.type().blockBytes();
    return (f.step() == 1 || f.row() == 1)
        && f.address() % ALIGNMENT == 0
        && (outer == 1 || (between >= inner && between * bytes % ALIGNMENT == 0))
        && batch >= 0
        && batch * bytes % ALIGNMENT == 0;
  }

  private static boolean isKMajor(Factor f) {
    return f.step() == 1;
  }

  /** The kernels that compute a product, the one that is likely the fastest first. */
  List<NamedRunnable> bind(Product p) {
    List<Variant> variants = new ArrayList<>();
    if (p.a().type() == ScalarType.F8_E4M3) {
      variants.add(NARROW);
    } else if (p.m() <= FEW_ROWS.columns() && isKMajor(p.a()) && isKMajor(p.w())) {
      variants.add(p.m() <= FEWER_ROWS.columns() ? FEWER_ROWS : FEW_ROWS);
    } else {
      variants.add(WIDE);
      variants.add(NARROW);
      variants.sort(Comparator.comparingLong(v -> cost(p, v)));
    }
    return variants.stream().map(v -> new NamedRunnable(name(v), launch(p, v))).toList();
  }

  private static String name(Variant v) {
    return "wgmma " + v.tile();
  }

  /** Turns that all multiprocessors take, times the work of each. */
  private long cost(Product p, Variant v) {
    long tiles =
        Math.ceilDiv(p.m(), (long) TILE_M) * Math.ceilDiv(p.n(), (long) v.columns()) * p.batches();
    long turns = Math.ceilDiv(tiles, (long) device.attribute(Attribute.MULTIPROCESSORS));
    return turns * (v.columns() + TILE_OVERHEAD);
  }

  private Runnable launch(Product p, Variant v) {
    Factor left = v.swapped() ? p.w() : p.a();
    Factor right = v.swapped() ? p.a() : p.w();
    long m = v.swapped() ? p.n() : p.m();
    long n = v.swapped() ? p.m() : p.n();
    long leftBatch = p.batch().strides()[v.swapped() ? 1 : 0][0];
    long rightBatch = p.batch().strides()[v.swapped() ? 0 : 1][0];
    long tilesM = Math.ceilDiv(m, (long) TILE_M);
    long tilesN = Math.ceilDiv(n, (long) v.columns());
    Params s =
        new Params()
            .bytes(map(p, left, m, TILE_M, leftBatch), TensorMap.ALIGNMENT)
            .bytes(map(p, right, n, v.columns(), rightBatch), TensorMap.ALIGNMENT)
            .bytes(result(p, v), TensorMap.ALIGNMENT)
            .address(p.bias());
    p.epilogue().write(s);
    s.int64(p.biasStep())
        .int32((int) m)
        .int32((int) n)
        .int32((int) p.k())
        .int32((int) p.batches())
        .int32((int) tilesM)
        .int32((int) tilesN)
        .int32(GROUP)
        .int32(leftBatch == 0 ? 1 : 0)
        .int32(rightBatch == 0 ? 1 : 0)
        .int32(0);
    long tiles = Math.multiplyExact(Math.multiplyExact(tilesM, tilesN), p.batches());
    int blocks = Math.min(Math.toIntExact(tiles), device.attribute(Attribute.MULTIPROCESSORS));
    String orders = isKMajor(left) ? "k" : "n";
    orders += isKMajor(right) ? "k" : "n";
    String kernel =
        "matmul_hopper_%s_%s%s".formatted(v.name(), types(p), v.swapped() ? "" : "_" + orders);
    Grid grid = Grid.of(blocks, THREADS).withShared(v.sharedBytes());
    return Launches.of(device, "matmul_hopper", kernel, grid, s);
  }

  private static String types(Product p) {
    String factors = Launches.name(p.a().type());
    boolean one = p.type() == p.a().type() || p.a().type() == ScalarType.F8_E4M3;
    return one ? factors : factors + "_" + Launches.name(p.type());
  }

  /** An operand: boxes of 128 bytes of k by a tile's rows, or of 64 rows by 64 of k. */
  private byte[] map(Product p, Factor f, long rows, int tile, long batchStride) {
    boolean kMajor = isKMajor(f);
    long inner = kMajor ? p.k() : rows;
    long outer = kMajor ? rows : p.k();
    long between = outer == 1 ? inner : kMajor ? f.row() : f.step();
    return encode(
        f.type(),
        f.address(),
        List.of(inner, outer, batchStride == 0 ? 1 : p.batches()),
        between,
        batchStride == 0 ? between * outer : batchStride,
        List.of(LINE / f.type().blockBytes(), kMajor ? tile : ROWS, 1));
  }

  /** The result: boxes of 128 bytes of a row by a consumer's rows. */
  private byte[] result(Product p, Variant v) {
    int across = LINE / p.type().blockBytes();
    return encode(
        p.type(),
        p.c(),
        List.of(p.n(), p.m(), p.batches()),
        p.n(),
        p.m() * p.n(),
        List.of(across, v.swapped() ? v.columns() : TILE_M / 2, 1));
  }

  private byte[] encode(
      DType type, long address, List<Long> extents, long row, long batch, List<Integer> box) {
    return device.encode(
        new TensorMap(
            number(type),
            address,
            extents,
            List.of(aligned(type.bytes(row)), aligned(type.bytes(batch))),
            box,
            SWIZZLE_128B));
  }

  /** Bytes of a stride; one along an axis of extent 1 may be anything that the driver takes. */
  private static long aligned(long bytes) {
    return Math.ceilDiv(bytes, (long) ALIGNMENT) * ALIGNMENT;
  }

  /** A type's CUtensorMapDataType; 8-bit floats move as bytes. */
  private static int number(DType type) {
    return switch (type) {
      case ScalarType.BF16 -> 9;
      case ScalarType.F16 -> 6;
      case ScalarType.F32 -> 7;
      default -> 0;
    };
  }
}
