package dev.quern.core.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.npy.NpzFile;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.testkit.ConformanceData;
import dev.quern.testkit.SkippedCases;
import dev.quern.testkit.Values;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * The operator cases of the ONNX project, on the reference kernels: every one that Quern's
 * operations cover must pass; the others are counted by operator and reason.
 */
class OnnxOpsTest {
  /** How many cases of the published set are covered; more is progress, fewer a loss. */
  private static final int COVERED_AT_LEAST = 456;

  private final Engine engine = Engine.builder().kernels().build();

  @Test
  void coveredCasesPass() throws IOException {
    Path folder = ConformanceData.path("onnx-ops");
    JsonNode cases = new ObjectMapper().readTree(folder.resolve("index.json").toFile());
    List<String> wrong = new ArrayList<>();
    Map<String, Integer> uncovered = new TreeMap<>();
    int passed = 0;
    for (JsonNode json : cases.get("cases")) {
      String name = json.get("name").asText();
      try (TensorScope _ = TensorScope.open();
          NpzFile arrays = NpzFile.open(folder.resolve(json.get("file").asText()))) {
        String complaint = check(new OnnxCase(engine, json, arrays));
        if (complaint == null) {
          passed++;
        } else {
          wrong.add(name + ": " + complaint);
        }
      } catch (OnnxCase.Uncovered e) {
        uncovered.merge(json.get("op_type").asText() + ": " + e.getMessage(), 1, Integer::sum);
        SkippedCases.record("OnnxOpsTest", 1, String.valueOf(e.getMessage()));
      } catch (RuntimeException e) {
        wrong.add(name + ": " + e);
      }
    }
    int skipped = uncovered.values().stream().mapToInt(Integer::intValue).sum();
    System.out.printf(
        "ONNX operator cases: %d passed, %d failed, %d not covered%n%s%n",
        passed, wrong.size(), skipped, uncovered);
    assertEquals(List.of(), wrong);
    assertTrue(passed >= COVERED_AT_LEAST, passed + " are covered");
  }

  private static @Nullable String check(OnnxCase c) {
    List<Tensor> actual = OnnxOps.run(c);
    for (int i = 0; i < c.expected().size(); i++) {
      Tensor expected = c.expected().get(i);
      if (expected != null) {
        String complaint = compare(expected, actual.get(i));
        if (complaint != null) {
          return "output " + i + " " + complaint;
        }
      }
    }
    return null;
  }

  private static @Nullable String compare(Tensor expected, Tensor actual) {
    if (!expected.spec().equals(actual.spec())) {
      return "is " + actual.spec() + ", expected " + expected.spec();
    }
    double[] r = Values.all(expected.view());
    double[] y = Values.all(actual.view());
    for (int i = 0; i < r.length; i++) {
      if (!near(expected.dtype(), r[i], y[i])) {
        return "[" + i + "] is " + y[i] + ", expected " + r[i];
      }
    }
    return null;
  }

  private static boolean near(DType type, double r, double y) {
    if (r == y || (Double.isNaN(r) && Double.isNaN(y))) {
      return true;
    }
    boolean half = type == ScalarType.F16 || type == ScalarType.BF16;
    double allowed = half ? 1e-3 + 1e-2 * Math.abs(r) : 1e-5 + 1e-3 * Math.abs(r);
    return type.isFloating() && Math.abs(r - y) <= allowed;
  }
}
