package dev.quern.transformer.train.log;

import dev.quern.transformer.evaluate.ConfusionMatrix;
import java.util.List;
import java.util.Locale;

/** A confusion matrix as a table whose cells are the darker, the larger their share of the row. */
final class ConfusionTable {
  /** More classes than this can't be told apart on a page. */
  private static final int MOST_CLASSES = 60;

  private final ConfusionMatrix matrix;
  private final List<String> names;

  ConfusionTable(ConfusionMatrix matrix, List<String> names) {
    this.matrix = matrix;
    this.names = names;
  }

  void writeTo(Markup out, long step) {
    int classes = matrix.classes();
    String what =
        String.format(
            Locale.ROOT,
            "After step %d: %d of %d right (%.2f%%)",
            step,
            matrix.correct(),
            matrix.total(),
            100 * matrix.accuracy());
    if (classes > MOST_CLASSES) {
      out.leaf("p", what);
      out.leaf("p", classes + " classes are too many for a table here.", "class", "note");
      return;
    }
    out.open(
        "div",
        "class",
        "scroll",
        "tabindex",
        "0",
        "role",
        "region",
        "aria-label",
        "Confusion matrix");
    out.open("table", "class", "confusion");
    out.leaf("caption", what);
    out.open("thead").open("tr");
    out.leaf("th", "true \\ predicted", "scope", "col", "class", "corner");
    for (int c = 0; c < classes; c++) {
      out.leaf("th", name(c), "scope", "col");
    }
    out.leaf("th", "recall", "scope", "col", "class", "sum");
    out.close().close();
    out.open("tbody");
    for (int r = 0; r < classes; r++) {
      row(out, r);
    }
    precisions(out);
    out.close();
    out.close();
    out.close();
    out.leaf(
        "p",
        "Rows are the true classes, columns the predicted ones. The stronger the colour, the larger"
            + " the share of its row: blue for right, orange for wrong.",
        "class",
        "note below");
  }

  private void row(Markup out, int r) {
    long support = matrix.support(r);
    out.open("tr").leaf("th", name(r), "scope", "row");
    for (int c = 0; c < matrix.classes(); c++) {
      long count = matrix.count(r, c);
      int share = support == 0 ? 0 : (int) Math.round(100.0 * count / support);
      // Where the ink must change depends on the colours: light and dark have thresholds of their
      // own.
      String ink = (share > 50 ? " over50" : "") + (share > 85 ? " over85" : "");
      String style = (c == r ? "hit" : "miss") + ink;
      out.leaf("td", Long.toString(count), "class", style, "style", "--share:" + share + "%");
    }
    out.leaf("td", percent(matrix.count(r, r), support), "class", "sum");
    out.close();
  }

  private void precisions(Markup out) {
    out.open("tr").leaf("th", "precision", "scope", "row", "class", "sum");
    for (int c = 0; c < matrix.classes(); c++) {
      out.leaf("td", percent(matrix.count(c, c), matrix.predicted(c)), "class", "sum");
    }
    out.leaf("td", "", "class", "sum");
    out.close();
  }

  private static String percent(long part, long whole) {
    return whole == 0 ? "n/a" : String.format(Locale.ROOT, "%.1f%%", 100.0 * part / whole);
  }

  private String name(int label) {
    return names.size() == matrix.classes() ? names.get(label) : Integer.toString(label);
  }
}
