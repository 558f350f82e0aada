package dev.quern.core.op;

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

  private static void operands(Op op, List<TensorSpec> in) {
    List<TensorSpec> numbers = List.of(in.get(0), in.get(2));
    Infer.numeric(op, numbers);
    Infer.sameDType(op, numbers);
    Infer.index(op, in.get(1), "indices");
  }
}
