package dev.quern.transformer.evaluate;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;

/** How results are written: numbers, Markdown tables and JSON. */
final class Text {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private Text() {}

  /** Four decimals; an undefined number is n/a. */
  static String number(double value) {
    return Double.isNaN(value) ? "n/a" : String.format(Locale.ROOT, "%.4f", value);
  }

  /** A Markdown table whose columns are aligned for reading as plain text too. */
  static String table(List<List<String>> rows) {
    int columns = rows.getFirst().size();
    int[] widths = new int[columns];
    for (List<String> row : rows) {
      for (int c = 0; c < columns; c++) {
        widths[c] = Math.max(widths[c], Math.max(3, cell(row.get(c)).length()));
      }
    }
    StringBuilder out = new StringBuilder();
    for (int r = 0; r < rows.size(); r++) {
      line(out, rows.get(r), widths);
      if (r == 0) {
        rule(out, widths);
      }
    }
    return out.toString();
  }

  private static void line(StringBuilder out, List<String> row, int[] widths) {
    for (int c = 0; c < widths.length; c++) {
      String text = cell(row.get(c));
      String gap = " ".repeat(widths[c] - text.length());
      out.append("| ").append(c == 0 ? text + gap : gap + text).append(' ');
    }
    out.append("|\n");
  }

  private static void rule(StringBuilder out, int[] widths) {
    for (int c = 0; c < widths.length; c++) {
      out.append(c == 0 ? "| :" : "| -")
          .append("-".repeat(widths[c] - 2))
          .append(c == 0 ? "- " : ": ");
    }
    out.append("|\n");
  }

  /** A name that can neither end its cell nor its line. */
  private static String cell(String text) {
    return text.replaceAll("[\\p{Cntrl}\\u2028\\u2029]", " ").replace("|", "\\|");
  }

  static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /** Puts a number; JSON has no NaN, so an undefined one is null. */
  static void put(ObjectNode object, String name, double value) {
    if (Double.isFinite(value)) {
      object.put(name, value);
    } else {
      object.putNull(name);
    }
  }
}
