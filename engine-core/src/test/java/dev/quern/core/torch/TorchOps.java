package dev.quern.core.torch;

import dev.quern.core.op.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The table: PyTorch function to Quern expression. */
final class TorchOps {
  /** Computes a function's outputs. */
  @FunctionalInterface
  interface Expression {
    List<Tensor> apply(TorchCase c);
  }

  /** Computes a function's only output. */
  @FunctionalInterface
  interface Single {
    Tensor apply(TorchCase c);
  }

  private static final Map<String, Expression> OPS = new TreeMap<>();

  static {
    TorchElementwise.add();
    TorchReductions.add();
    TorchShapes.add();
    TorchNetworks.add();
    TorchSpace.add();
    TorchLosses.add();
    TorchRecurrent.add();
  }

  private TorchOps() {}

  static void put(String name, Single f) {
    OPS.put(name, c -> List.of(f.apply(c)));
  }

  static void putAll(String name, Expression f) {
    OPS.put(name, f);
  }

  /** The functions that there are expressions for. */
  static Set<String> names() {
    return OPS.keySet();
  }

  /** The outputs of a case. */
  static List<Tensor> run(TorchCase c) {
    Expression e = OPS.get(c.op());
    if (e == null) {
      throw new TorchCase.Uncovered("not in the table");
    }
    return e.apply(c);
  }
}
