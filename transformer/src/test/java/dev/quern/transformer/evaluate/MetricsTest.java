package dev.quern.transformer.evaluate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.ShapeException;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MetricsTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Test
  void nothingOverNothingCountsAsZero() {
    // Class 2 has no example and is never predicted; class 1 has one and is never predicted.
    ClassificationReport report =
        ClassificationReport.of(
            ConfusionMatrix.of(new int[] {0, 0, 1}, new int[] {0, 0, 0}, 3),
            List.of("a", "b", "c"));
    assertEquals(new ClassMetrics("a", 2 / 3.0, 1, 0.8, 2), report.perClass().get(0));
    assertEquals(new ClassMetrics("b", 0, 0, 0, 1), report.perClass().get(1));
    assertEquals(new ClassMetrics("c", 0, 0, 0, 0), report.perClass().get(2));
    assertEquals(0.8 / 3, report.macro().f1(), 1e-15);
    assertEquals(0.8 * 2 / 3, report.weighted().f1(), 1e-15);
    assertEquals(report.accuracy(), report.micro().f1(), 1e-15);
    assertEquals(0, report.matthews());
  }

  @Test
  void partsAddUp() {
    int[] expected = {0, 1, 1, 0, 1};
    int[] predicted = {0, 1, 0, 1, 1};
    ConfusionMatrix whole = ConfusionMatrix.of(expected, predicted, 2);
    ConfusionMatrix first = ConfusionMatrix.of(expected, predicted, new int[] {0, 1}, 2);
    ConfusionMatrix rest = ConfusionMatrix.of(expected, predicted, new int[] {2, 3, 4}, 2);
    assertEquals(whole, first.plus(rest));
    assertEquals(whole, ConfusionMatrix.ofCounts(new long[][] {{1, 1}, {1, 2}}));
    assertEquals(0.6, whole.accuracy());
  }

  @Test
  void badLabelsAreNamed() {
    IndexException label =
        assertThrows(
            IndexException.class, () -> ConfusionMatrix.of(new int[] {0, 3}, new int[] {0, 1}, 3));
    assertTrue(label.getMessage().contains("expected[1] is 3"), label.getMessage());
    assertThrows(ShapeException.class, () -> ConfusionMatrix.of(new int[2], new int[1], 1));
    assertThrows(MetricException.class, () -> ConfusionMatrix.of(new int[0], new int[0], 1));
    assertThrows(
        MetricException.class, () -> RocAuc.binary(new int[] {0, 1}, new double[] {0, Double.NaN}));
  }

  @Test
  void areaCountsTiesAsHalves() {
    assertEquals(0.5, RocAuc.binary(new int[] {0, 1, 1}, new double[] {1, 1, 1}));
    assertEquals(0.5, RocAuc.binary(new int[] {0, 1}, new double[] {0.0, -0.0}));
    assertEquals(1, RocAuc.binary(new int[] {0, 1}, new double[] {0, Double.POSITIVE_INFINITY}));
    assertEquals(0.75, RocAuc.binary(new int[] {0, 1, 1}, new double[] {1, 1, 2}));
    assertTrue(Double.isNaN(RocAuc.binary(new int[] {1, 1}, new double[] {1, 2})));
  }

  @Test
  void areaIsTheShareOfOrderedPairs() {
    Random random = new Random(5);
    for (int round = 0; round < 50; round++) {
      int n = 2 + random.nextInt(40);
      int[] labels = random.ints(n, 0, 2).toArray();
      double[] scores = random.ints(n, 0, 8).mapToDouble(i -> i).toArray();
      double halves = 0;
      int pairs = 0;
      for (int p = 0; p < n; p++) {
        for (int q = 0; q < n; q++) {
          if (labels[p] == 1 && labels[q] == 0) {
            pairs++;
            halves += scores[p] > scores[q] ? 2 : scores[p] == scores[q] ? 1 : 0;
          }
        }
      }
      assertEquals(halves / (2.0 * pairs), RocAuc.binary(labels, scores), 1e-12);
    }
  }

  @Test
  void oneVersusRestLeavesOutAbsentClasses() {
    int[] labels = {0, 0, 1, 1, 1};
    double[][] scores = {{3, 1, 0}, {1, 2, 0}, {2, 3, 0}, {0, 4, 0}, {0, 0, 0}};
    double[] areas = RocAuc.oneVersusRest(labels, scores);
    assertArrayEquals(new double[] {5 / 6.0, 4 / 6.0, Double.NaN}, areas, 1e-15);
    assertEquals(0.75, RocAuc.macro(labels, scores), 1e-15);
    assertEquals((2 * 5 / 6.0 + 3 * 4 / 6.0) / 5, RocAuc.weighted(labels, scores), 1e-15);
    assertTrue(Double.isNaN(RocAuc.macro(new int[] {0}, new double[][] {{1, 2}})));
  }

  @Test
  void perplexityAndBits() throws Exception {
    // Four tokens of probability 1/8 spell six bytes: 12 bits.
    LanguageModelScore half = new LanguageModelScore(2 * Math.log(8), 2, 3);
    LanguageModelScore score = half.plus(half);
    assertEquals(8, score.perplexity(), 1e-12);
    assertEquals(3, score.bitsPerToken(), 1e-12);
    assertEquals(2, score.bitsPerByte(), 1e-12);
    assertEquals(Math.log(8), score.loss(), 1e-12);
    assertEquals(score, LanguageModelScore.sum(List.of(half), new int[] {0, 0}));
    JsonNode none = JSON.readTree(LanguageModelScore.NONE.toJson());
    assertTrue(none.path("perplexity").isNull(), none.toString());
    assertTrue(LanguageModelScore.NONE.toMarkdown().contains("n/a"));
  }

  @Test
  void bootstrapCoversTheTruthAndIsSeeded() {
    // 100 samples of 80 tosses of a coin that shows 1 with probability 0.3.
    Random random = new Random(11);
    int covered = 0;
    for (int round = 0; round < 100; round++) {
      double[] tosses = random.doubles(80).map(u -> u < 0.3 ? 1 : 0).toArray();
      ConfidenceInterval interval =
          new Bootstrap(300, 0.9, round).interval(80, drawn -> mean(tosses, drawn));
      assertTrue(interval.low() <= interval.estimate(), interval.toString());
      assertTrue(interval.estimate() <= interval.high(), interval.toString());
      covered += interval.low() <= 0.3 && 0.3 <= interval.high() ? 1 : 0;
    }
    // Binomial(100, 0.9) is below 80 or above 98 once in a thousand.
    assertTrue(covered >= 80 && covered <= 98, "covered " + covered);

    double[] values = random.doubles(30).toArray();
    ConfidenceInterval first = Bootstrap.DEFAULT.interval(30, drawn -> mean(values, drawn));
    assertEquals(first, Bootstrap.DEFAULT.interval(30, drawn -> mean(values, drawn)));
    assertNotEquals(first, new Bootstrap(1000, 0.95, 1).interval(30, drawn -> mean(values, drawn)));
  }

  @Test
  void bootstrapLeavesOutWhatIsUndefined() {
    int[] labels = {0, 1};
    double[] scores = {0.2, 0.8};
    ConfidenceInterval interval =
        new Bootstrap(1000, 0.95, 3)
            .interval(
                2,
                drawn ->
                    RocAuc.binary(
                        new int[] {labels[drawn[0]], labels[drawn[1]]},
                        new double[] {scores[drawn[0]], scores[drawn[1]]}));
    assertEquals(1, interval.estimate());
    assertEquals(1000, interval.resamples() + interval.undefined());
    assertTrue(interval.undefined() > 400 && interval.undefined() < 600, interval.toString());
    assertEquals("1.0000 (95 % interval 1.0000 to 1.0000)", interval.toString());
  }

  private static double mean(double[] values, int[] drawn) {
    double sum = 0;
    for (int i : drawn) {
      sum += values[i];
    }
    return sum / drawn.length;
  }

  @Test
  void tablesAreMarkdown() {
    ConfusionMatrix matrix = ConfusionMatrix.ofCounts(new long[][] {{7, 1}, {0, 12}});
    assertEquals(
        """
        | true \\ predicted |  no | a\\|b |
        | :--------------- | --: | ---: |
        | no               |   7 |    1 |
        | a\\|b             |   0 |   12 |
        """,
        matrix.toMarkdown(List.of("no", "a|b")));
    String report = ClassificationReport.of(matrix).toString();
    assertTrue(report.contains("| 0        |    1.0000 | 0.8750 | 0.9333 |       8 |"), report);
    assertTrue(report.contains("accuracy 0.9500 (19 of 20)"), report);
    assertThrows(ShapeException.class, () -> matrix.toMarkdown(List.of("one")));
  }

  @Test
  void reportsHaveJson() throws Exception {
    JsonNode node =
        JSON.readTree(
            ClassificationReport.of(ConfusionMatrix.ofCounts(new long[][] {{7, 1}, {0, 12}}))
                .toJson());
    assertEquals(0.95, node.path("accuracy").asDouble());
    assertEquals(12, node.path("confusion").path(1).path(1).asInt());
    assertEquals("0", node.path("classes").path(0).path("name").asText());
    assertEquals(1.0, node.path("classes").path(0).path("precision").asDouble());
    assertEquals(20, node.path("macro").path("support").asInt());
  }

  @Test
  void calibrationPutsBoundsIntoTheLowerBin() {
    Calibration result =
        Calibration.of(
            new double[] {0, 0.1, 0.2, 0.30000000000000004, 1},
            new boolean[] {false, true, false, true, true},
            10);
    assertEquals(2, result.bins().get(0).count());
    assertEquals(1, result.bins().get(1).count());
    assertEquals(0, result.bins().get(2).count());
    assertEquals(1, result.bins().get(3).count());
    assertEquals(1, result.bins().get(9).count());
    assertEquals((0.9 + 0.2 + 0.7) / 5, result.error(), 1e-15);
    assertThrows(
        MetricException.class, () -> Calibration.of(new double[] {1.5}, new boolean[1], 10));
  }

  @Test
  void ranksOfTiesAreShared() {
    assertEquals(
        Correlation.pearson(new double[] {0.5, 0.5, 2}, new double[] {0, 1, 2}),
        Correlation.spearman(new double[] {1, 1, 9}, new double[] {-4, 0, 70}),
        1e-15);
    assertTrue(Double.isNaN(Correlation.pearson(new double[] {1, 1}, new double[] {1, 2})));
  }
}
