package dev.quern.bench.charts;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * A table of a Markdown file.
 *
 * @param title the heading that it stands under
 * @param number 1 for the first table under its heading
 * @param header the columns' names
 * @param rows as many cells in each as columns
 * @param end index of the line behind it
 */
record MarkdownTable(
    String title, int number, List<String> header, List<List<String>> rows, int end) {
  /**
   * The tables of a file: lines of cells, the second of dashes.
   *
   * @param lines of the file
   * @return in the order of the file
   * @throws IllegalArgumentException if a row has another number of cells than the header
   */
  static List<MarkdownTable> read(List<String> lines) {
    List<MarkdownTable> tables = new ArrayList<>();
    String title = "";
    int number = 0;
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).startsWith("#")) {
        title = lines.get(i).replaceFirst("^#+\\s*", "");
        number = 0;
      }
      boolean begins =
          lines.get(i).startsWith("|")
              && i + 1 < lines.size()
              && lines.get(i + 1).matches("\\|(\\s*:?-+:?\\s*\\|)+\\s*");
      if (begins) {
        List<String> header = cells(lines.get(i));
        List<List<String>> rows = new ArrayList<>();
        for (i += 2; i < lines.size() && lines.get(i).startsWith("|"); i++) {
          List<String> row = cells(lines.get(i));
          if (row.size() != header.size()) {
            throw new IllegalArgumentException(
                "line %d has %d cells, its table %d columns"
                    .formatted(i + 1, row.size(), header.size()));
          }
          rows.add(row);
        }
        tables.add(new MarkdownTable(title, ++number, header, rows, i));
      }
    }
    return tables;
  }

  private static List<String> cells(String line) {
    String inner = line.strip().replaceFirst("^\\|", "").replaceFirst("\\|$", "");
    return Arrays.stream(inner.split("\\|", -1)).map(String::strip).toList();
  }

  /** A name for its file: the title in small letters, with hyphens. */
  String slug() {
    String words = title.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
    String name = words.replaceAll("^-|-$", "");
    return number == 1 ? name : name + "-" + number;
  }
}
