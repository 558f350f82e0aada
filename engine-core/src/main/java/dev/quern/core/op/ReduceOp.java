package dev.quern.core.op;

import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reductions over some axes: x [...], result with those axes removed, or kept with extent 1.
 * Floating point is accumulated in F32 or wider, integers in 64 bits.
 */
public sealed interface ReduceOp extends Op {
  /**
   * The axes that vanish.
   *
   * @return axis numbers, from the end if negative
   */
  List<Integer> axes();

  /**
   * Whether they stay with extent 1.
   *
   * @return true if so
   */
  boolean keepDims();

  /**
   * Σ x. Numbers.
   *
   * @param axes which
   * @param keepDims whether they stay with extent 1
   */
  record Sum(List<Integer> axes, boolean keepDims) implements ReduceOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor x = p.input(0);
      return List.of(ReduceMath.spread(p.gradient(), x, axes).expand(x.shape()));
    }
  }

  /**
   * Π x. Numbers.
   *
   * @param axes which
   * @param keepDims whether they stay with extent 1
   */
  record Prod(List<Integer> axes, boolean keepDims) implements ReduceOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(ReduceMath.prod(p, axes));
    }
  }

  /**
   * Σ x / n. Floating point.
   *
   * @param axes which
   * @param keepDims whether they stay with extent 1
   */
  record Mean(List<Integer> axes, boolean keepDims) implements ReduceOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor x = p.input(0);
      Tensor g = p.gradient().div((double) ReduceMath.count(x.shape(), axes));
      return List.of(ReduceMath.spread(g, x, axes).expand(x.shape()));
    }
  }

  /**
   * The largest; NaN if there is one. Numbers; not over an empty axis. Equal ones share the
   * gradient evenly.
   *
   * @param axes which
   * @param keepDims whether they stay with extent 1
   */
  record Max(List<Integer> axes, boolean keepDims) implements ReduceOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(ReduceMath.extreme(p, axes));
    }
  }

  /**
   * The smallest; NaN if there is one. Numbers; not over an empty axis. Equal ones share the
   * gradient evenly.
   *
   * @param axes which
   * @param keepDims whether they stay with extent 1
   */
  record Min(List<Integer> axes, boolean keepDims) implements ReduceOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(ReduceMath.extreme(p, axes));
    }
  }

  /**
   * Σ (x − mean)² / (n − correction). Floating point.
   *
   * @param axes which
   * @param keepDims whether they stay with extent 1
   * @param correction 0 for the population, 1 for a sample
   */
  record Var(List<Integer> axes, boolean keepDims, int correction) implements ReduceOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(ReduceMath.var(p, axes, correction));
    }
  }

  /**
   * log Σ eˣ, computed from the largest x. Floating point.
   *
   * @param axes which
   * @param keepDims whether they stay with extent 1
   */
  record LogSumExp(List<Integer> axes, boolean keepDims) implements ReduceOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(ReduceMath.logSumExp(p, axes));
    }
  }

  /**
   * The index of the first largest element along one axis, as I64. NaN counts as largest.
   *
   * @param axis which
   * @param keepDims whether it stays with extent 1
   */
  record ArgMax(int axis, boolean keepDims) implements ReduceOp {
    @Override
    public List<Integer> axes() {
      return List.of(axis);
    }
  }

  @Override
  default List<TensorSpec> infer(List<TensorSpec> in) {
    Infer.arity(this, in, 1);
    TensorSpec x = in.getFirst();
    switch (this) {
      case Sum _, Prod _, Max _, Min _, ArgMax _ -> Infer.numeric(this, in);
      default -> Infer.floating(this, in);
    }
    Shape shape = x.shape();
    List<Integer> sorted = new ArrayList<>();
    for (int a : axes()) {
      int axis = shape.axis(a);
      if (sorted.contains(axis)) {
        throw Infer.fail(this, "axis " + axis + " is named twice", in);
      }
      sorted.add(axis);
      boolean empty = shape.dim(axis) == 0;
      if (empty && (this instanceof Max || this instanceof Min || this instanceof ArgMax)) {
        throw Infer.fail(this, "axis " + axis + " is empty and has no such element", in);
      }
    }
    sorted.sort((a, b) -> b - a);
    for (int a : sorted) {
      shape = keepDims() ? shape.with(a, 1) : shape.remove(a);
    }
    return List.of(new TensorSpec(this instanceof ArgMax ? ScalarType.I64 : x.dtype(), shape));
  }
}
