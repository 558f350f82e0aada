package dev.quern.core.op;

import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.GradientException;
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
      if (step != 1) {
        throw new GradientException(
            "[slice] with step " + step + " has no gradient yet; slice with step 1");
      }
      Tensor g = p.gradient();
      Shape x = p.input(0).shape();
      Tensor zero = g.scalarLike(0);
      Tensor before = zero.expand(x.with(axis, start));
      Tensor after = zero.expand(x.with(axis, x.dim(axis) - start - length));
      return List.of(before.concat(axis, g, after));
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
