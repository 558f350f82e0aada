package dev.quern.core.op;

import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Views: {@link ShapeOp}. They share storage and cost nothing. */
public sealed interface TensorShape permits Tensor {

  /**
   * The same elements in the same order; copies only if the layout leaves no other way.
   *
   * @param to the new shape
   * @return the new shape, same dtype
   */
  default Tensor reshape(Shape to) {
    return self().shape().equals(to) ? self() : apply(new ShapeOp.Reshape(to));
  }

  /**
   * The same elements in the same order.
   *
   * @param dims the new extents; one may be −1 and is worked out
   * @return the new shape, same dtype
   */
  default Tensor reshape(long... dims) {
    long known = 1;
    int open = -1;
    for (int i = 0; i < dims.length; i++) {
      if (dims[i] == -1 && open < 0) {
        open = i;
      } else {
        known *= dims[i];
      }
    }
    if (open < 0) {
      return reshape(Shape.of(dims));
    }
    long n = self().shape().elements();
    if (known <= 0 || n % known != 0) {
      throw new ShapeException(
          "[reshape] " + self().spec() + ": no extent for -1 gives " + n + " elements");
    }
    long[] d = dims.clone();
    d[open] = n / known;
    return reshape(Shape.of(d));
  }

  /**
   * The axes in another order.
   *
   * @param axes axis {@code i} of the result is axis {@code axes[i]} of this
   * @return the view
   */
  default Tensor permute(int... axes) {
    List<Integer> list = new ArrayList<>();
    for (int a : axes) {
      list.add(a);
    }
    return apply(new ShapeOp.Permute(List.copyOf(list)));
  }

  /**
   * Two axes swapped.
   *
   * @param a one
   * @param b the other
   * @return the view
   */
  default Tensor transpose(int a, int b) {
    Shape s = self().shape();
    int[] axes = new int[s.rank()];
    for (int i = 0; i < axes.length; i++) {
      axes[i] = i;
    }
    axes[s.axis(a)] = s.axis(b);
    axes[s.axis(b)] = s.axis(a);
    return permute(axes);
  }

  /**
   * The last two axes swapped.
   *
   * @return the view
   */
  default Tensor transpose() {
    return transpose(-2, -1);
  }

  /**
   * Part of one axis.
   *
   * @param axis which, from the end if negative
   * @param start first index
   * @param length number of elements
   * @param step distance between them; negative runs backwards
   * @return the view
   */
  default Tensor slice(int axis, long start, long length, long step) {
    return apply(new ShapeOp.Slice(axis, start, length, step));
  }

  /**
   * A run of one axis.
   *
   * @param axis which, from the end if negative
   * @param start first index
   * @param length number of elements
   * @return the view
   */
  default Tensor slice(int axis, long start, long length) {
    return slice(axis, start, length, 1);
  }

  /**
   * One index of an axis, which disappears.
   *
   * @param axis which, from the end if negative
   * @param index from the end if negative
   * @return the view, of one axis less
   * @throws ShapeException if the axis has no such index
   */
  default Tensor select(int axis, long index) {
    Shape s = self().shape();
    long extent = s.dim(axis);
    long i = index < 0 ? index + extent : index;
    if (i < 0 || i >= extent) {
      throw new ShapeException(
          "[select] index "
              + index
              + " is outside axis "
              + axis
              + " of "
              + self().spec()
              + "; take "
              + -extent
              + ".."
              + (extent - 1));
    }
    ShapeOp.Slice.checkBlocks("select", self().spec(), axis, i, 1, 1);
    return slice(axis, i, 1, 1).reshape(s.remove(axis));
  }

  /**
   * Axes of extent 1 repeated, and new axes in front.
   *
   * @param to the new shape
   * @return the view
   */
  default Tensor expand(Shape to) {
    return self().shape().equals(to) ? self() : apply(new ShapeOp.Expand(to));
  }

  /**
   * A new axis of extent 1.
   *
   * @param axis its position in the result
   * @return the view
   */
  default Tensor unsqueeze(int axis) {
    return reshape(self().shape().insert(axis, 1));
  }

  /**
   * An axis of extent 1 removed.
   *
   * @param axis which
   * @return the view
   * @throws ShapeException if its extent is not 1
   */
  default Tensor squeeze(int axis) {
    if (self().shape().dim(axis) != 1) {
      throw new ShapeException(
          "[squeeze] axis "
              + axis
              + " of "
              + self().spec()
              + " has extent "
              + self().shape().dim(axis)
              + "; only an extent of 1 can be squeezed");
    }
    return reshape(self().shape().remove(axis));
  }

  /**
   * An axis cut into runs.
   *
   * @param axis which
   * @param lengths of the runs; they add up to the extent
   * @return one view per run
   * @throws ShapeException if the lengths don't add up
   */
  default List<Tensor> split(int axis, long... lengths) {
    long extent = self().shape().dim(axis);
    long rest = extent;
    for (long n : lengths) {
      rest = n < 0 || n > rest ? -1 : rest - n;
      if (rest < 0) {
        break;
      }
    }
    if (rest != 0) {
      throw new ShapeException(
          "[split] lengths "
              + Arrays.toString(lengths)
              + " don't add up to the "
              + extent
              + " of axis "
              + axis
              + " of "
              + self().spec());
    }
    List<Tensor> parts = new ArrayList<>();
    long at = 0;
    for (long n : lengths) {
      ShapeOp.Slice.checkBlocks("split", self().spec(), axis, at, n, 1);
      parts.add(slice(axis, at, n, 1));
      at += n;
    }
    return List.copyOf(parts);
  }

  private Tensor self() {
    return (Tensor) this;
  }

  private Tensor apply(ShapeOp op) {
    return self().executor().one(op, self());
  }
}
