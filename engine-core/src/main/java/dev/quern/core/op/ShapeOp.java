package dev.quern.core.op;

import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
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
}
