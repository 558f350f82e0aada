package dev.quern.core.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.AttentionOp.Rope;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.testkit.KernelCase;
import dev.quern.testkit.KernelCases;
import dev.quern.testkit.Operand;
import dev.quern.testkit.Tolerance;
import dev.quern.testkit.Values;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Fused operations against what they say they are in smaller ones, on the reference kernels. */
class DecompositionTest {
  /** Roundings between the smaller operations, beyond what one kernel may lose. */
  private static final double SLACK = 8;

  private static final Set<String> FUSED =
      Set.of(
          "Silu",
          "SiluGrad",
          "GeluGrad",
          "SwiGluGrad",
          "GeGluGrad",
          "RmsNormGrad",
          "LayerNormGrad",
          "AttentionGrad",
          "CrossEntropyGrad",
          "Dropout",
          "Sample",
          "Conv",
          "ConvTranspose",
          "MaxPool",
          "AvgPool",
          "BatchNorm",
          "GroupNorm",
          "SwiGlu",
          "GeGlu",
          "Linear",
          "Softmax",
          "LogSoftmax",
          "RmsNorm",
          "LayerNorm",
          "Rope",
          "Attention",
          "CrossEntropy");

  private final Engine engine = Engine.builder().kernels().precision(Precision.EXACT).build();

  private static String name(Op op) {
    return op.getClass().getSimpleName();
  }

  /** F32 and F64; Rope only in F64, because its angles would be rounded to F32. */
  private static boolean fits(KernelCase c) {
    if (c.precision() != Precision.EXACT || c.residuals() || c.inputs().isEmpty()) {
      return false;
    }
    var dtype = c.inputs().getFirst().view().dtype();
    return dtype == ScalarType.F64 || (dtype == ScalarType.F32 && !(c.op() instanceof Rope));
  }

  @TestFactory
  Stream<DynamicTest> fusedOperations() {
    Map<String, List<KernelCase>> groups = new LinkedHashMap<>();
    for (KernelCase c : KernelCases.all()) {
      if (fits(c) && FUSED.contains(name(c.op()))) {
        groups.computeIfAbsent(name(c.op()), _ -> new ArrayList<>()).add(c);
      }
    }
    assertEquals(FUSED, groups.keySet());
    return groups.entrySet().stream()
        .map(g -> DynamicTest.dynamicTest(g.getKey(), () -> g.getValue().forEach(this::check)));
  }

  private void check(KernelCase c) {
    try (TensorScope _ = TensorScope.open()) {
      List<Tensor> in = c.inputs().stream().map((Operand o) -> o.tensor(engine)).toList();
      List<Tensor> whole = engine.apply(c.op(), in);
      List<Tensor> parts = c.op().decompose(in);
      assertNotNull(parts, c::toString);
      assertEquals(whole.size(), parts.size());
      for (int i = 0; i < parts.size(); i++) {
        compare(c, whole.get(i), parts.get(i).contiguous());
      }
    }
  }

  private static void compare(KernelCase c, Tensor whole, Tensor spelled) {
    assertEquals(whole.spec(), spelled.spec());
    double[] r = Values.all(whole.view());
    double[] y = Values.all(spelled.view());
    double largest = 0;
    for (double v : r) {
      largest = Double.isFinite(v) ? Math.max(largest, Math.abs(v)) : largest;
    }
    Tolerance tolerance = Tolerance.of(c.op(), Precision.EXACT);
    for (int i = 0; i < r.length; i++) {
      String message = c + " [" + i + "] is " + y[i] + ", kernel " + r[i];
      assertTrue(
          tolerance.accepts((ScalarType) whole.dtype(), r[i], y[i], SLACK * largest), message);
    }
  }

  @Test
  void negativeTargetsAreErrorsThereToo() {
    Tensor x = engine.normal(1, 2, 3);
    Tensor targets = engine.tensor(new int[] {0, -1});
    Op op = new LossOp.CrossEntropy(-100, 0, LossOp.Reduction.MEAN, false);
    assertThrows(IndexException.class, () -> op.decompose(List.of(x, targets)));
  }

  @Test
  void noOtherOperationIsFused() throws NoSuchMethodException {
    for (Map.Entry<String, Class<?>> r : OpFamily.records().entrySet()) {
      Class<?> owner = r.getValue().getMethod("decompose", List.class).getDeclaringClass();
      assertEquals(FUSED.contains(r.getKey()), owner.isRecord(), r.getKey());
    }
  }
}
