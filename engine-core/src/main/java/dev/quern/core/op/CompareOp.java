package dev.quern.core.op;

import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.List;

/**
 * Elementwise predicates of two inputs of one dtype, with broadcasting; the result is BOOL.
 * Comparisons with NaN are false, except {@link NotEqual}. The logical ones take BOOL.
 */
public sealed interface CompareOp extends Op {
  /** a = b. */
  record Equal() implements CompareOp {}

  /** a ≠ b. */
  record NotEqual() implements CompareOp {}

  /** a &lt; b. */
  record Less() implements CompareOp {}

  /** a ≤ b. */
  record LessEqual() implements CompareOp {}

  /** a &gt; b. */
  record Greater() implements CompareOp {}

  /** a ≥ b. */
  record GreaterEqual() implements CompareOp {}

  /** a ∧ b, of BOOL. */
  record And() implements CompareOp {}

  /** a ∨ b, of BOOL. */
  record Or() implements CompareOp {}

  /** a ⊕ b, of BOOL. */
  record Xor() implements CompareOp {}

  @Override
  default List<TensorSpec> infer(List<TensorSpec> in) {
    Infer.arity(this, in, 2);
    Infer.sameDType(this, in);
    Infer.arithmetic(this, in);
    if (this instanceof And || this instanceof Or || this instanceof Xor) {
      Infer.require(this, in.getFirst(), "a", ScalarType.BOOL);
    }
    Shape s = Shape.broadcast(name(), in.get(0).shape(), in.get(1).shape());
    return List.of(new TensorSpec(ScalarType.BOOL, s));
  }
}
