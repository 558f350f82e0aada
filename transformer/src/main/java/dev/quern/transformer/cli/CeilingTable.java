package dev.quern.transformer.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.engine.Ceilings;
import dev.quern.core.engine.Ceilings.Result;
import dev.quern.core.spi.Ceiling;
import dev.quern.core.spi.KernelRegistry;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What this machine can do at most, with one thread and with all that compute. */
final class CeilingTable {
  private static final String MAPPED = "MAPPED_READ";

  /**
   * A line.
   *
   * @param key its name in JSON
   * @param label its name for people
   * @param unit of the rates
   * @param threads how many ran
   * @param result what came out
   */
  private record Row(String key, String label, String unit, int threads, Result result) {}

  private final List<Row> rows = new ArrayList<>();

  private CeilingTable() {}

  /**
   * Measures all ceilings, which takes some seconds.
   *
   * @param kernels whose loops are taken
   * @param threads all that compute
   * @param model whose file is read as it is mapped; null for none
   */
  static CeilingTable measure(KernelRegistry kernels, int threads, @Nullable Path model) {
    CeilingTable table = new CeilingTable();
    List<Integer> counts = threads == 1 ? List.of(1) : List.of(1, threads);
    try (Ceilings ceilings = Ceilings.open(kernels, threads)) {
      for (Ceiling c : Ceiling.values()) {
        for (int n : counts) {
          table.rows.add(new Row(c.name(), c.label(), c.unit(), n, ceilings.measure(c, n)));
        }
        if (c == Ceiling.MEMORY_READ && model != null) {
          table.rows.addAll(mapped(ceilings, counts, model));
        }
      }
      if (threads > 1) {
        Result cost = ceilings.measureForkJoin(threads);
        table.rows.add(new Row("FORK_JOIN", "hand out slices and wait", "µs", threads, cost));
      }
    }
    return table;
  }

  private static List<Row> mapped(Ceilings ceilings, List<Integer> counts, Path model) {
    try (Arena arena = Arena.ofShared();
        FileChannel file = FileChannel.open(largest(model))) {
      var bytes = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size(), arena);
      return counts.stream()
          .map(
              n ->
                  new Row(
                      MAPPED,
                      "read from the mapped model",
                      "GB/s",
                      n,
                      ceilings.measureReading(bytes, n)))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(model + " can't be mapped", e);
    }
  }

  /** The file itself, or of a folder the largest: that with the weights. */
  private static Path largest(Path model) throws IOException {
    try (Stream<Path> files = Files.isDirectory(model) ? Files.list(model) : Stream.of(model)) {
      return files.max(Comparator.comparingLong(f -> f.toFile().length())).orElse(model);
    }
  }

  /** The rate of a ceiling with a number of threads, if it was measured. */
  OptionalDouble rate(Ceiling ceiling, int threads) {
    for (Row r : rows) {
      if (r.key.equals(ceiling.name())
          && r.threads == threads
          && r.result instanceof Result.Measured(String _, double rate)) {
        return OptionalDouble.of(rate);
      }
    }
    return OptionalDouble.empty();
  }

  /** Prints a table for people. */
  void print(PrintWriter out) {
    out.printf("%-32s %8s %12s  %-8s %s%n", "ceiling", "threads", "rate", "unit", "loop");
    for (Row r : rows) {
      switch (r.result) {
        case Result.Measured(String loop, double rate) ->
            out.printf(
                Locale.ROOT, "%-32s %8d %12.1f  %-8s %s%n", r.label, r.threads, rate, r.unit, loop);
        case Result.NotMeasured(String reason) ->
            out.printf("%-32s %8d %12s  %s%n", r.label, r.threads, "not measured", reason);
      }
    }
    out.flush();
  }

  /** Prints a JSON object per line. */
  void printJson(PrintWriter out) throws JsonProcessingException {
    for (Row r : rows) {
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("ceiling", r.key.toLowerCase(Locale.ROOT));
      fields.put("threads", r.threads);
      switch (r.result) {
        case Result.Measured(String loop, double rate) -> {
          fields.put("rate", rate);
          fields.put("unit", r.unit);
          fields.put("loop", loop);
        }
        case Result.NotMeasured(String reason) -> fields.put("not_measured", reason);
      }
      out.println(new ObjectMapper().writeValueAsString(fields));
    }
    out.flush();
  }
}
