package dev.quern.bench.charts;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

/** The pictures are those of the tables. */
class ChartsTest {
  private static final String TABLES =
      """
      # Results
      ## Against a peer, today

      | model | test | depth | Quern | peer | ratio | 95% interval |
      |---|---|---|---|---|---|---|
      | 1B | prefill | 0 | 638.1 | 216.7 | 2.94 | 2.84 to 3.10 |
      | 1B | decode | 2,048 | 16.6 | 33.2 | 0.50 | |

      Words.

      | M×N×K | Quern | pure Java | MKL | Quern : best peer | pure Java : best peer |
      |---|---|---|---|---|---|
      | 512×512×512 | 2,000 | 1 | 1,000 | 2.00 | 0.001 |
      | geometric mean (smallest) | | | | 0.78 (0.54) | |

      ## Without a peer
      | format | speed |
      |---|---|
      | Q8_0 | 93.0 |
      """;

  private static List<MarkdownTable> tables() {
    return MarkdownTable.read(TABLES.lines().toList());
  }

  private static RatioChart chart(int table) {
    return RatioChart.of(tables().get(table)).orElseThrow();
  }

  @Test
  void tablesAreFoundUnderTheirHeadings() {
    assertEquals(
        List.of("against-a-peer-today", "against-a-peer-today-2", "without-a-peer"),
        tables().stream().map(MarkdownTable::slug).toList());
    assertEquals(
        List.of("1B", "decode", "2,048", "16.6", "33.2", "0.50", ""),
        tables().get(0).rows().get(1));
  }

  @Test
  void barsAreTheRatiosWithTheirIntervals() {
    RatioChart chart = chart(0);
    assertEquals(List.of("ratio"), chart.series());
    assertEquals(
        List.of(
            new RatioChart.Bar("1B, prefill, depth 0", List.of(2.94), 2.84, 3.10),
            new RatioChart.Bar("1B, decode, depth 2,048", List.of(0.5), Double.NaN, Double.NaN)),
        chart.bars());
  }

  @Test
  void everyColumnOfRatiosIsASeries() {
    RatioChart chart = chart(1);
    assertEquals(List.of("Quern : best peer", "pure Java : best peer"), chart.series());
    assertEquals(List.of(2.0, 0.001), chart.bars().get(0).values());
    assertEquals(List.of(0.78, Double.NaN), chart.bars().get(1).values());
    assertEquals("512×512×512", chart.bars().get(0).label());
  }

  @Test
  void aTableWithoutRatiosHasNoPicture() {
    assertTrue(RatioChart.of(tables().get(2)).isEmpty());
  }

  @Test
  void aRowOfAnotherLengthIsRefused() {
    List<String> lines = List.of("| a | b |", "|---|---|", "| 1 |");
    var e = assertThrows(IllegalArgumentException.class, () -> MarkdownTable.read(lines));
    assertEquals("line 3 has 1 cells, its table 2 columns", e.getMessage());
  }

  @Test
  void picturesHaveABarForEachValueAndBothSchemes() throws Exception {
    String svg = Svg.draw(chart(0));
    Document document =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(new InputSource(new StringReader(svg)));
    int legend = 1;
    assertEquals(legend + 2, document.getElementsByTagName("rect").getLength());
    assertTrue(svg.contains("prefers-color-scheme: dark"));
    assertEquals(3, svg.split("class=\"whisker\"", -1).length - 1, "one interval");
  }

  @Test
  void picturesAreWrittenAndLinkedOnce(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("RESULTS.md");
    Files.writeString(file, TABLES);
    Charts.draw(file);
    String linked = Files.readString(file);
    assertTrue(linked.contains("](charts/against-a-peer-today-2.svg)"), linked);
    assertTrue(Files.exists(folder.resolve("charts/against-a-peer-today.svg")));
    assertFalse(Files.exists(folder.resolve("charts/without-a-peer.svg")));
    assertEquals(tables().size(), MarkdownTable.read(linked.lines().toList()).size());
    Charts.draw(file);
    assertEquals(linked, Files.readString(file));
  }

  @Test
  void theTablesOfTheProjectAreRead() throws Exception {
    List<MarkdownTable> tables = MarkdownTable.read(Files.readAllLines(Path.of("RESULTS.md")));
    List<RatioChart> charts = tables.stream().flatMap(t -> RatioChart.of(t).stream()).toList();
    assertFalse(charts.isEmpty());
    for (RatioChart c : charts) {
      for (RatioChart.Bar b : c.bars()) {
        assertTrue(b.values().stream().anyMatch(v -> v > 0), c.title() + ": " + b.label());
      }
    }
  }
}
