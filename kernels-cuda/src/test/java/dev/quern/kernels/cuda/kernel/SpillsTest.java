package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What the build's log says of the compiled kernels: none keeps in memory what should be in
 * registers, and none was compiled other than it is written.
 */
class SpillsTest {
  private static final Path LOGS = Path.of("target", "cuda");
  private static final Pattern ENTRY =
      Pattern.compile("Compiling entry function '(\\w+)' for '(\\w+)'");
  private static final Pattern SPILLS = Pattern.compile("(\\d+) bytes spill stores");
  private static final Pattern REGISTERS = Pattern.compile("Used (\\d+) registers");

  /** Kernels whose producers hand registers to consumers: 40 and 2 · 232 are 3 · 168. */
  private static final Pattern HAND_OVER =
      Pattern.compile("quern_(attention_hopper|matmul_hopper_(128|256)_)\\w+ sm_90a");

  private static final int HANDED =
      168; // what 384 threads may have; with less, consumers wait for ever

  /**
   * Bytes that kernels may spill, by name and architecture; nothing for all others. Here it is a
   * few words that are read once a tile, or when an index is wrong, where ptxas keeps registers for
   * more blocks.
   */
  private static final Map<String, Integer> BUDGET =
      Map.ofEntries(
          Map.entry("quern_attention_split4_f32_bf16 sm_80", 8),
          Map.entry("quern_attention_split4_f32_f16 sm_80", 8),
          Map.entry("quern_attention_split4_bf16_bf16 sm_80", 8),
          Map.entry("quern_attention_split4_f16_f16 sm_80", 8),
          Map.entry("quern_attention_split8_f32_bf16 sm_80", 8),
          Map.entry("quern_attention_split8_f32_bf16 sm_90", 12),
          Map.entry("quern_attention_split8_f32_f16 sm_80", 8),
          Map.entry("quern_attention_split8_f32_f16 sm_90", 12),
          Map.entry("quern_attention_split8_bf16_bf16 sm_80", 8),
          Map.entry("quern_attention_split8_bf16_bf16 sm_90", 12),
          Map.entry("quern_attention_split8_f16_f16 sm_80", 8),
          Map.entry("quern_attention_split8_f16_f16 sm_90", 12),
          Map.entry("quern_attention_split8_f32_f32 sm_80", 8),
          Map.entry("quern_attention_split8_f32_f32 sm_90", 8),
          Map.entry("quern_attention_split8_f32_f8_e4m3 sm_80", 4),
          Map.entry("quern_attention_split8_f32_f8_e4m3 sm_90", 4),
          Map.entry("quern_attention_split8_f64_f64 sm_90", 8),
          Map.entry("quern_attention_mma64_f32_f8_e4m3 sm_90", 16),
          Map.entry("quern_attention_mma64_f32_q8_0 sm_90", 16),
          Map.entry("quern_attention_mma128_f32_q8_0 sm_90", 4),
          Map.entry("quern_gather_8 sm_90", 24),
          Map.entry("quern_matmul_skinny_8_2_f32_f32 sm_80", 4),
          Map.entry("quern_matmul_skinny_16_2_f32_f32 sm_90", 4),
          Map.entry("quern_matmul_skinny_8_2_f32_bf16 sm_90", 4));

  @Test
  void noKernelSpillsMoreThanItsBudget() throws IOException {
    assumeTrue(
        Files.exists(LOGS.resolve("nvcc.txt")),
        "the build had no nvcc, so there are no compiled kernels to look at");
    List<Path> logs;
    try (Stream<Path> all = Files.list(LOGS)) {
      logs = all.filter(p -> p.toString().endsWith(".log")).sorted().toList();
    }
    int entries = 0;
    List<String> wrong = new ArrayList<>();
    for (Path log : logs) {
      String kernel = "";
      for (String line : Files.readAllLines(log)) {
        Matcher entry = ENTRY.matcher(line);
        if (entry.find()) {
          kernel = entry.group(1) + " " + entry.group(2);
          entries++;
        }
        Matcher spills = SPILLS.matcher(line);
        if (spills.find() && Integer.parseInt(spills.group(1)) > BUDGET.getOrDefault(kernel, 0)) {
          wrong.add(kernel + ": " + line.strip());
        }
        Matcher used = REGISTERS.matcher(line);
        if (used.find()
            && HAND_OVER.matcher(kernel).matches()
            && Integer.parseInt(used.group(1)) != HANDED) {
          wrong.add(kernel + ": " + line.strip());
        }
        if (line.contains("Potential Performance Loss") // products made one after another
            || line.contains("setmaxnreg")) { // registers that are not handed over
          wrong.add(log.getFileName() + ": " + line.strip());
        }
      }
    }
    assertFalse(entries == 0, "the logs name no kernel: has ptxas changed its words?");
    assertEquals(List.of(), wrong);
  }
}
