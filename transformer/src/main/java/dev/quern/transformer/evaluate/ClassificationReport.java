package dev.quern.transformer.evaluate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Accuracy, precision, recall and F1 of predictions that name one class for each example.
 *
 * <p>A precision, recall or F1 of 0/0 counts as 0, and such a class stays in the averages. So does
 * a class that has no example: it pulls the macro average down.
 *
 * @param confusion what everything is computed from
 * @param accuracy the share of right predictions
 * @param perClass one for each class, in their order
 * @param micro from counts summed over classes; where each example has one class, all three are the
 *     accuracy
 * @param macro the mean over classes
 * @param weighted the mean over classes, weighted by their support
 * @param matthews Matthews' correlation coefficient, see {@link ConfusionMatrix#matthews()}
 */
public record ClassificationReport(
    ConfusionMatrix confusion,
    double accuracy,
    List<ClassMetrics> perClass,
    ClassMetrics micro,
    ClassMetrics macro,
    ClassMetrics weighted,
    double matthews) {
  /** Copies the list. */
  public ClassificationReport {
    perClass = List.copyOf(perClass);
  }

  /**
   * A report whose classes are called by their numbers.
   *
   * @param confusion the counts
   * @return the report
   */
  public static ClassificationReport of(ConfusionMatrix confusion) {
    return of(confusion, confusion.numbers());
  }

  /**
   * A report.
   *
   * @param confusion the counts
   * @param names of the classes, in their order
   * @return the report
   * @throws dev.quern.core.type.ShapeException if there are not as many names as classes
   */
  public static ClassificationReport of(ConfusionMatrix confusion, List<String> names) {
    confusion.checkNames(names);
    List<ClassMetrics> classes = new ArrayList<>();
    for (int k = 0; k < confusion.classes(); k++) {
      classes.add(
          ClassMetrics.of(
              names.get(k), confusion.count(k, k), confusion.predicted(k), confusion.support(k)));
    }
    long total = confusion.total();
    return new ClassificationReport(
        confusion,
        confusion.accuracy(),
        classes,
        ClassMetrics.of("micro", confusion.correct(), total, total),
        mean("macro", classes, c -> 1, total),
        mean("weighted", classes, ClassMetrics::support, total),
        confusion.matthews());
  }

  private static ClassMetrics mean(
      String name, List<ClassMetrics> classes, ToDoubleFunction<ClassMetrics> weight, long total) {
    double precision = 0;
    double recall = 0;
    double f1 = 0;
    double weights = 0;
    for (ClassMetrics c : classes) {
      double w = weight.applyAsDouble(c);
      precision += w * c.precision();
      recall += w * c.recall();
      f1 += w * c.f1();
      weights += w;
    }
    return new ClassMetrics(
        name,
        ConfusionMatrix.ratio(precision, weights),
        ConfusionMatrix.ratio(recall, weights),
        ConfusionMatrix.ratio(f1, weights),
        total);
  }

  /**
   * The names of the classes.
   *
   * @return in their order
   */
  public List<String> names() {
    return perClass.stream().map(ClassMetrics::name).toList();
  }

  /**
   * A Markdown table with a row for each class and each average, and a line with the accuracy.
   *
   * @return lines that end in a line feed
   */
  public String toMarkdown() {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("class", "precision", "recall", "F1", "support"));
    List<ClassMetrics> all = new ArrayList<>(perClass);
    all.addAll(List.of(micro, macro, weighted));
    for (ClassMetrics m : all) {
      rows.add(
          List.of(
              m.name(),
              Text.number(m.precision()),
              Text.number(m.recall()),
              Text.number(m.f1()),
              Long.toString(m.support())));
    }
    return Text.table(rows)
        + "\naccuracy "
        + Text.number(accuracy)
        + " ("
        + confusion.correct()
        + " of "
        + confusion.total()
        + "), Matthews "
        + Text.number(matthews)
        + "\n";
  }

  /**
   * The report as JSON: {@code accuracy}, {@code matthews}, {@code classes} and the averages, each
   * with {@code precision}, {@code recall}, {@code f1} and {@code support}, and {@code confusion},
   * whose rows are the true classes.
   *
   * @return one line
   */
  public String toJson() {
    ObjectNode node = Text.object();
    Text.put(node, "accuracy", accuracy);
    Text.put(node, "matthews", matthews);
    var classes = node.putArray("classes");
    for (ClassMetrics m : perClass) {
      write(classes.addObject().put("name", m.name()), m);
    }
    for (ClassMetrics m : List.of(micro, macro, weighted)) {
      write(node.putObject(m.name()), m);
    }
    confusion.writeTo(node.putArray("confusion"));
    return node.toString();
  }

  private static void write(ObjectNode node, ClassMetrics m) {
    Text.put(node, "precision", m.precision());
    Text.put(node, "recall", m.recall());
    Text.put(node, "f1", m.f1());
    node.put("support", m.support());
  }

  @Override
  public String toString() {
    return toMarkdown();
  }
}
