package dev.quern.kernels.cuda.kernel;

import dev.quern.kernels.cuda.driver.Attribute;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.kernel.Product.Factor;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.Set;
import java.util.stream.LongStream;

/**
 * Products of up to 16 rows on the tensor cores by {@code matmul_skinny.cu}, which reads the right
 * operand as fast as memory gives it: both operands' k lies together, in rows aligned to 16 bytes.
 * Factors that don't have 16 bits of one type are rounded to BF16 on the way in.
 */
final class SkinnyMatMul {
  /** Rows up to which it takes products. */
  static final int MOST_ROWS = 16;

  /** Of the operands; the last three are rounded to BF16 in registers. */
  private static final Set<String> TYPES =
      Set.of("f16_f16", "bf16_bf16", "f32_bf16", "f32_f32", "f32_f16");

  private static final int FEW_ROWS = 8;
  private static final int RUN = 8; // elements that a thread reads at once
  private static final int ALIGNMENT = 16;
  private static final int COLUMNS = 8; // of an mma
  private static final int WIDEST = 4; // mma side by side
  private static final int THREADS = 256;
  private static final int MOST_BATCH = 65_535;
  private static final int TURN = 256; // elements of k that a block reads of a row at once
  private static final int UNROLLED = 4; // turns whose loads are in flight together

  private final CudaDevice device;
  private final Workspace workspace;

  SkinnyMatMul(CudaDevice device, Workspace workspace) {
    this.device = device;
    this.workspace = workspace;
  }

  /** Whether it takes a product. */
  static boolean takes(Product p) {
    return p.type() == p.a().type() && TYPES.contains(types(p)) && isStreamed(p);
  }

  /** Whether a product has few rows, and operands that are read 16 bytes of k at a time. */
  static boolean isStreamed(Product p) {
    return p.m() <= MOST_ROWS
        && p.k() % RUN == 0
        && p.k() < Integer.MAX_VALUE / 2
        && p.batches() <= MOST_BATCH
        && isAligned(p.a(), p.m(), p.batch().strides()[0])
        && isAligned(p.w(), p.n(), p.batch().strides()[1]);
  }

  private static boolean isAligned(Factor f, long rows, long... batch) {
    long bytes = f.type().blockBytes();
    return f.step() == 1
        && f.address() % ALIGNMENT == 0
        && (rows == 1 || f.row() * bytes % ALIGNMENT == 0)
        && LongStream.of(batch).allMatch(b -> b * bytes % ALIGNMENT == 0);
  }

  private static String types(Product p) {
    return Launches.name(p.a().type()) + "_" + Launches.name(p.w().type());
  }

  /** The product without its epilogue, the way that is likely the fastest. */
  NamedRunnable bind(Product p) {
    int wide = WIDEST;
    long busy = 2L * device.attribute(Attribute.MULTIPROCESSORS);
    while (wide > 1 && blocks(p, wide) < busy) {
      wide /= 2;
    }
    return launch(p, wide, pieces(p, blocks(p, wide)));
  }

  /**
   * How many blocks share a block's k. To take all that memory gives, 4.8 TB/s that come 700 ns
   * after they were asked for, a device of 132 multiprocessors has 3.4 MB asked for, 26 KB for
   * each. A block of one mma's columns asks for 16 KiB at once (256 threads, 4 loads of 16 bytes),
   * so there are to be two for each multiprocessor, if each has all its loads to ask for.
   */
  private int pieces(Product p, long blocks) {
    long wanted = Math.ceilDiv(2L * device.attribute(Attribute.MULTIPROCESSORS), blocks);
    long pieces = Math.min(wanted, p.k() / (TURN * UNROLLED));
    long bytes = blocks * pieces * MOST_ROWS * COLUMNS * Float.BYTES;
    return pieces > 1 && Workspace.holds(blocks, bytes) ? (int) pieces : 1;
  }

  private NamedRunnable launch(Product p, int wide, int pieces) {
    int rows = p.m() <= FEW_ROWS ? FEW_ROWS : MOST_ROWS;
    String kernel = "matmul_skinny_%d_%d_%s".formatted(rows, wide, types(p));
    int columns = Math.toIntExact(blocks(p, wide) / p.batches());
    Grid grid = new Grid(columns, pieces, (int) p.batches(), THREADS, 0);
    Params s =
        PortableMatMul.params(p, 0)
            .address(pieces == 1 ? 0 : workspace.address())
            .address(pieces == 1 ? 0 : workspace.counters());
    String name = "mma %dx%d%s".formatted(rows, COLUMNS * wide, pieces == 1 ? "" : " k/" + pieces);
    return new NamedRunnable(name, Launches.of(device, "matmul_skinny", kernel, grid, s));
  }

  /** Of all the batch. */
  private static long blocks(Product p, int wide) {
    return Math.ceilDiv(p.n(), (long) COLUMNS * wide) * p.batches();
  }
}
