package dev.quern.core.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.npy.NpzFile;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.testkit.ConformanceData;
import dev.quern.testkit.SkippedCases;
import dev.quern.testkit.Values;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * Values, gradients and second derivatives against PyTorch's, on the reference kernels: every case
 * that Quern's operations cover must pass; the others are counted by function and reason.
 */
class TorchGradientsTest {
  private final Engine engine = Engine.builder().kernels().build();

  @Test
  void coveredCasesAgree() throws IOException {
    Path folder = ConformanceData.path("training");
    JsonNode cases = new ObjectMapper().readTree(folder.resolve("index.json").toFile());
    List<String> wrong = new ArrayList<>();
    Map<String, Integer> uncovered = new TreeMap<>();
    int passed = 0;
    int twice = 0;
    for (JsonNode json : cases.get("cases")) {
      String name = json.get("name").asText();
      try (TensorScope _ = TensorScope.open();
          NpzFile arrays = NpzFile.open(folder.resolve(json.get("file").asText()))) {
        TorchCase c = new TorchCase(engine, json, arrays);
        List<String> complaints = new ArrayList<>();
        check(c, complaints);
        complaints.forEach(s -> wrong.add(name + ": " + s));
        passed += complaints.isEmpty() ? 1 : 0;
        twice += complaints.isEmpty() && c.isSecondOrder() ? 1 : 0;
      } catch (TorchCase.Uncovered e) {
        uncovered.merge(json.get("op").asText() + ": " + e.getMessage(), 1, Integer::sum);
        SkippedCases.record("TorchGradientsTest", 1, String.valueOf(e.getMessage()));
      } catch (RuntimeException e) {
        wrong.add(name + ": " + e);
      }
    }
    System.out.printf(
        "PyTorch cases: %d agree (%d with second derivatives), %d don't, not covered: %s%n",
        passed, twice, wrong.size(), uncovered);
    assertEquals(List.of(), wrong);
    assertTrue(passed > 0, "no case is covered");
  }

  private void check(TorchCase c, List<String> complaints) {
    List<String> by = c.names("differentiable");
    List<String> outputs = c.names("outputs");
    List<String> upstream = new ArrayList<>();
    List<Tensor> watched = new ArrayList<>();
    by.forEach(n -> watched.add(c.in(n)));
    for (String o : outputs) {
      String g = o.replaceFirst("output", "grad_output");
      if (c.hasArray(g)) {
        upstream.add(g);
        watched.add(c.array(g));
      }
    }
    Tensor[] all = watched.toArray(Tensor[]::new);
    try (Tape tape = engine.tape()) {
      tape.watch(all);
      List<Tensor> actual = TorchOps.run(c);
      Tensor sum = null;
      for (int i = 0; i < outputs.size(); i++) {
        compare(c, outputs.get(i), actual.get(i), complaints);
        int at = upstream.indexOf(outputs.get(i).replaceFirst("output", "grad_output"));
        if (at >= 0) {
          Tensor part = actual.get(i).mul(all[by.size() + at]).sum();
          sum = sum == null ? part : sum.add(part);
        }
      }
      if (sum == null) {
        return;
      }
      List<Tensor> g = tape.gradients(sum, watched.subList(0, by.size()).toArray(Tensor[]::new));
      for (int i = 0; i < by.size(); i++) {
        compare(c, "grad." + by.get(i), g.get(i), complaints);
      }
      if (c.isSecondOrder()) {
        twice(c, tape, by, upstream, all, g, complaints);
      }
    }
  }

  private static void twice(
      TorchCase c,
      Tape tape,
      List<String> by,
      List<String> upstream,
      Tensor[] all,
      List<Tensor> gradients,
      List<String> complaints) {
    Tensor slope = null;
    for (int i = 0; i < by.size(); i++) {
      Tensor part = gradients.get(i).mul(c.array("v." + by.get(i))).sum();
      slope = slope == null ? part : slope.add(part);
    }
    compare(c, "grad_dot_v", slope, complaints);
    List<Tensor> second = tape.gradients(slope, all);
    List<String> names = new ArrayList<>(by);
    names.addAll(upstream);
    for (int i = 0; i < names.size(); i++) {
      if (c.hasArray("grad2." + names.get(i))) {
        compare(c, "grad2." + names.get(i), second.get(i), complaints);
      }
    }
  }

  private static void compare(TorchCase c, String name, Tensor tensor, List<String> complaints) {
    Tensor expected = c.array(name);
    Tensor actual = tensor.contiguous();
    if (!expected.spec().equals(actual.spec())) {
      complaints.add(name + " is " + actual.spec() + ", expected " + expected.spec());
      return;
    }
    double[] r = Values.all(expected.view());
    double[] y = Values.all(actual.view());
    for (int i = 0; i < r.length; i++) {
      boolean same = r[i] == y[i] || (Double.isNaN(r[i]) && Double.isNaN(y[i]));
      boolean near =
          expected.dtype().isFloating()
              && Math.abs(y[i] - r[i]) <= c.atol() + c.rtol() * Math.abs(r[i])
              && !Double.isInfinite(r[i]);
      if (!same && !near) {
        complaints.add(name + "[" + i + "] is " + y[i] + ", expected " + r[i]);
        return;
      }
    }
  }
}
