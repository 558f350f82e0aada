package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static java.util.Objects.requireNonNull;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * y[r] = Σₖ w[r, k] · x[k] for a run of rows: the weights as a stream from memory, x in the
 * first-level cache.
 *
 * <p>Loop nest: over batches of rows; over the rows of a batch, four together, one from each
 * quarter of the run; over k in the dot product of the format. The lanes of a batch are added up at
 * its end.
 *
 * <p>Quarters, not neighbours: each is one long stream, so that the processor's prefetcher has a
 * stream to follow, and a stream that waits at the end of its page leaves the others running. And
 * between two rows next to nothing: while a row's last weights are on their way, the processor
 * looks a few hundred instructions ahead for the next loads, and what stands there instead (a call,
 * the checks before a counted loop, sums across lanes) leaves the memory idle. Two cores, mapped
 * file, Q8_0, GB/s: neighbouring rows 12.1, quarters 14.7, batches 16.9; the same loads alone 19.3.
 *
 * <p>How the rows are cut never shows in a row's bits.
 */
final class DotRows {
  /** Rows of a quarter in a batch: their lanes and scales stay in the first-level cache. */
  private static final int BATCH = 8;

  private final float[] sums = new float[BATCH * 4 * Simd.L];
  private final float[] scales;
  private final byte[] bits = new byte[16];
  private final int batch;
  private final @Nullable DotUnpacked unpacked;

  /**
   * Working memory for one thread.
   *
   * @param type type of the weights
   * @param k elements of a row
   */
  DotRows(DType type, int k) {
    scales = new float[DotBlocks256.scales(type, k, BATCH)];
    batch = DotBlocks256.batch(type, k, BATCH);
    unpacked = UnpackLevels.handles(type) || type == ScalarType.F8_E4M3 ? new DotUnpacked() : null;
  }

  /** Whether x is to be given in the order of {@link DotFloats#split}. */
  static boolean splits(DType type) {
    return type == ScalarType.BF16;
  }

  /** How many floats {@link #sums} makes of a row of x. */
  static int sumCount(DType type, int k) {
    return type == BlockType.Q4_K ? k / 16 : type == BlockType.Q4_0 ? k / 32 * Simd.L : 0;
  }

  /** The sums of x that a type with an offset or a minimum needs. */
  static void sums(DType type, MemorySegment x, long xAt, int k, float[] sums) {
    if (type == BlockType.Q4_K) {
      DotBlocks256.sums4k(x, xAt, k, sums);
    } else if (type == BlockType.Q4_0) {
      DotBlocks32.sums40(x, xAt, k, sums);
    }
  }

  /**
   * Some rows of any type that {@link Unpack} knows.
   *
   * @param type type of w
   * @param w rows without gaps in themselves
   * @param from where the first row starts
   * @param stride bytes from row to row
   * @param rows how many
   * @param x F32
   * @param k elements of a row; a multiple of the block length
   * @param xSums of x, from {@link #sums}
   * @param y F32 results
   */
  void run(
      DType type,
      MemorySegment w,
      long from,
      long stride,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      float[] xSums,
      MemorySegment y,
      long yAt) {
    int part = rows / 4;
    for (int r = 0; r < part; r += batch) {
      int n = Math.min(batch, part - r);
      dot(type, w, from + r * stride, stride, part * stride, n, x, xAt, k, xSums);
      for (int i = 0; i < 4 * n; i++) {
        int row = r + i / 4 + i % 4 * part;
        y.set(F32, yAt + 4L * row, sum(type, i, w, from + row * stride, x, xAt, k));
      }
    }
    // what is left: the same row four times over
    for (int r = 4 * part; r < rows; r++) {
      dot(type, w, from + r * stride, stride, 0, 1, x, xAt, k, xSums);
      y.set(F32, yAt + 4L * r, sum(type, 0, w, from + r * stride, x, xAt, k));
    }
  }

  private void dot(
      DType type,
      MemorySegment w,
      long at,
      long stride,
      long far,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      float[] xSums) {
    // not a switch: over constants of two enums it allocates
    if (type == ScalarType.F32) {
      DotFloats.f32(w, at, stride, far, rows, x, xAt, k, sums);
    } else if (type == ScalarType.F16) {
      DotFloats.f16(w, at, stride, far, rows, x, xAt, k, sums);
    } else if (type == ScalarType.BF16) {
      DotFloats.bf16(w, at, stride, far, rows, x, xAt, k, sums);
    } else if (type == BlockType.Q8_0) {
      DotBlocks32.q80(w, at, stride, far, rows, x, xAt, k, sums);
    } else if (type == BlockType.Q4_0) {
      DotBlocks32.q40(w, at, stride, far, rows, x, xAt, k, xSums, sums);
    } else if (type == BlockType.Q4_K) {
      DotBlocks256.scales4k(w, at, stride, far, rows, k, xSums, bits, scales, sums);
      DotBlocks256.q4k(w, at, stride, far, rows, x, xAt, k, scales, sums);
    } else if (type == BlockType.Q6_K) {
      DotBlocks256.scales6k(w, at, stride, far, rows, k, scales);
      DotBlocks256.q6k(w, at, stride, far, rows, x, xAt, k, scales, sums);
    } else {
      requireNonNull(unpacked).run(type, w, at, stride, far, rows, x, xAt, k, sums);
    }
  }

  /** The lanes of row i, and what its vectors left. */
  private float sum(DType type, int i, MemorySegment w, long at, MemorySegment x, long xAt, int k) {
    float sum = Simd.sum(sums, i * Simd.L);
    for (int j = k - DotFloats.left(type, k); j < k; j++) {
      float v = Convert.scalar(type, w, at + (long) j * type.blockBytes());
      sum = Math.fma(v, x.get(F32, xAt + 4L * j), sum);
    }
    return sum;
  }
}
