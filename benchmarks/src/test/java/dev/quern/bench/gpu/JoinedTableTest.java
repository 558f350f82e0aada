package dev.quern.bench.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.FormatException;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JoinedTableTest {
  private static final List<String> OURS =
      List.of(
          """
          {"section":"machine","program":"quern 1","date":"2026-01-02","device":"G"}\
          """,
          """
          {"section":"matmul","case":"a","variant":"own","micros":8.0,"tflops":9.0}\
          """,
          """
          {"section":"matmul","case":"a","variant":"auto","micros":10.0,"tflops":7.3,"kernels":"k"}\
          """,
          """
          {"section":"matmul","case":"b","variant":"","failed":"why"}\
          """,
          """
          {"section":"matmul","case":"c","variant":"","skipped":"why"}\
          """,
          """
          {"section":"rows","case":"a","variant":"x","micros":9.0,"gb_per_s":3.0}\
          """,
          """
          {"section":"rows","case":"a","variant":"y","micros":5.0,"gb_per_s":4.0,"copy_share":0.5}\
          """,
          """
          {"section":"decode","case":"m","variant":"","micros":2.0,"tokens_per_s":1234.0}\
          """);
  private static final List<String> THEIRS =
      List.of(
          """
          {"section":"machine","program":"torch 2","device":"G"}\
          """,
          """
          {"section":"matmul","case":"a","variant":"cuBLAS","micros":99.0}\
          """,
          "",
          """
          {"section":"matmul","case":"a","variant":"cuBLAS","micros":12.5}\
          """,
          """
          {"section":"matmul","case":"a","variant":"slower","micros":13.5}\
          """,
          """
          {"section":"rows","case":"a","variant":"","micros":4.0}\
          """);
  private static final String HEAD =
      """
      | case | by | Quern, µs | rate | of copy bandwidth | kernels | peer, µs | peer by | ratio |
      |---|---|---|---|---|---|---|---|---|
      """;
  private static final String EXPECTED =
      "Quern: program quern 1, date 2026-01-02, device G  \n"
          + "Peer: program torch 2, device G  \n"
          + "\n### matmul\n\n"
          + HEAD
          + """
          | a | own | 8.00 | 9.0 TFLOP/s |  |  | 12.50 | cuBLAS | 1.56 |
          | a | auto | 10.00 | 7.3 TFLOP/s |  | k | 12.50 | cuBLAS | 1.25 |
          | b |  | failed |  |  |  |  |  |  |
          | c |  | not measured |  |  |  |  |  |  |
          """
          + "\n### rows\n\n"
          + HEAD
          + "| a | x | 9.00 | 3 GB/s |  |  | 4.00 |  | 0.44 |\n"
          + "| a | y | 5.00 | 4 GB/s | 50% |  | 4.00 |  | 0.80 |\n"
          + "\n### decode\n\n"
          + HEAD
          + "| m |  | 2.00 | 1,234 tokens/s |  |  |  |  |  |\n";

  @Test
  void eachVariantAgainstThePeersFastest() {
    assertEquals(EXPECTED, JoinedTable.of(OURS, THEIRS));
  }

  @Test
  void theCommandReadsFiles(@TempDir Path folder) throws IOException {
    Path ours = Files.write(folder.resolve("a"), OURS);
    Path theirs = Files.write(folder.resolve("b"), THEIRS);
    StringWriter out = new StringWriter();
    int status =
        GpuBench.commandLine(new GpuBench())
            .setOut(new PrintWriter(new BufferedWriter(out)))
            .execute("join", ours.toString(), theirs.toString());
    assertEquals(0, status);
    assertEquals(EXPECTED, out.toString());
  }

  @Test
  void theCommandWritesAFile(@TempDir Path folder) throws IOException {
    Path ours = Files.write(folder.resolve("a"), OURS);
    Path theirs = Files.write(folder.resolve("b"), THEIRS);
    Path table = folder.resolve("table.md");
    StringWriter out = new StringWriter();
    int status =
        GpuBench.commandLine(new GpuBench())
            .setOut(new PrintWriter(out, true))
            .execute("join", "--out", table.toString(), ours.toString(), theirs.toString());
    assertEquals(0, status);
    assertEquals(EXPECTED, Files.readString(table));
    assertEquals("", out.toString());
  }

  @Test
  void aLineThatIsNoFigureIsRefused() {
    for (String line : List.of("torch 2", "{\"case\":\"a\"}", "3")) {
      FormatException e =
          assertThrows(FormatException.class, () -> JoinedTable.of(List.of(line), List.of()));
      assertTrue(e.getMessage().contains(line), e::getMessage);
    }
  }
}
