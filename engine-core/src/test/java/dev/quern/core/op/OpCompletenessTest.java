package dev.quern.core.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.quern.core.op.OpVectors.Vector;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.TensorSpec;
import dev.quern.testkit.GradientConformance;
import dev.quern.testkit.KernelCases;
import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Walks the sealed family: what an operation must have, every operation has. */
class OpCompletenessTest {
  /** No gradient by nature: results that are no smooth function of an input, or no result. */
  private static final Set<String> NOT_DIFFERENTIABLE =
      Set.of(
          "Not",
          "Equal",
          "NotEqual",
          "Less",
          "LessEqual",
          "Greater",
          "GreaterEqual",
          "And",
          "Or",
          "Xor",
          "ArgMax",
          "ArgSort",
          "Sample",
          "Full",
          "Arange",
          "RandomUniform",
          "RandomNormal",
          "Assign",
          "AdamW",
          "CacheWrite");

  private static Set<String> difference(Set<String> a, Set<String> b) {
    Set<String> d = new TreeSet<>(a);
    d.removeAll(b);
    return d;
  }

  private static boolean isView(Class<?> op) {
    return ShapeOp.class.isAssignableFrom(op);
  }

  @Test
  void everyOperationHasAVector() throws IOException {
    Set<String> covered = new TreeSet<>();
    OpVectors.all().forEach(v -> covered.add(v.op().getClass().getSimpleName()));
    assertEquals(Set.of(), difference(OpFamily.records().keySet(), covered));
  }

  @Test
  void everyOperationHasAReferenceKernel() throws IOException {
    ReferenceProvider reference = new ReferenceProvider();
    for (Vector v : OpVectors.all()) {
      if (!isView(v.op().getClass())) {
        List<DType> in = v.inputs().stream().map(d -> d.spec().dtype()).toList();
        List<DType> out =
            v.op().infer(v.inputs().stream().map(OpVectors.Data::spec).toList()).stream()
                .map(TensorSpec::dtype)
                .toList();
        List<LayoutClass> layouts = Collections.nCopies(in.size(), LayoutClass.STRIDED);
        assertNotNull(
            reference.find(new KernelSignature(v.op(), in, layouts, out, false, Precision.EXACT)),
            v.name());
      }
    }
  }

  @Test
  void everyOperationIsInTheConformanceKit() {
    Set<String> needed = new TreeSet<>();
    for (Map.Entry<String, Class<?>> r : OpFamily.records().entrySet()) {
      if (!isView(r.getValue())) {
        needed.add(r.getKey());
      }
    }
    Set<String> covered = new TreeSet<>();
    KernelCases.all().forEach(c -> covered.add(c.op().getClass().getSimpleName()));
    assertEquals(Set.of(), difference(needed, covered));
  }

  @Test
  void everyGradientIsChecked() throws NoSuchMethodException {
    Set<String> gradients = new TreeSet<>();
    for (Map.Entry<String, Class<?>> r : OpFamily.records().entrySet()) {
      Class<?> own = r.getValue().getMethod("vjp", Backward.class).getDeclaringClass();
      Class<?> parts = r.getValue().getMethod("decompose", List.class).getDeclaringClass();
      boolean throughParts = parts.isRecord() && !NOT_DIFFERENTIABLE.contains(r.getKey());
      if (own != Op.class || throughParts) {
        gradients.add(r.getKey());
      }
    }
    Set<String> without = difference(OpFamily.records().keySet(), gradients);
    assertEquals(new TreeSet<>(NOT_DIFFERENTIABLE), without, "an operation needs a gradient");
    assertEquals(gradients, GradientConformance.checked(), "each gradient needs a check");
  }
}
