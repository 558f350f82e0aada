package dev.quern.core.op;

import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Views: the same elements under another shape. They cost nothing, have no kernels, and share
 * storage with their input.
 */
public sealed interface ShapeOp extends Op {

  /**
   * The view's layout.
   *
   * @param in the input's layout
   * @return the layout, or null if the elements would have to be copied first
   */
  @Nullable Layout view(Layout in);

  /**
   * The same elements in the same order.
   *
   * @param to the new shape
   */
  record Reshape(Shape to) implements ShapeOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(p.gradient().reshape(p.input(0).shape()));
    }

    @Override
    public @Nullable Layout view(Layout in) {
      return in.reshape(to);
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 1);
      if (in.getFirst().shape().elements() != to.elements()) {
        throw new ShapeException(
            "[reshape] "
                + in.getFirst()
                + " has "
                + in.getFirst().shape().elements()
                + " elements and "
                + to
                + " has "
                + to.elements()
                + "; they must be equal");
      }
      return List.of(in.getFirst().as(to));
    }
  }

  /**
   * The axes in another order.
   *
   * @param axes axis {@code i} of the result is axis {@code axes[i]} of the input
   */
  record Permute(List<Integer> axes) implements ShapeOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      int[] inverse = new int[axes.size()];
      for (int i = 0; i < inverse.length; i++) {
        inverse[p.input(0).shape().axis(axes.get(i))] = i;
      }
      return List.of(p.gradient().permute(inverse));
    }

    @Override
    public Layout view(Layout in) {
      return in.permute(axes);
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 1);
      Shape to = Layout.contiguous(in.getFirst().shape()).permute(axes).shape();
      return List.of(new TensorSpec(in.getFirst().dtype(), to));
    }
  }

  /**
   * Part of one axis.
   *
   * @param axis which, from the end if negative
   * @param start first index
   * @param length number of elements
   * @param step distance between them; negative runs backwards
   */
  record Slice(int axis, long start, long length, long step) implements ShapeOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      Shape x = p.input(0).shape();
      long stride = Math.abs(step);
      long first = step < 0 && length > 0 ? start + (length - 1) * step : start;
      if (step < 0 && length > 0) {
        g = g.slice(axis, length - 1, length, -1);
      }
      if (stride > 1 && length > 1) {
        g = spaced(g, x.axis(axis), stride);
      }
      long extent = g.shape().dim(axis);
      Tensor zero = g.scalarLike(0);
      Tensor before = zero.expand(x.with(axis, length == 0 ? 0 : first));
      Tensor after = zero.expand(x.with(axis, x.dim(axis) - before.shape().dim(axis) - extent));
      return List.of(before.concat(axis, g, after));
    }

    /** The elements along an axis with zeros between them. */
    private static Tensor spaced(Tensor g, int axis, long stride) {
      long n = g.shape().dim(axis);
      Tensor each = g.unsqueeze(axis + 1);
      Tensor gaps = g.scalarLike(0).expand(each.shape().with(axis + 1, stride - 1));
      Tensor all = each.concat(axis + 1, gaps).reshape(g.shape().with(axis, n * stride));
      return all.slice(axis, 0, (n - 1) * stride + 1);
    }

    @Override
    public Layout view(Layout in) {
      return in.slice(axis, start, length, step);
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 1);
      TensorSpec x = in.getFirst();
      checkBlocks(name(), x, axis, start, length, step);
      return List.of(x.as(Layout.contiguous(x.shape()).slice(axis, start, length, step).shape()));
    }

    /** Refuses to split a block; {@code what} is the operation that the user called. */
    static void checkBlocks(
        String what, TensorSpec x, int axis, long start, long length, long step) {
      DType d = x.dtype();
      boolean blockAxis = d.isBlock() && x.shape().axis(axis) == x.shape().rank() - 1;
      if (blockAxis
          && (step != 1 || start % d.blockLength() != 0 || length % d.blockLength() != 0)) {
        throw new DTypeException(
            "["
                + what
                + "] "
                + x
                + ": a view can't split a block; start and length along the last axis"
                + " must be multiples of "
                + d.blockLength()
                + ", got "
                + start
                + " and "
                + length);
      }
    }
  }

  /**
   * Axes of extent 1 repeated, and new axes in front.
   *
   * @param to the new shape
   */
  record Expand(Shape to) implements ShapeOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(p.gradient().sumTo(p.input(0).shape()));
    }

    @Override
    public Layout view(Layout in) {
      return in.expand(to);
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 1);
      return List.of(in.getFirst().as(Layout.contiguous(in.getFirst().shape()).expand(to).shape()));
    }
  }

  /**
   * The windows of an axis: y[..., i, ..., j] = x[..., i·step + j·dilation, ...]. They overlap
   * where step is smaller than a window. There are ⌊(n − dilation·(size − 1) − 1) / step⌋ + 1.
   *
   * @param axis which, from the end if negative; becomes the number of windows
   * @param size elements of a window, the new last axis
   * @param step distance between windows
   * @param dilation distance between elements of a window
   */
  record Windows(int axis, long size, long step, long dilation) implements ShapeOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Shape x = p.input(0).shape();
      return List.of(p.gradient().fold(x.axis(axis), x.dim(axis), step, dilation));
    }

    @Override
    public Layout view(Layout in) {
      int a = in.shape().axis(axis);
      long n = (in.shape().dim(a) - dilation * (size - 1) - 1) / step + 1;
      long[] strides = Arrays.copyOf(in.strides(), in.shape().rank() + 1);
      strides[strides.length - 1] = strides[a] * dilation;
      strides[a] *= step;
      return Layout.of(in.shape().with(a, n).concat(Shape.of(size)), strides, in.offset());
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 1);
      Infer.noBlocks(this, in);
      long n = in.getFirst().shape().dim(axis);
      boolean positive = size > 0 && step > 0 && dilation > 0;
      if (!positive || (size > 1 && dilation > (n - 1) / (size - 1)) || n < 1) {
        throw Infer.fail(
            this,
            "a window of " + size + " elements " + dilation + " apart does not fit axis " + axis,
            in);
      }
      return List.of(in.getFirst().as(view(Layout.contiguous(in.getFirst().shape())).shape()));
    }
  }
}
