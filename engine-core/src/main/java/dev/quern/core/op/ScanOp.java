package dev.quern.core.op;

import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Running sums and orders along an axis. Numbers. */
public sealed interface ScanOp extends Op {

  /**
   * y[..., i, ...] = Σ x[..., j, ...] over j ≤ i (over j ≥ i if reversed). Floating point is
   * accumulated in F32 or wider, integers wrap around.
   *
   * @param axis which, from the end if negative
   * @param reverse whether sums run from the end
   */
  record CumSum(int axis, boolean reverse) implements ScanOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      alongAxis(this, in, axis);
      return in;
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(p.gradient().cumSum(axis, !reverse));
    }
  }

  /**
   * The indices that put x in order along an axis, I64. Equal elements keep their order, whichever
   * way is sorted; NaN counts as largest. It has no gradient: gather the elements with its result.
   *
   * @param axis which, from the end if negative
   * @param descending whether the largest comes first
   */
  record ArgSort(int axis, boolean descending) implements ScanOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      alongAxis(this, in, axis);
      return List.of(new TensorSpec(ScalarType.I64, in.getFirst().shape()));
    }
  }

  private static void alongAxis(Op op, List<TensorSpec> in, int axis) {
    Infer.arity(op, in, 1);
    Infer.numeric(op, in);
    in.getFirst().shape().axis(axis);
  }
}
