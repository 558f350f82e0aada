package dev.quern.bench.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.reference.BlockCodecs;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.kernel.EmulatedDevice;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import picocli.CommandLine;

/** The program at tiny sizes: on a CUDA device that is the processor, and on the processor. */
class GpuBenchTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  @TempDir private Path folder;

  private record Outcome(int status, String out, String err) {}

  private static Outcome run(GpuBench command, String... arguments) {
    CommandLine line = GpuBench.commandLine(command);
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int status =
        line.setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true))
            .execute(arguments);
    return new Outcome(status, out.toString(), err.toString());
  }

  private List<JsonNode> figures(Path json) throws IOException {
    List<JsonNode> all = new ArrayList<>();
    for (String line : Files.readAllLines(json)) {
      all.add(MAPPER.readTree(line));
    }
    return all;
  }

  @ParameterizedTest
  @EnumSource(Section.class)
  void everySectionRunsOnCuda(Section section) throws IOException {
    Path json = folder.resolve("figures.jsonl");
    EmulatedDevice device = new EmulatedDevice();
    Outcome done =
        run(new GpuBench(device::open), "--small", "--json", json.toString(), section.title());
    assertEquals(0, done.status, done.out + done.err);
    List<JsonNode> all = figures(json);
    assertEquals("machine", all.getFirst().get("section").asText());
    assertTrue(
        all.stream().anyMatch(n -> n.get("section").asText().equals(section.title())), done.out);
    Set<String> keys = new HashSet<>();
    for (JsonNode n : all.subList(1, all.size())) {
      assertTrue(
          keys.add(n.get("section") + " " + n.get("case") + " " + n.get("variant")),
          () -> "twice: " + n);
      boolean library = n.get("variant").asText().equals("cuBLASLt");
      assertEquals(library, n.has("skipped"), n::toString);
      assertEquals(!library, n.has("micros"), n::toString);
      if (section == Section.DECODE && n.get("section").asText().equals(section.title())) {
        String kernels = n.get("kernels").asText();
        assertTrue(kernels.contains("sample cuda"), () -> "tokens are chosen by the plan: " + n);
      }
    }
    if (section == Section.ATTENTION) {
      for (String cache : List.of("F16", "F8_E4M3", "Q8_0")) {
        assertTrue(done.out.contains(cache + " keys in pages of 128 "), done.out);
      }
    }
    assertTrue(device.graphLaunches() > 0, "plans were replayed");
  }

  @Test
  void figuresOfTheProcessorHaveTimesAndShares() throws IOException {
    Path json = folder.resolve("figures.jsonl");
    Outcome done =
        run(
            new GpuBench(),
            "--small",
            "--device",
            "cpu",
            "--json",
            json.toString(),
            "elementwise",
            "quantized");
    assertEquals(0, done.status, done.out + done.err);
    Set<String> sections = new HashSet<>();
    for (JsonNode n : figures(json)) {
      sections.add(n.get("section").asText());
      if (n.has("micros")) {
        assertTrue(n.get("micros").asDouble() > 0, n::toString);
        assertTrue(n.get("copy_share").asDouble() > 0, n::toString);
        assertFalse(done.out.contains("NaN"), done.out);
      }
    }
    assertEquals(Set.of("machine", "copy", "elementwise", "quantized"), sections);
    for (BlockType t : BlockCodecs.supported()) {
      assertTrue(done.out.contains(t + " 1x"), () -> t + " is missing: " + done.out);
    }
  }

  @Test
  void aCaseThatFailsIsReportedAndTheOthersGoOn() {
    StringWriter out = new StringWriter();
    StringWriter json = new StringWriter();
    Report report = new Report(new PrintWriter(out), new PrintWriter(json));
    try (Lab lab = new Lab(Engine.Builder::build, true, report)) {
      Figure f = Section.ROWS.figure("broken");
      lab.measure(
          f,
          _ -> {
            throw new IllegalStateException("no such thing");
          });
      lab.measure(
          Section.ROWS.figure("sound"),
          o -> {
            Tensor x = o.normal(ScalarType.F32, 8);
            return () -> List.of(x.exp());
          });
    }
    assertTrue(report.hasFailed());
    assertTrue(out.toString().contains("broken : failed: java.lang.IllegalStateException"));
    assertTrue(json.toString().contains("\"case\":\"sound\""), json::toString);
  }

  @Test
  void namesAreChecked() {
    Outcome done = run(new GpuBench(), "matmul", "matmull");
    assertEquals(2, done.status);
    assertTrue(done.err.startsWith("there is no section matmull; there are [copy, "), done.err);
  }

  @Test
  void theListHasAllSections() {
    Outcome done = run(new GpuBench(), "--list");
    assertEquals(0, done.status);
    assertEquals(Section.values().length, done.out.lines().count());
  }

  @Test
  void withoutADeviceItSaysWhatIsMissing() {
    DeviceProvider cuda =
        Engine.devices().stream().filter(d -> d.kind().equals("cuda")).findFirst().orElseThrow();
    Assumptions.assumeTrue(
        cuda.probe() instanceof Probe.Refused, "there is a CUDA device, so nothing is missing");
    Outcome done = run(new GpuBench(), "--small", "overhead");
    assertEquals(1, done.status);
    assertTrue(done.err.startsWith("quern-gpu-bench: "), done.err);
    assertTrue(done.err.contains(((Probe.Refused) cuda.probe()).remedy()), done.err);
  }
}
