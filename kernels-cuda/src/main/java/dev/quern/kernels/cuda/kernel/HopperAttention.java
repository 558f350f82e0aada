package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Attribute;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.driver.TensorMap;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention of many queries by {@code attention_hopper.cu}, on compute capability 9.0: with the
 * copy engine and warpgroups' products. It takes queries, keys and values of one 16-bit type, heads
 * of up to 128 elements that lie together, other strides that are multiples of 16 bytes; no mask
 * and no cap.
 */
final class HopperAttention {
  private static final int MAJOR = 9;
  private static final int ALIGNMENT = 16;
  private static final int BF16 = 9; // of CUtensorMapDataType
  private static final int F16 = 6;
  private static final int SWIZZLE_128B = 3;
  private static final int FEW_QUERIES = 64; // half a tile
  private static final int TILE_ROWS = 128;
  private static final int CONSUMER_ROWS = 64;
  private static final int KEYS = 128;
  private static final int COLUMNS = 64; // of a box
  private static final int SMALL_HEAD = 64;
  private static final int LARGE_HEAD = 128;
  private static final int SLOTS_OF_SMALL_HEADS = 6;
  private static final int SLOTS_OF_LARGE_HEADS = 4;
  private static final int OTHER_BARRIERS = 3;
  private static final int THREADS = 384;

  private final CudaDevice device;

  HopperAttention(CudaDevice device) {
    this.device = device;
  }

  /** Whether it takes a call whose precision allows tensor cores. */
  boolean takes(AttentionParams p) {
    Attention op = p.op();
    TensorView q = p.args().input(0);
    TensorView k = p.args().input(1);
    TensorView v = p.args().input(2);
    return device.attribute(Attribute.MAJOR) == MAJOR
        && device.attribute(Attribute.MINOR) == 0
        && (q.dtype() == ScalarType.BF16 || q.dtype() == ScalarType.F16)
        && q.dtype() == k.dtype()
        && !op.hasMask()
        && op.softCap() == 0
        && op.scale() > 0
        && (!op.hasPages() || k.shape().dim(1) % KEYS == 0)
        && q.shape().dim(1) > FEW_QUERIES
        && q.shape().dim(1) * q.shape().dim(0) * q.shape().dim(2) < Integer.MAX_VALUE
        && isReachable(q)
        && isReachable(k)
        && isReachable(v)
        && isReachable(p.args().output());
  }

  /** Whether the copy engine can read or write an operand [batch, time, heads, elements]. */
  private static boolean isReachable(TensorView x) {
    Shape s = x.shape();
    Layout l = x.layout();
    boolean reachable =
        s.elements() > 0
            && s.dim(1) <= Integer.MAX_VALUE - KEYS
            && s.dim(3) <= LARGE_HEAD
            && l.stride(3) == 1
            && Launches.start(x) % ALIGNMENT == 0;
    for (int axis = 0; axis < 3; axis++) {
      long bytes = l.stride(axis) * Short.BYTES;
      reachable = reachable && (s.dim(axis) == 1 || (bytes > 0 && bytes % ALIGNMENT == 0));
    }
    return reachable;
  }

  /** The launch of a call that it takes. */
  Runnable bind(AttentionParams p) {
    TensorView q = p.args().input(0);
    TensorView k = p.args().input(1);
    TensorView v = p.args().input(2);
    TensorView y = p.args().output();
    Shape s = q.shape();
    boolean small = Math.max(s.dim(3), v.shape().dim(3)) <= SMALL_HEAD;
    int depth = small ? SMALL_HEAD : LARGE_HEAD;
    long blocks = Math.ceilDiv(s.dim(1), (long) TILE_ROWS);
    Params struct =
        new Params()
            .bytes(map(q, TILE_ROWS), TensorMap.ALIGNMENT)
            .bytes(map(k, KEYS), TensorMap.ALIGNMENT)
            .bytes(map(v, KEYS), TensorMap.ALIGNMENT)
            .bytes(map(y, CONSUMER_ROWS), TensorMap.ALIGNMENT)
            .int32(section(s, p.keys(), v.shape()))
            .int32(0);
    p.appendTo(struct, blocks, 1, 1);
    long tiles = blocks * s.dim(0) * s.dim(2);
    long resident = Math.min(tiles, device.attribute(Attribute.MULTIPROCESSORS));
    Grid grid = Grid.of(resident, THREADS).withShared(sharedBytes(depth));
    String kernel = "attention_hopper" + depth + "_" + Launches.name(q.dtype());
    return Launches.of(device, "attention_hopper", kernel, grid, struct);
  }

  private static int sharedBytes(int depth) {
    int slots = depth == SMALL_HEAD ? SLOTS_OF_SMALL_HEADS : SLOTS_OF_LARGE_HEADS;
    int rows = TILE_ROWS + slots * KEYS + TILE_ROWS; // queries, keys and values, results
    return 1024 + rows * depth * Short.BYTES + (2 * slots + OTHER_BARRIERS) * Long.BYTES;
  }

  /** Query heads whose tiles are neighbours: those of the keys that half the cache holds. */
  private int section(Shape q, Shape k, Shape v) {
    long bytes = k.dim(1) * (k.dim(3) + v.dim(3)) * Short.BYTES;
    long room = device.attribute(Attribute.L2_BYTES) / 2L;
    long keyHeads = Math.clamp(room / bytes, 1L, k.dim(0) * k.dim(2));
    return Math.toIntExact(keyHeads * (q.dim(2) / k.dim(2)));
  }

  /** An operand: boxes of 64 elements of so many rows of a head. */
  private byte[] map(TensorView x, int rows) {
    Shape s = x.shape();
    DType type = x.dtype();
    List<Long> strides = new ArrayList<>();
    for (int axis : new int[] {1, 2, 0}) {
      strides.add(s.dim(axis) == 1 ? ALIGNMENT : x.layout().stride(axis) * Short.BYTES);
    }
    return device.encode(
        new TensorMap(
            type == ScalarType.BF16 ? BF16 : F16,
            Launches.start(x),
            List.of(s.dim(3), s.dim(1), s.dim(2), s.dim(0)),
            strides,
            List.of(COLUMNS, rows, 1, 1),
            SWIZZLE_128B));
  }
}
