package dev.quern.core.onnx;

import dev.quern.core.op.Tensor;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The table: ONNX operator to Quern expression. */
final class OnnxOps {
  /** Computes an operator's outputs, as many as are wanted or more. */
  @FunctionalInterface
  interface Expression {
    List<Tensor> apply(OnnxCase c);
  }

  private static final Map<String, Expression> OPS = new TreeMap<>();

  static {
    OnnxElementwise.add(OPS);
    OnnxReductions.add(OPS);
    OnnxShapes.add(OPS);
    OnnxNetworks.add(OPS);
  }

  private OnnxOps() {}

  /** The outputs of a case. */
  static List<Tensor> run(OnnxCase c) {
    Expression e = OPS.get(c.operator());
    if (e == null) {
      throw new OnnxCase.Uncovered("operator not in Quern's vocabulary");
    }
    return e.apply(c);
  }
}
