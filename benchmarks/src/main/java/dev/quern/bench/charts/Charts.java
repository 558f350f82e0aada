package dev.quern.bench.charts;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Draws a picture of each table of a Markdown file that has ratios, into the folder {@code charts}
 * beside it, and links it behind the table where the file doesn't yet. Needs nothing but a JDK:
 *
 * <pre>{@code
 * java benchmarks/src/main/java/dev/quern/bench/charts/Charts.java benchmarks/RESULTS.md
 * }</pre>
 */
public final class Charts {
  private Charts() {}

  /**
   * Draws.
   *
   * @param arguments the Markdown file
   * @throws IOException if it can't be read, or the pictures not written
   */
  public static void main(String... arguments) throws IOException {
    if (arguments.length != 1) {
      System.err.println("usage: java Charts.java RESULTS.md");
      System.exit(2);
    }
    draw(Path.of(arguments[0]));
  }

  /** Draws the tables of a file. */
  static void draw(Path file) throws IOException {
    List<String> lines = new ArrayList<>(Files.readAllLines(file));
    Path folder = file.resolveSibling("charts");
    Files.createDirectories(folder);
    for (MarkdownTable table : MarkdownTable.read(lines).reversed()) {
      Optional<RatioChart> chart = RatioChart.of(table);
      if (chart.isEmpty()) {
        continue;
      }
      String name = "charts/" + table.slug() + ".svg";
      Files.writeString(file.resolveSibling(name), Svg.draw(chart.get()));
      if (lines.stream().noneMatch(l -> l.contains("](" + name + ")"))) {
        lines.addAll(table.end(), List.of("", "![" + table.title() + "](" + name + ")"));
      }
    }
    Files.write(file, lines);
  }
}
