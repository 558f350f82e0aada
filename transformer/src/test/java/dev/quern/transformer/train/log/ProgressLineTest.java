package dev.quern.transformer.train.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ProgressLineTest {
  private static final long SECOND = 1_000_000_000L;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private long now;

  private ProgressLine line(boolean terminal, int columns) {
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    return new ProgressLine(out, terminal, columns, () -> now);
  }

  private String drain() {
    String text = bytes.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
    bytes.reset();
    return text;
  }

  private static RunStart start(long first, long steps) {
    return new RunStart("nano", "", first, steps, 802_944, "gpt2, 4 layers");
  }

  private void step(ProgressLine line, long step, long nanos) {
    now += nanos;
    line.step(new StepReport(step, 2.0, 1e-3, 1, 1024, nanos, 50L << 20));
  }

  @Test
  void drawsOverItself() {
    ProgressLine line = line(true, 100);
    line.started(start(1, 200));
    assertEquals("nano: gpt2, 4 layers, 803k parameters, steps 1 to 200\n", drain());
    step(line, 1, 5 * SECOND);
    assertEquals(
        "\r1/200 [>                                       ]   0%  loss 2.0000  205 tok/s  50.0 MiB",
        drain());
    for (int s = 2; s <= 100; s++) {
      step(line, s, SECOND / 100);
    }
    String drawn = drain();
    assertEquals(9, drawn.chars().filter(c -> c == '\r').count(), drawn);
    step(line, 101, SECOND);
    // The first, slow step is not counted: 1.99 seconds for 100 steps, and 99 are left.
    assertTrue(drain().endsWith("50.0 MiB  2 s left"));
    line.evaluated(new EvaluationReport(101, "validation", Map.of("loss", 1.9), null));
    String above = drain();
    assertTrue(
        above.matches("(?s)\r +\rstep 101, validation: loss 1.9000\n\r101/200 \\[.*"), above);
    step(line, 200, SECOND);
    assertTrue(drain().contains("100%"));
    line.finished(new RunEnd(200, "all steps made", Map.of("loss", 1.5)));
    String end = drain();
    assertTrue(end.endsWith("\rstep 200, all steps made: loss 1.5000\n"), end);
    line.close();
    assertEquals("", drain());
  }

  @Test
  void staysWithinItsColumns() {
    for (int columns : new int[] {20, 40, 60, 79}) {
      ProgressLine line = line(true, columns);
      line.started(start(1, 1_000_000));
      drain();
      step(line, 999, SECOND);
      String drawn = drain();
      assertEquals('\r', drawn.charAt(0));
      assertTrue(drawn.length() - 1 <= columns, drawn);
      line.close();
      assertEquals("\n", drain());
    }
  }

  @Test
  void writesPlainLinesElsewhere() {
    ProgressLine line = line(false, 79);
    line.started(start(11, 100));
    assertEquals("nano: gpt2, 4 layers, 803k parameters, resumed, steps 11 to 100\n", drain());
    for (int s = 11; s <= 100; s++) {
      step(line, s, SECOND);
    }
    line.finished(new RunEnd(100, "all steps made", Map.of()));
    line.close();
    assertEquals(
        """
        11/100 11%  loss 2.0000  1.0k tok/s  50.0 MiB
        41/100 41%  loss 2.0000  1.0k tok/s  50.0 MiB  59 s left
        71/100 71%  loss 2.0000  1.0k tok/s  50.0 MiB  29 s left
        100/100 100%  loss 2.0000  1.0k tok/s  50.0 MiB
        step 100, all steps made
        """,
        drain());
  }

  @Test
  void figuresAreShort() {
    assertEquals("768", Units.count(768));
    assertEquals("1.0k", Units.count(999.97));
    assertEquals("12.3k", Units.count(12_345));
    assertEquals("10.6M", Units.count(10_646_784));
    assertEquals("n/a", Units.count(Double.NaN));
    assertEquals("1.0 KiB", Units.bytes(1024));
    assertEquals("412 MiB", Units.bytes(412 << 20));
    assertEquals("0", Units.figure(0));
    assertEquals("1.8234", Units.figure(1.82341));
    assertEquals("123.46", Units.figure(123.456));
    assertEquals("0.00037", Units.figure(3.7e-4));
    assertEquals("1.2e-07", Units.figure(1.2e-7));
    assertEquals("-2e+09", Units.figure(-2e9));
    assertEquals("NaN", Units.figure(Double.NaN));
    assertEquals("45 s", Units.duration(45 * SECOND));
    assertEquals("1:23", Units.duration(83 * SECOND));
    assertEquals("2:03:45", Units.duration(7425 * SECOND));
    assertEquals("3 d 4 h", Units.duration((76 * 3600 + 59) * SECOND));
  }
}
