package dev.quern.core.autograd;

import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Backward;
import dev.quern.core.op.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Activation checkpointing (Chen et al. 2016, "Training deep nets with sublinear memory cost"):
 * intermediate values are dropped and computed again for the gradient.
 */
final class Checkpoint {
  private Checkpoint() {}

  /** The results; what is in between is freed. */
  static List<Tensor> forward(UnaryOperator<List<Tensor>> code, List<Tensor> inputs) {
    try (TensorScope scope = TensorScope.open()) {
      return promoted(scope, code.apply(inputs));
    }
  }

  /** Runs the code again under a tape of its own, and takes the gradients of what it used. */
  static List<@Nullable Tensor> backward(
      UnaryOperator<List<Tensor>> code, List<Tensor> inputs, Backward pass, boolean seen) {
    if (seen) { // a tape keeps what is computed here
      return pass.through(_ -> code.apply(inputs));
    }
    try (TensorScope scope = TensorScope.open()) {
      List<@Nullable Tensor> g = pass.through(_ -> code.apply(inputs));
      g.forEach(
          t -> {
            if (t != null && t.hasValues()) {
              scope.promote(t);
            }
          });
      return g;
    }
  }

  private static List<Tensor> promoted(TensorScope scope, List<Tensor> values) {
    List<Tensor> all = new ArrayList<>();
    for (Tensor t : values) {
      all.add(t.hasValues() ? scope.promote(t) : t);
    }
    return all;
  }
}
