package dev.quern.transformer.evaluate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.transformer.Golden;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

/** Every metric of the conformance data, to 1e-12; those of generated text are named as missing. */
class GoldenMetricsTest {
  private static final Set<String> TO_COME = Set.of("bleu", "rouge_l", "exact_match");

  @Test
  void agreesWithTheData() {
    Set<String> seen = new TreeSet<>();
    for (JsonNode c : Golden.json(Golden.outside("training/metrics.json"))) {
      seen.add(c.path("kind").asText());
      JsonNode in = c.path("inputs");
      JsonNode out = c.path("expected");
      String name = c.path("name").asText();
      switch (c.path("kind").asText()) {
        case "classification" -> classification(name, in, out);
        case "roc_auc" ->
            close(
                out.path("roc_auc"),
                RocAuc.binary(Golden.ints(in.path("y_true")), doubles(in.path("scores"))),
                name);
        case "ece" -> calibration(name, in, out);
        case "correlation" -> {
          double[] x = doubles(in.path("x"));
          double[] y = doubles(in.path("y"));
          close(out.path("pearson"), Correlation.pearson(x, y), name);
          close(out.path("spearman"), Correlation.spearman(x, y), name);
        }
        default -> assertTrue(TO_COME.contains(c.path("kind").asText()), name);
      }
    }
    assertTrue(
        seen.containsAll(Set.of("classification", "roc_auc", "ece", "correlation")),
        seen.toString());
  }

  private static void classification(String name, JsonNode in, JsonNode out) {
    int classes = in.path("num_classes").asInt();
    ConfusionMatrix matrix =
        ConfusionMatrix.of(Golden.ints(in.path("y_true")), Golden.ints(in.path("y_pred")), classes);
    ClassificationReport report = ClassificationReport.of(matrix);
    for (int r = 0; r < classes; r++) {
      for (int c = 0; c < classes; c++) {
        assertEquals(
            out.path("confusion_matrix").path(r).path(c).asLong(), matrix.count(r, c), name);
      }
      ClassMetrics m = report.perClass().get(r);
      JsonNode each = out.path("per_class");
      close(each.path("precision").path(r), m.precision(), name);
      close(each.path("recall").path(r), m.recall(), name);
      close(each.path("f1").path(r), m.f1(), name);
      assertEquals(each.path("support").path(r).asLong(), m.support(), name);
    }
    close(out.path("accuracy"), report.accuracy(), name);
    close(out.path("matthews_corrcoef"), report.matthews(), name);
    for (ClassMetrics m : new ClassMetrics[] {report.micro(), report.macro(), report.weighted()}) {
      JsonNode mean = out.path(m.name());
      close(mean.path("precision"), m.precision(), name + " " + m.name());
      close(mean.path("recall"), m.recall(), name + " " + m.name());
      close(mean.path("f1"), m.f1(), name + " " + m.name());
    }
  }

  private static void calibration(String name, JsonNode in, JsonNode out) {
    int[] correct = Golden.ints(in.path("correct"));
    boolean[] right = new boolean[correct.length];
    for (int i = 0; i < right.length; i++) {
      right[i] = correct[i] != 0;
    }
    Calibration result =
        Calibration.of(doubles(in.path("confidence")), right, in.path("num_bins").asInt());
    close(out.path("ece"), result.error(), name);
    for (int b = 0; b < result.bins().size(); b++) {
      JsonNode bin = out.path("bins").path(b);
      assertEquals(bin.path(0).asLong(), result.bins().get(b).count(), name);
      close(bin.path(1), result.bins().get(b).accuracy(), name);
      close(bin.path(2), result.bins().get(b).confidence(), name);
    }
  }

  private static void close(JsonNode expected, double actual, String name) {
    assertTrue(expected.isNumber(), name + ": " + expected);
    double e = expected.asDouble();
    assertEquals(e, actual, 1e-12 + 1e-12 * Math.abs(e), name);
  }

  private static double[] doubles(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false)
        .mapToDouble(JsonNode::asDouble)
        .toArray();
  }
}
