package dev.quern.transformer.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.spi.Ceiling;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.model.CausalLanguageModel;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Prints the result of each test of {@code quern bench}, as a line for people or as JSON. */
final class BenchReport {
  private final CausalLanguageModel open;
  private final Session session;
  private final int depth;
  private final @Nullable CeilingTable limits;
  private final PrintWriter out;
  private final boolean json;
  private final Workload workload;

  /** A report about a model; {@code limits} are null if they were not measured. */
  BenchReport(
      CausalLanguageModel open,
      Session session,
      int depth,
      @Nullable CeilingTable limits,
      PrintWriter out,
      boolean json) {
    this.open = open;
    this.session = session;
    this.depth = depth;
    this.limits = limits;
    this.out = out;
    this.json = json;
    this.workload = new Workload(open.decoder());
  }

  /**
   * Prints a test's result.
   *
   * @param test its name
   * @param prompts tokens of a prefill, 0 for a decode test
   * @param generated tokens of a decode test, 0 for a prefill
   * @param samples tokens per second
   */
  void print(String test, int prompts, int generated, double... samples)
      throws JsonProcessingException {
    double[] sorted = samples.clone();
    Arrays.sort(sorted);
    int half = sorted.length / 2;
    double median = sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    boolean prefill = prompts > 0;
    double rate = prefill ? operations(prompts, median) : bytes(generated, median);
    Ceiling ceiling = prefill ? arithmetic() : Ceiling.MEMORY_READ;
    OptionalDouble limit = limit(ceiling);
    int threads = open.engine().pool().threads();
    if (!json) {
      out.printf(
          Locale.ROOT,
          "%-8s %5d tokens at depth %d: %.2f tokens/s (median of %d, %.2f to %.2f), %s, %d"
              + " threads, %.1f %s%s%n",
          test,
          prompts + generated,
          depth,
          median,
          sorted.length,
          sorted[0],
          sorted[sorted.length - 1],
          open.checkpoint().mainType(),
          threads,
          rate,
          prefill ? "GFLOP/s" : "GB/s",
          limit.isPresent()
              ? String.format(
                  Locale.ROOT, ", %.0f%% of %s", 100 * rate / limit.getAsDouble(), ceiling.label())
              : "");
      out.flush();
      return;
    }
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("test", test);
    row.put("n_prompt", prompts);
    row.put("n_gen", generated);
    row.put("depth", depth);
    row.put("threads", threads);
    row.put("samples_tokens_per_second", samples);
    row.put("median_tokens_per_second", median);
    row.put(prefill ? "gflop_per_second" : "gb_per_second", rate);
    if (limit.isPresent()) {
      row.put("ceiling", ceiling.name().toLowerCase(Locale.ROOT));
      row.put("share_of_ceiling", rate / limit.getAsDouble());
    }
    row.put("model", String.valueOf(open.checkpoint().path().getFileName()));
    row.put("dtype", open.checkpoint().mainType());
    Set<String> providers = prefill ? session.prefillProviders() : session.plan().providers();
    row.put("kernels", String.join(",", providers));
    row.put("precision", precision().name().toLowerCase(Locale.ROOT));
    row.put("cache", session.cache().dtype().name());
    out.println(new ObjectMapper().writeValueAsString(row));
    out.flush();
  }

  /** GFLOP/s. */
  private double operations(int prompts, double tokensPerSecond) {
    return workload.prefillOperations(depth, prompts) / prompts * tokensPerSecond / 1e9;
  }

  /** GB/s. */
  private double bytes(int generated, double tokensPerSecond) {
    return workload.decodeBytes(depth, generated, session.cache().dtype()) * tokensPerSecond / 1e9;
  }

  private OptionalDouble limit(Ceiling ceiling) {
    return limits == null
        ? OptionalDouble.empty()
        : limits.rate(ceiling, open.engine().pool().threads());
  }

  /** The fastest unit that the kernels know on this machine, whatever the precision. */
  private Ceiling arithmetic() {
    return Stream.of(Ceiling.BF16_TILES, Ceiling.BF16_DOT)
        .filter(c -> limit(c).isPresent())
        .findFirst()
        .orElse(Ceiling.F32_FMA);
  }

  /** What the weights that most bytes are in were computed with. */
  private Precision precision() {
    Precision chosen = open.engine().precision();
    return chosen == Precision.AUTO
        ? chosen.resolve(DType.of(open.checkpoint().mainType()))
        : chosen;
  }
}
