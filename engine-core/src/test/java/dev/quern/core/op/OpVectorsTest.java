package dev.quern.core.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.OpVectors.Data;
import dev.quern.core.op.OpVectors.Vector;
import dev.quern.core.type.ScalarType;
import dev.quern.testkit.Values;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The reference kernels against PyTorch's results: to one unit in the last place, F64 to a few
 * (sums in another order), integers exactly.
 */
class OpVectorsTest {
  private static final double F64_ULPS = 64;
  private static final double F64_ABSOLUTE = 1e-14;
  private final Engine engine = Engine.builder().kernels().threads(1).build();

  @TestFactory
  Stream<DynamicTest> vectors() throws IOException {
    return OpVectors.all().stream().map(v -> DynamicTest.dynamicTest(v.name(), () -> check(v)));
  }

  private void check(Vector v) {
    try (TensorScope _ = TensorScope.open()) {
      List<Tensor> inputs = new ArrayList<>();
      for (int i = 0; i < v.inputs().size(); i++) {
        Data d = v.inputs().get(i);
        inputs.add(v.op().writes().contains(i) ? buffer(d) : d.tensor(engine));
      }
      List<Tensor> outputs = new ArrayList<>(engine.apply(v.op(), inputs));
      v.op().writes().forEach(i -> outputs.add(inputs.get(i)));
      assertEquals(v.outputs().size(), outputs.size());
      for (int i = 0; i < outputs.size(); i++) {
        compare(v.outputs().get(i), outputs.get(i));
      }
    }
  }

  private Tensor buffer(Data d) {
    Buffer b = engine.buffer("target", d.spec());
    b.assign(d.tensor(engine));
    return b.value();
  }

  private static void compare(Data expected, Tensor actual) {
    assertEquals(expected.spec(), actual.spec());
    double[] y = Values.all(actual.view());
    for (int i = 0; i < y.length; i++) {
      double r = expected.value(i);
      String message = "[" + i + "] is " + y[i] + ", expected " + r;
      boolean rounded = expected.dtype().isFloating() && expected.dtype().isArithmetic();
      if (!rounded || !Double.isFinite(r)) {
        assertEquals(r, y[i], message);
      } else {
        boolean wide = expected.spec().dtype() == ScalarType.F64;
        double ulps = wide ? F64_ULPS : 1;
        double allowed = ulps * Values.ulp(expected.dtype(), r) + (wide ? F64_ABSOLUTE : 1e-9);
        assertTrue(Math.abs(y[i] - r) <= allowed, message);
      }
    }
  }
}
