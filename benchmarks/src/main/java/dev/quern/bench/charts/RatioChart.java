package dev.quern.bench.charts;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * What a table says of how Quern stands to others: its columns with a ratio, and the interval where
 * one is given.
 *
 * @param title over the picture
 * @param series names of the ratios
 * @param bars from top to bottom
 */
record RatioChart(String title, List<String> series, List<Bar> bars) {
  private static final Pattern NUMBER = Pattern.compile("^\\**(-?[0-9][0-9,]*(?:\\.[0-9]+)?)");
  private static final Pattern INTERVAL = Pattern.compile("([0-9.,]+) to ([0-9.,]+)");

  /**
   * A line of the picture.
   *
   * @param label what was measured
   * @param values a ratio for each series; NaN where the table has none
   * @param low the interval's lower end, NaN without one; of the first series
   * @param high its upper end
   */
  record Bar(String label, List<Double> values, double low, double high) {}

  /**
   * The chart of a table.
   *
   * @param table any
   * @return empty if it has no ratios: no column whose name has "ratio" or a colon in it
   */
  static Optional<RatioChart> of(MarkdownTable table) {
    List<String> header = table.header();
    List<Integer> ratios =
        IntStream.range(0, header.size()).filter(i -> isRatio(header.get(i))).boxed().toList();
    if (ratios.isEmpty()) {
      return Optional.empty();
    }
    int labels = (int) header.stream().takeWhile(h -> !h.matches("Quern.*|pure Java")).count();
    List<Integer> telling =
        IntStream.range(0, labels == header.size() ? 1 : labels)
            .filter(c -> c == 0 || table.rows().stream().map(r -> r.get(c)).distinct().count() > 1)
            .boxed()
            .toList();
    int interval = header.indexOf("95% interval");
    List<Bar> bars = new ArrayList<>();
    for (List<String> row : table.rows()) {
      List<String> words = new ArrayList<>();
      for (int c : telling) {
        boolean bare = c > 0 && NUMBER.matcher(row.get(c)).find();
        words.add(bare ? header.get(c) + " " + row.get(c) : row.get(c));
      }
      Matcher ends = INTERVAL.matcher(interval < 0 ? "" : row.get(interval));
      boolean known = ends.find();
      bars.add(
          new Bar(
              String.join(", ", words),
              ratios.stream().map(c -> number(row.get(c))).toList(),
              known ? number(ends.group(1)) : Double.NaN,
              known ? number(ends.group(2)) : Double.NaN));
    }
    String first = labels == 1 && !header.getFirst().isEmpty() ? ": " + header.getFirst() : "";
    return Optional.of(
        new RatioChart(table.title() + first, ratios.stream().map(header::get).toList(), bars));
  }

  private static boolean isRatio(String name) {
    return name.toLowerCase(Locale.ROOT).contains("ratio") || name.contains(" : ");
  }

  /** The number that a cell begins with, NaN if it begins with none. */
  static double number(String cell) {
    Matcher m = NUMBER.matcher(cell);
    return m.find() ? Double.parseDouble(m.group(1).replace(",", "")) : Double.NaN;
  }
}
