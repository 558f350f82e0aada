package dev.quern.core.type;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * How the elements of a tensor lie in its storage: element {@code (i0, i1, ...)} is at {@code
 * offset + Σ i_a · stride_a}, counted in elements. Immutable.
 *
 * <p>For block types the same arithmetic holds with element counts; exactly one axis has stride 1,
 * the blocks run along it, and all other strides are whole blocks.
 */
public final class Layout {
  private final Shape shape;
  private final long[] strides;
  private final long offset;

  private Layout(Shape shape, long[] strides, long offset) {
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
  }

  /**
   * A layout from its parts.
   *
   * @param shape extents
   * @param strides one per axis, in elements; 0 repeats, negative runs backwards; copied
   * @param offset of the first element, in elements
   * @return the layout
   * @throws ShapeException if there is not one stride per axis
   */
  public static Layout of(Shape shape, long[] strides, long offset) {
    if (strides.length != shape.rank()) {
      throw new ShapeException(
          "layout of shape "
              + shape
              + " needs "
              + shape.rank()
              + " strides, got "
              + Arrays.toString(strides));
    }
    return new Layout(shape, strides.clone(), offset);
  }

  /**
   * The layout without gaps, last axis fastest.
   *
   * @param shape extents
   * @return the layout, at offset 0
   */
  public static Layout contiguous(Shape shape) {
    long[] s = new long[shape.rank()];
    long step = 1;
    for (int a = shape.rank() - 1; a >= 0; a--) {
      s[a] = step;
      step *= Math.max(1, shape.dim(a));
    }
    return new Layout(shape, s, 0);
  }

  /**
   * The extents.
   *
   * @return the shape
   */
  public Shape shape() {
    return shape;
  }

  /**
   * The distance between neighbours on an axis.
   *
   * @param axis −rank ≤ axis &lt; rank
   * @return elements
   */
  public long stride(int axis) {
    return strides[shape.axis(axis)];
  }

  /**
   * All strides.
   *
   * @return a copy, in elements
   */
  public long[] strides() {
    return strides.clone();
  }

  /**
   * Where the first element is.
   *
   * @return elements
   */
  public long offset() {
    return offset;
  }

  /**
   * Whether the elements follow each other without gaps, last axis fastest (axes of extent 1 don't
   * matter).
   *
   * @return true if so; the offset may be anything
   */
  public boolean isContiguous() {
    if (shape.elements() == 0) {
      return true;
    }
    long step = 1;
    for (int a = shape.rank() - 1; a >= 0; a--) {
      if (shape.dim(a) != 1 && strides[a] != step) {
        return false;
      }
      step *= shape.dim(a);
    }
    return true;
  }

  /**
   * Whether each run along the last axis is without gaps.
   *
   * @return true if the last stride is 1, the last extent at most 1, or the rank 0
   */
  public boolean rowsContiguous() {
    int r = shape.rank();
    return r == 0 || shape.dim(r - 1) <= 1 || strides[r - 1] == 1;
  }

  /**
   * Whether an element may stand at two indices, as it does where an axis was expanded, or where
   * windows overlap.
   *
   * @return false for all that slices, permutations and reshapes of a contiguous layout give
   */
  public boolean overlapsItself() {
    if (shape.elements() == 0) {
      return false;
    }
    long[] axes =
        LongStream.range(0, shape.rank())
            .filter(a -> shape.dim((int) a) > 1)
            .boxed()
            .sorted(Comparator.comparingLong(a -> Math.abs(strides[a.intValue()])))
            .mapToLong(a -> a)
            .toArray();
    long reach = 0; // from the first to the last element over the axes so far
    for (long a : axes) {
      long stride = Math.abs(strides[(int) a]);
      if (stride <= reach) {
        return true;
      }
      reach += (shape.dim((int) a) - 1) * stride;
    }
    return false;
  }

  /**
   * The axes in another order.
   *
   * @param axes a permutation: axis {@code a} of the result is axis {@code axes[a]} of this
   * @return the view's layout
   * @throws ShapeException if {@code axes} is no permutation
   */
  public Layout permute(List<Integer> axes) {
    int r = shape.rank();
    boolean[] seen = new boolean[r];
    long[] d = new long[r];
    long[] s = new long[r];
    if (axes.size() != r) {
      throw new ShapeException("[permute] " + axes + " must name all axes of shape " + shape);
    }
    for (int a = 0; a < r; a++) {
      int from = shape.axis(axes.get(a));
      if (seen[from]) {
        throw new ShapeException("[permute] " + axes + " names axis " + from + " twice");
      }
      seen[from] = true;
      d[a] = shape.dim(from);
      s[a] = strides[from];
    }
    return new Layout(Shape.of(d), s, offset);
  }

  /**
   * Part of one axis.
   *
   * @param axis which
   * @param start first index, 0 ≤ start ≤ extent
   * @param length number of elements, not negative
   * @param step distance between them, not 0; negative runs backwards from start
   * @return the view's layout
   * @throws ShapeException if an index falls outside
   */
  public Layout slice(int axis, long start, long length, long step) {
    int a = shape.axis(axis);
    long extent = shape.dim(a);
    if (step == 0 || length < 0) {
      throw new ShapeException(
          "[slice] length " + length + " and step " + step + " select nothing");
    }
    if (length > 0) {
      long last = start + (length - 1) * step;
      if (start < 0 || start >= extent || last < 0 || last >= extent) {
        throw new ShapeException(
            "[slice] elements "
                + start
                + ".."
                + last
                + " of axis "
                + a
                + " are outside shape "
                + shape);
      }
    }
    long[] s = strides.clone();
    s[a] = strides[a] * step;
    return new Layout(shape.with(a, length), s, length == 0 ? offset : offset + start * strides[a]);
  }

  /**
   * Axes of extent 1 repeated, and new axes in front.
   *
   * @param to the wanted shape
   * @return the view's layout, with stride 0 on repeated axes
   * @throws ShapeException if an extent is neither kept nor stretched from 1
   */
  public Layout expand(Shape to) {
    int extra = to.rank() - shape.rank();
    if (extra < 0) {
      throw new ShapeException("[expand] shape " + shape + " has more axes than " + to);
    }
    long[] s = new long[to.rank()];
    for (int a = extra; a < to.rank(); a++) {
      long have = shape.dim(a - extra);
      if (have != to.dim(a) && have != 1) {
        throw new ShapeException(
            "[expand] axis "
                + a
                + " of "
                + to
                + " can't be stretched from "
                + shape
                + "; only extents of 1 stretch");
      }
      s[a] = have == to.dim(a) ? strides[a - extra] : 0;
    }
    return new Layout(to, s, offset);
  }

  /**
   * The same elements in the same order under another shape, if that needs no copy.
   *
   * @param to a shape of the same number of elements
   * @return the view's layout, or null if the elements would have to move
   */
  public @Nullable Layout reshape(Shape to) {
    if (isContiguous()) {
      return new Layout(to, contiguous(to).strides, offset);
    }
    long[] s = new long[to.rank()];
    int j = 0;
    int i = 0;
    while (i < shape.rank() || j < to.rank()) {
      long have = i < shape.rank() ? shape.dim(i) : 1;
      long want = j < to.rank() ? to.dim(j) : 1;
      int i1 = i + 1;
      int j1 = j + 1;
      while (have != want) {
        if (have < want) {
          have *= shape.dim(i1++);
        } else {
          want *= to.dim(j1++);
        }
      }
      if (!mergeable(i, Math.min(i1, shape.rank()))) {
        return null;
      }
      fill(s, to, j, Math.min(j1, to.rank()), runStride(i, Math.min(i1, shape.rank())));
      i = i1;
      j = j1;
    }
    return new Layout(to, s, offset);
  }

  /** Whether axes from..to (exclusive) are one evenly spaced run. */
  private boolean mergeable(int from, int to) {
    long expect = -1;
    boolean first = true;
    for (int a = to - 1; a >= from; a--) {
      if (shape.dim(a) == 1) {
        continue;
      }
      if (!first && strides[a] != expect) {
        return false;
      }
      first = false;
      expect = strides[a] * shape.dim(a);
    }
    return true;
  }

  private long runStride(int from, int to) {
    for (int a = to - 1; a >= from; a--) {
      if (shape.dim(a) != 1) {
        return strides[a];
      }
    }
    return 1;
  }

  private static void fill(long[] s, Shape to, int from, int end, long stride) {
    long step = stride;
    for (int a = end - 1; a >= from; a--) {
      s[a] = step;
      step *= to.dim(a);
    }
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Layout l
        && shape.equals(l.shape)
        && Arrays.equals(strides, l.strides)
        && offset == l.offset;
  }

  @Override
  public int hashCode() {
    return 31 * (31 * shape.hashCode() + Arrays.hashCode(strides)) + Long.hashCode(offset);
  }

  /**
   * Shape, strides and offset.
   *
   * @return for example {@code [2, 3]:[3, 1]+0}
   */
  @Override
  public String toString() {
    return shape + ":" + Arrays.toString(strides) + "+" + offset;
  }
}
