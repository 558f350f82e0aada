package dev.quern.core.type;

import java.util.Arrays;

/**
 * The extents of a tensor, outermost first. A scalar has rank 0. Immutable.
 *
 * <p>Axes may be given from the end: −1 is the last one.
 */
public final class Shape {
  /** The shape of a single value. */
  public static final Shape SCALAR = new Shape(new long[0]);

  private final long[] dims;
  private final long elements;

  private Shape(long[] dims) {
    this.dims = dims;
    long n = 1;
    boolean empty = false;
    for (long d : dims) {
      if (d < 0) {
        throw new ShapeException("shape " + Arrays.toString(dims) + " has a negative extent");
      }
      empty |= d == 0;
    }
    if (!empty) {
      for (long d : dims) {
        try {
          n = Math.multiplyExact(n, d);
        } catch (ArithmeticException e) {
          throw new ShapeException(
              "shape " + Arrays.toString(dims) + " has more than 2^63 elements", e);
        }
      }
    }
    this.elements = empty ? 0 : n;
  }

  /**
   * A shape of the given extents.
   *
   * @param dims not negative, outermost first; copied
   * @return the shape
   * @throws ShapeException if an extent is negative or the product overflows
   */
  public static Shape of(long... dims) {
    return dims.length == 0 ? SCALAR : new Shape(dims.clone());
  }

  /**
   * Number of axes.
   *
   * @return 0 for a scalar
   */
  public int rank() {
    return dims.length;
  }

  /**
   * One extent.
   *
   * @param axis −rank ≤ axis &lt; rank
   * @return its extent
   * @throws ShapeException if there is no such axis
   */
  public long dim(int axis) {
    return dims[axis(axis)];
  }

  /**
   * An axis counted from the front.
   *
   * @param axis −rank ≤ axis &lt; rank
   * @return 0 ≤ result &lt; rank
   * @throws ShapeException if there is no such axis
   */
  public int axis(int axis) {
    int a = axis < 0 ? axis + dims.length : axis;
    if (a < 0 || a >= dims.length) {
      throw new ShapeException(
          "axis " + axis + " is out of range for shape " + this + " of rank " + dims.length);
    }
    return a;
  }

  /**
   * The extents.
   *
   * @return a copy
   */
  public long[] dims() {
    return dims.clone();
  }

  /**
   * The product of all extents.
   *
   * @return 1 for a scalar, 0 if any extent is 0
   */
  public long elements() {
    return elements;
  }

  /**
   * This shape with one extent replaced.
   *
   * @param axis which one
   * @param extent its new value
   * @return a new shape
   */
  public Shape with(int axis, long extent) {
    long[] d = dims.clone();
    d[axis(axis)] = extent;
    return new Shape(d);
  }

  /**
   * This shape with an axis inserted.
   *
   * @param axis position of the new axis in the result, −(rank+1) ≤ axis ≤ rank
   * @param extent its extent
   * @return a new shape of rank + 1
   */
  public Shape insert(int axis, long extent) {
    int a = axis < 0 ? axis + dims.length + 1 : axis;
    if (a < 0 || a > dims.length) {
      throw new ShapeException("axis " + axis + " cannot be inserted into shape " + this);
    }
    long[] d = new long[dims.length + 1];
    System.arraycopy(dims, 0, d, 0, a);
    d[a] = extent;
    System.arraycopy(dims, a, d, a + 1, dims.length - a);
    return new Shape(d);
  }

  /**
   * This shape without one axis.
   *
   * @param axis which one
   * @return a new shape of rank − 1
   */
  public Shape remove(int axis) {
    int a = axis(axis);
    long[] d = new long[dims.length - 1];
    System.arraycopy(dims, 0, d, 0, a);
    System.arraycopy(dims, a + 1, d, a, dims.length - a - 1);
    return new Shape(d);
  }

  /**
   * A range of axes as a shape of its own.
   *
   * @param from first axis, counted from the front
   * @param to after the last axis
   * @return the shape of rank to − from
   */
  public Shape slice(int from, int to) {
    return new Shape(Arrays.copyOfRange(dims, from, to));
  }

  /**
   * This shape followed by another.
   *
   * @param tail appended extents
   * @return a new shape
   */
  public Shape concat(Shape tail) {
    long[] d = Arrays.copyOf(dims, dims.length + tail.dims.length);
    System.arraycopy(tail.dims, 0, d, dims.length, tail.dims.length);
    return new Shape(d);
  }

  /**
   * The common shape of two operands by the field's broadcasting rule: axes are matched from the
   * end, and an extent of 1 stretches.
   *
   * @param what the operation, named in the error
   * @param a one shape
   * @param b the other
   * @return the broadcast shape
   * @throws ShapeException if two extents differ and neither is 1
   */
  public static Shape broadcast(String what, Shape a, Shape b) {
    int rank = Math.max(a.rank(), b.rank());
    long[] d = new long[rank];
    for (int i = 1; i <= rank; i++) {
      long x = i <= a.rank() ? a.dims[a.rank() - i] : 1;
      long y = i <= b.rank() ? b.dims[b.rank() - i] : 1;
      if (x != y && x != 1 && y != 1) {
        throw new ShapeException(
            "["
                + what
                + "] shapes "
                + a
                + " and "
                + b
                + " do not broadcast: axis -"
                + i
                + " has "
                + x
                + " and "
                + y
                + "; they must be equal or one of them 1");
      }
      d[rank - i] = x == 1 ? y : x;
    }
    return new Shape(d);
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Shape s && Arrays.equals(dims, s.dims);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dims);
  }

  /**
   * The extents in brackets.
   *
   * @return for example {@code [2, 3]}
   */
  @Override
  public String toString() {
    return Arrays.toString(dims);
  }
}
