package dev.quern.kernels.cuda.kernel;

import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.driver.Attribute;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.driver.TensorMap;
import dev.quern.kernels.cuda.kernel.Product.Factor;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Optional;

/**
 * Products of BF16 and F16, of BF16 also with results of F32, by {@code matmul_hopper.cu}, on
 * compute capability 9.0: with the copy engine and warpgroups' products. It takes operands whose k
 * or whose rows lie together, whose other strides are multiples of 16 bytes, and results whose rows
 * are. And products of F8_E4M3 whose k lies together, unless precision is EXACT: sums of 128
 * products have fewer bits than F32.
 */
final class HopperMatMul {
  private static final System.Logger LOG = System.getLogger(HopperMatMul.class.getName());
  private static final String SOURCE = "matmul_hopper";
  private static final int MAJOR = 9;
  private static final int ALIGNMENT = 16;
  private static final int SWIZZLE_128B = 3;
  private static final int ROWS = 64; // of a box whose rows lie together
  private static final int THREADS = 384;
  private static final int GROUP = 16; // rows of tiles that run together

  private final CudaDevice device;
  private final Workspace workspace;

  HopperMatMul(CudaDevice device, Workspace workspace) {
    this.device = device;
    this.workspace = workspace;
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

  /**
   * The kernels that compute a product, the one that is likely the fastest first; none if the
   * driver refuses to describe an operand.
   */
  List<Candidate> bind(Product p) {
    return HopperTiling.of(p, device.attribute(Attribute.MULTIPROCESSORS)).stream()
        .flatMap(t -> launch(p, t).stream())
        .toList();
  }

  private Optional<Candidate> launch(Product p, HopperTiling v) {
    Params params;
    try {
      params = params(p, v);
    } catch (CudaDriverException e) {
      LOG.log(Level.DEBUG, "the copy engine does not take " + p, e);
      return Optional.empty();
    }
    long work = v.tiles(p) * v.pieces();
    int clusters = device.attribute(Attribute.MULTIPROCESSORS) / v.blocks();
    int blocks = (int) Math.min(work, clusters) * v.blocks();
    String orders =
        v.swapped() ? "" : "_" + (isKMajor(p.a()) ? "k" : "n") + (isKMajor(p.w()) ? "k" : "n");
    String kernel = "matmul_hopper_%s_%s%s".formatted(v.kernel(), types(p), orders);
    Grid grid = Grid.of(blocks, THREADS).withShared(v.sharedBytes());
    Runnable call = Launches.of(device, SOURCE, kernel, grid, params);
    return Optional.of(
        new Candidate(
            new NamedRunnable("wgmma " + v.text(), call),
            new Candidate.Order(SOURCE, 1, v.pieces())));
  }

  private Params params(Product p, HopperTiling v) {
    Factor left = v.swapped() ? p.w() : p.a();
    Factor right = v.swapped() ? p.a() : p.w();
    long m = v.swapped() ? p.n() : p.m();
    long n = v.swapped() ? p.m() : p.n();
    long leftBatch = p.batch().strides()[v.swapped() ? 1 : 0][0];
    long rightBatch = p.batch().strides()[v.swapped() ? 0 : 1][0];
    Params s =
        new Params()
            .bytes(map(p, left, m, HopperTiling.ROWS, leftBatch), TensorMap.ALIGNMENT)
            .bytes(map(p, right, n, v.columns() / v.blocks(), rightBatch), TensorMap.ALIGNMENT)
            .bytes(result(p, v), TensorMap.ALIGNMENT)
            .address(p.bias());
    p.epilogue().write(s);
    boolean whole = v.pieces() == 1;
    return s.int64(p.biasStep())
        .address(whole ? 0 : workspace.address())
        .address(whole ? 0 : workspace.counters())
        .int32((int) m)
        .int32((int) n)
        .int32((int) p.k())
        .int32((int) p.batches())
        .int32((int) v.tilesM(p))
        .int32((int) v.tilesN(p))
        .int32(GROUP / v.blocks())
        .int32(leftBatch == 0 ? 1 : 0)
        .int32(rightBatch == 0 ? 1 : 0)
        .int32(v.pieces());
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
        List.of(HopperTiling.LINE / f.type().blockBytes(), kMajor ? tile : ROWS, 1));
  }

  /** The result: boxes of 128 bytes of a row by a consumer's rows. */
  private byte[] result(Product p, HopperTiling v) {
    int across = HopperTiling.LINE / p.type().blockBytes();
    return encode(
        p.type(),
        p.c(),
        List.of(p.n(), p.m(), p.batches()),
        p.n(),
        p.m() * p.n(),
        List.of(across, v.swapped() ? v.columns() : HopperTiling.ROWS / HopperTiling.CONSUMERS, 1));
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
