package dev.quern.transformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.spi.Ceiling;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Golden;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** {@code quern bench --ceilings}, and what the tests achieve of them. */
class BenchCeilingsTest {
  private final Path llama = Golden.of("llama/llama-F32.gguf");
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @BeforeEach
  void small() {
    System.setProperty("quern.ceilings.bytes", "1048576");
  }

  @AfterEach
  void clear() {
    System.clearProperty("quern.ceilings.bytes");
    System.clearProperty("quern.kernels");
  }

  private int bench(Object... args) {
    CommandLine command = QuernCommand.commandLine();
    command.setOut(new PrintWriter(out, true));
    command.setErr(new PrintWriter(err, true));
    return command.execute(
        Stream.concat(Stream.of("bench"), Stream.of(args).map(Object::toString))
            .toArray(String[]::new));
  }

  private List<JsonNode> lines() throws Exception {
    List<JsonNode> all = new ArrayList<>();
    for (String line : out.toString().lines().toList()) {
      all.add(new ObjectMapper().readTree(line));
    }
    return all;
  }

  @Test
  void withoutAModelTheCeilingsAlone() throws Exception {
    assertEquals(0, bench("--ceilings", "-t", 2, "--json"), err.toString());
    List<JsonNode> rows = lines();
    assertEquals(2 * Ceiling.values().length + 1, rows.size());
    assertEquals("fork_join", rows.getLast().path("ceiling").asText());
    assertEquals("µs", rows.getLast().path("unit").asText());
    for (JsonNode row : rows) {
      assertTrue(row.has("not_measured") || row.path("rate").asDouble() > 0, row.toString());
    }
    assertEquals("memory_read", rows.getFirst().path("ceiling").asText());
    assertEquals(1, rows.get(0).path("threads").asInt());
    assertEquals(2, rows.get(1).path("threads").asInt());
  }

  @Test
  void whatIsNotMeasuredSaysWhy() {
    System.setProperty("quern.kernels", "reference");
    assertEquals(0, bench("--ceilings", "-t", 1), err.toString());
    List<String> lines = out.toString().lines().toList();
    assertEquals(1 + Ceiling.values().length, lines.size());
    for (String line : lines.subList(1, lines.size())) {
      assertTrue(line.contains("not measured  no kernel provider in use has a loop for it"), line);
    }
  }

  @Test
  void testsSayWhatShareTheyReach() throws Exception {
    assertEquals(
        0,
        bench("-m", llama, "-p", 8, "-n", 4, "-t", 1, "-r", 1, "--ceilings", "--json"),
        err.toString());
    List<JsonNode> rows = lines();
    assertTrue(rows.stream().anyMatch(r -> r.path("ceiling").asText().equals("mapped_read")));
    JsonNode prefill = rows.get(rows.size() - 2);
    JsonNode decode = rows.getLast();
    assertTrue(prefill.path("gflop_per_second").asDouble() > 0, prefill.toString());
    assertTrue(decode.path("gb_per_second").asDouble() > 0, decode.toString());
    String unit =
        Stream.of("bf16_tiles", "bf16_dot")
            .filter(
                c ->
                    rows.stream()
                        .anyMatch(r -> r.path("ceiling").asText().equals(c) && r.has("rate")))
            .findFirst()
            .orElse("f32_fma");
    assertEquals(unit, prefill.path("ceiling").asText());
    double memory =
        rows.stream()
            .filter(r -> r.path("ceiling").asText().equals("memory_read") && r.has("rate"))
            .findFirst()
            .orElseThrow()
            .path("rate")
            .asDouble();
    assertEquals(
        decode.path("gb_per_second").asDouble() / memory,
        decode.path("share_of_ceiling").asDouble(),
        1e-9);
  }

  @Test
  void withoutCeilingsThereIsNoShare() throws Exception {
    assertEquals(0, bench("-m", llama, "-p", 0, "-n", 4, "-t", 1, "-r", 1, "--json"));
    assertEquals(1, lines().size());
    assertTrue(lines().getFirst().has("gb_per_second"));
    assertFalse(lines().getFirst().has("share_of_ceiling"));
  }

  @Test
  void neitherModelNorCeilingsIsWrongUsage() {
    assertEquals(2, bench("-p", 8));
    assertTrue(err.toString().contains("give a model, -m, or --ceilings"), err.toString());
  }

  /** The golden Llama: 2 blocks, an output matrix of its own or the embedding's. */
  @Test
  void workIsThatOfTheWeightsAndTheCache() {
    try (CausalLanguageModel open =
        Models.openCausal(llama, ModelOptions.DEFAULT.withoutTokenizer())) {
      var d = open.decoder().dimensions();
      long weights = 0;
      long products = 0;
      for (var p : open.decoder().parameters().entrySet()) {
        if (!p.getKey().equals("embedding.weight")) {
          weights += p.getValue().shape().elements();
          products += p.getValue().shape().rank() == 2 ? p.getValue().shape().elements() : 0;
        }
      }
      Workload work = new Workload(open.decoder());
      double keys = 10 + 2.5; // four steps behind ten tokens
      long row = 2L * d.layers() * d.kvHeads() * d.headDim();
      assertEquals(4.0 * weights + 2 * row * keys, work.decodeBytes(10, 4, ScalarType.F16));
      long width =
          open.decoder().parameters().get("blocks.0.attention.query.weight").shape().dim(0);
      assertEquals(2.0 * products + 4.0 * d.layers() * width * 11, work.prefillOperations(10, 1));
    }
  }
}
