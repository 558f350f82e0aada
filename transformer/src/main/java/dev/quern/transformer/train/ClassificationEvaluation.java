package dev.quern.transformer.train;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.evaluate.Bootstrap;
import dev.quern.transformer.evaluate.ClassMetrics;
import dev.quern.transformer.evaluate.ClassificationReport;
import dev.quern.transformer.evaluate.ConfidenceInterval;
import dev.quern.transformer.evaluate.ConfusionMatrix;
import dev.quern.transformer.evaluate.RocAuc;
import dev.quern.transformer.train.log.EvaluationReport;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * Loss, accuracy, precision, recall, F1 (macro, weighted and per class), ROC-AUC and the confusion
 * matrix of a classifier of sequences. The class with the largest logit is the answer, the first of
 * equal ones.
 *
 * @param names of the classes, in the order of the logits
 */
public record ClassificationEvaluation(List<String> names) implements Evaluation {
  private static final String SCORES = "scores";

  /** Copies the names. */
  public ClassificationEvaluation {
    names = List.copyOf(names);
  }

  @Override
  public Map<String, Tensor> compute(Map<String, Tensor> outputs, Map<String, Tensor> batch) {
    Tensor logits = outputs.get(TrainableModel.LOGITS);
    if (logits == null) {
      throw new TrainingException(
          "[evaluate] the model has no output 'logits'; it has " + outputs.keySet());
    }
    return Map.of(SCORES, logits.cast(ScalarType.F32).softmax(-1));
  }

  @Override
  public Tally begin() {
    return new ClassTally(names);
  }

  private static final class ClassTally implements Tally {
    private final List<String> names;
    private final List<Integer> expected = new ArrayList<>();
    private final List<double[]> scores = new ArrayList<>();
    private double nats;

    ClassTally(List<String> names) {
      this.names = names;
    }

    @Override
    public void add(Batch batch, double loss, Map<String, Tensor> computed) {
      int[] labels = batch.field(Batch.LABELS).values();
      float[] flat = Objects.requireNonNull(computed.get(SCORES)).toFloats();
      int classes = names.size();
      long counted = 0;
      for (int i = 0; i < labels.length; i++) {
        if (labels[i] != Batch.IGNORE) {
          double[] row = new double[classes];
          for (int c = 0; c < classes; c++) {
            row[c] = flat[i * classes + c];
          }
          expected.add(labels[i]);
          scores.add(row);
          counted++;
        }
      }
      nats += counted == 0 ? 0 : loss * counted;
    }

    @Override
    public EvaluationReport report(long step, String split) {
      int[] truth = expected.stream().mapToInt(Integer::intValue).toArray();
      double[][] rows = scores.toArray(double[][]::new);
      int[] answers = IntStream.range(0, rows.length).map(i -> best(rows[i])).toArray();
      ConfusionMatrix confusion = ConfusionMatrix.of(truth, answers, names.size());
      ClassificationReport report = ClassificationReport.of(confusion, names);
      Map<String, Double> metrics = new LinkedHashMap<>();
      metrics.put("loss", nats / truth.length);
      metrics.put("accuracy", confusion.accuracy());
      put(metrics, "macro", report.macro());
      put(metrics, "weighted", report.weighted());
      if (IntStream.range(0, names.size()).allMatch(c -> confusion.support(c) > 0)) {
        metrics.put(
            "roc_auc",
            names.size() == 2
                ? RocAuc.binary(
                    truth, IntStream.range(0, rows.length).mapToDouble(i -> rows[i][1]).toArray())
                : RocAuc.macro(truth, rows));
      }
      for (ClassMetrics c : report.perClass()) {
        metrics.put("f1/" + c.name(), c.f1());
      }
      metrics.put("examples", (double) truth.length);
      return new EvaluationReport(step, split, metrics, confusion);
    }

    @Override
    public Map<String, ConfidenceInterval> intervals(Bootstrap bootstrap) {
      int[] truth = expected.stream().mapToInt(Integer::intValue).toArray();
      int[] answers = scores.stream().mapToInt(ClassTally::best).toArray();
      int classes = names.size();
      return Map.of(
          "accuracy",
          bootstrap.interval(
              truth.length, drawn -> ConfusionMatrix.of(truth, answers, drawn, classes).accuracy()),
          "macro_f1",
          bootstrap.interval(
              truth.length,
              drawn ->
                  ClassificationReport.of(ConfusionMatrix.of(truth, answers, drawn, classes))
                      .macro()
                      .f1()));
    }

    private static void put(Map<String, Double> metrics, String prefix, ClassMetrics m) {
      metrics.put(prefix + "_precision", m.precision());
      metrics.put(prefix + "_recall", m.recall());
      metrics.put(prefix + "_f1", m.f1());
    }

    private static int best(double[] row) {
      int best = 0;
      for (int c = 1; c < row.length; c++) {
        if (row[c] > row[best]) {
          best = c;
        }
      }
      return best;
    }
  }
}
