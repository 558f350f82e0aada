package dev.quern.kernels.cuda.kernel;

import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.launch.Params;
import java.util.Arrays;

/**
 * The axes that operands have in common, without those of extent 1, and with those merged that all
 * operands cross evenly; at least one, outermost first.
 */
final class Axes {
  /** Axes that a struct in {@code strided.cuh} and {@code lines.cuh} has room for. */
  static final int MOST = 8;

  private final long[] dims;
  private final long[][] strides;

  /** Axes from their parts, which are not copied. */
  Axes(long[] dims, long[][] strides) {
    this.dims = dims;
    this.strides = strides;
  }

  /** Extents. */
  long[] dims() {
    return dims;
  }

  /** The strides of each operand, in its units. */
  long[][] strides() {
    return strides;
  }

  /** The axes of a shape. */
  static Axes of(Shape shape, long[]... all) {
    int n = all.length;
    long[] dims = new long[shape.rank()];
    long[][] strides = new long[n][shape.rank()];
    int rank = 0;
    for (int a = 0; a < shape.rank(); a++) {
      long extent = shape.dim(a);
      if (extent == 1) {
        continue;
      }
      boolean merges = rank > 0;
      for (int i = 0; i < n && merges; i++) {
        merges = strides[i][rank - 1] == all[i][a] * extent;
      }
      int to = merges ? rank - 1 : rank++;
      dims[to] = merges ? dims[to] * extent : extent;
      for (int i = 0; i < n; i++) {
        strides[i][to] = all[i][a];
      }
    }
    if (rank == 0) {
      return new Axes(new long[] {1}, new long[n][1]);
    }
    if (rank > MOST) {
      throw new NotSupportedException(
          "[cuda] operands of shape "
              + shape
              + " have "
              + rank
              + " axes that can't be merged, and kernels take "
              + MOST
              + "; make them contiguous first");
    }
    for (int i = 0; i < n; i++) {
      strides[i] = Arrays.copyOf(strides[i], rank);
    }
    return new Axes(Arrays.copyOf(dims, rank), strides);
  }

  int rank() {
    return dims.length;
  }

  /** Extents of the outermost axes, from the inside, as divisors. */
  void writeDims(Params p, int count) {
    for (int a = 0; a < MOST; a++) {
      int dim = a < count ? Math.toIntExact(dims[count - 1 - a]) : 1;
      new Divisor(Math.max(1, dim)).write(p); // nobody divides by an empty axis
    }
  }

  /** An operand's strides over the outermost axes, from the inside. */
  void writeStrides(Params p, int operand, int count) {
    for (int a = 0; a < MOST; a++) {
      p.int64(a < count ? strides[operand][count - 1 - a] : 0);
    }
  }
}
