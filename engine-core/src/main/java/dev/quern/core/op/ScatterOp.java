package dev.quern.core.op;

import dev.quern.core.type.IndexException;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Sums by index: what belongs to a place is added in the order of the indices, whatever the number
 * of threads. Numbers; floating point is accumulated in F32 or wider and rounded once.
 */
public sealed interface ScatterOp extends Op {

  /**
   * Whole slices added by index: y = x, then y[i..., indices[j...], k...] += source[i..., j...,
   * k...]; the transpose of {@link DataOp.IndexSelect}. Inputs x, indices (I32|I64, any shape,
   * negative ones count from the end), source.
   *
   * @param axis the axis that indices replace
   */
  record IndexAdd(int axis) implements ScatterOp {
    /**
     * What a kernel checks of each index before it adds.
     *
     * @param i which, counted without axes
     * @param index its value; negative ones count from the end
     * @param extent places that there are
     * @throws IndexException if there is no such place
     */
    public static void requirePlace(long i, long index, long extent) {
      if (index < -extent || index >= extent) {
        throw new IndexException(
            "[indexAdd] indices["
                + i
                + "] (counted without axes) is "
                + index
                + ", outside "
                + -extent
                + ".."
                + (extent - 1)
                + "; correct the indices, or enlarge what they address");
      }
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 3);
      operands(this, in);
      Shape x = in.getFirst().shape();
      int a = x.axis(axis);
      Infer.shape(
          this,
          in.get(2),
          "source",
          x.slice(0, a).concat(in.get(1).shape()).concat(x.slice(a + 1, x.rank())));
      return List.of(in.getFirst());
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      return Arrays.asList(g, null, p.needs(2) ? g.indexSelect(axis, p.input(1)) : null);
    }
  }

  /**
   * Single elements added by index along one axis: y = x, then y[..., indices[..., j, ...], ...] +=
   * source[..., j, ...]; the transpose of {@link DataOp.Gather}. Inputs x, indices (I32|I64, of x's
   * rank, negative ones count from the end), source (the shape of indices).
   *
   * @param axis the axis that indices address
   */
  record ScatterAdd(int axis) implements ScatterOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 3);
      operands(this, in);
      Infer.shape(this, in.get(2), "source", in.get(1).shape());
      new DataOp.Gather(axis).infer(in.subList(0, 2));
      return List.of(in.getFirst());
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      return Arrays.asList(g, null, p.needs(2) ? g.gather(axis, p.input(1)) : null);
    }
  }

  /**
   * Windows added up: y[..., i·step + j·dilation, ...] += x[..., i, ..., j] into zeros; the
   * transpose of {@link ShapeOp.Windows}. What would lie behind the extent is an error.
   *
   * @param axis the axis that counts the windows
   * @param extent what it becomes
   * @param step distance between windows
   * @param dilation distance between elements of a window
   */
  record Fold(int axis, long extent, long step, long dilation) implements ScatterOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 1);
      Infer.numeric(this, in);
      TensorSpec x = in.getFirst();
      Infer.rankAtLeast(this, x, "x", 2);
      int last = x.shape().rank() - 1;
      int a = x.shape().axis(axis);
      long n = x.shape().dim(a);
      long size = x.shape().dim(last);
      boolean fits = step > 0 && dilation > 0 && a != last;
      if (!fits || (n > 0 && size > 0 && !reaches(n, size))) {
        throw Infer.fail(this, "the windows of axis " + axis + " do not fit in " + extent, in);
      }
      return List.of(x.as(x.shape().slice(0, last).with(a, extent)));
    }

    /** Whether n windows of a size end before the extent does; steps may be any numbers. */
    private boolean reaches(long n, long size) {
      if (extent < 1 || (n > 1 && step > (extent - 1) / (n - 1))) {
        return false;
      }
      long room = extent - 1 - (n - 1) * step;
      return size == 1 || dilation <= room / (size - 1);
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Shape x = p.input(0).shape();
      int a = x.axis(axis);
      long n = x.dim(a);
      if (x.elements() == 0) {
        return List.of(p.input(0).fullLike(0));
      }
      Tensor windows = p.gradient().windows(a, x.dim(-1), step, dilation);
      return List.of(windows.slice(a, 0, n));
    }
  }

  private static void operands(Op op, List<TensorSpec> in) {
    List<TensorSpec> numbers = List.of(in.get(0), in.get(2));
    Infer.numeric(op, numbers);
    Infer.sameDType(op, numbers);
    Infer.index(op, in.get(1), "indices");
  }
}
