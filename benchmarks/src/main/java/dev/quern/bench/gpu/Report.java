package dev.quern.bench.gpu;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What was measured: a table's rows as they come, and a line of JSON for each. */
final class Report {
  private static final String ROW = "%-46s %-9s %12s %18s %9s %8s  %s%n";

  private final PrintWriter out;
  private final @Nullable PrintWriter json;
  private final ObjectMapper mapper = new ObjectMapper();
  private double copyBytesPerNano;
  private boolean failed;

  /**
   * An empty report.
   *
   * @param out gets the table
   * @param json gets the lines, if they are wanted
   */
  Report(PrintWriter out, @Nullable PrintWriter json) {
    this.out = out;
    this.json = json;
  }

  /** Says what is measured on; the first line of both. */
  void machine(Map<String, String> facts) {
    facts.forEach((name, value) -> out.println(name + ": " + value));
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("section", "machine");
    line.putAll(facts);
    write(line);
    out.flush();
  }

  /** Begins a section. */
  void section(Section s) {
    out.println();
    out.println(s.title() + ": " + s.description());
    out.printf(ROW, "case", "by", "µs", "rate", "GB/s", "of copy", "kernels");
    out.flush();
  }

  /** What shares are shares of, from now on. */
  void copyBandwidth(double bytesPerNano) {
    copyBytesPerNano = bytesPerNano;
  }

  /** A measurement. */
  void add(Figure f) {
    out.printf(
        ROW,
        f.name(),
        f.variant(),
        String.format(Locale.ROOT, "%,.2f", f.micros()),
        f.rate(),
        f.isMeasured() && f.bytes() > 0 ? String.format(Locale.ROOT, "%,.0f", f.gigabytes()) : "",
        hasShare(f) ? String.format(Locale.ROOT, "%.0f%%", 100 * share(f)) : "",
        f.kernels() + (f.kernels().isEmpty() || f.note().isEmpty() ? "" : "; ") + f.note());
    out.flush();
    Map<String, Object> line = key(f);
    line.put("micros", f.micros());
    if (f.isMeasured()) {
      put(line, "tflops", f.flops(), f.teraflops());
      put(line, "gb_per_s", f.bytes(), f.gigabytes());
      put(line, "tokens_per_s", f.tokens(), f.tokenRate());
    }
    if (hasShare(f)) {
      line.put("copy_share", share(f));
    }
    line.put("kernels", f.kernels());
    line.put("note", f.note());
    write(line);
  }

  /** A case that this machine, or this build, has nothing for. */
  void skip(Figure f, String why) {
    out.println(f.name() + " " + f.variant() + ": skipped: " + why);
    out.flush();
    Map<String, Object> line = key(f);
    line.put("skipped", why);
    write(line);
  }

  /** A case that should have been measured; the others go on. */
  void fail(Figure f, RuntimeException e) {
    failed = true;
    out.println(f.name() + " " + f.variant() + ": failed: " + e);
    out.flush();
    Map<String, Object> line = key(f);
    line.put("failed", e.toString());
    write(line);
  }

  /** Whether a case failed. */
  boolean hasFailed() {
    return failed;
  }

  private boolean hasShare(Figure f) {
    return f.isMeasured() && f.bytes() > 0 && copyBytesPerNano > 0;
  }

  private double share(Figure f) {
    return f.gigabytes() / copyBytesPerNano;
  }

  private static Map<String, Object> key(Figure f) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("section", f.section());
    line.put("case", f.name());
    line.put("variant", f.variant());
    return line;
  }

  private static void put(Map<String, Object> line, String key, double amount, double rate) {
    if (amount > 0) {
      line.put(key, rate);
    }
  }

  private void write(Map<String, Object> line) {
    if (json != null) {
      try {
        json.println(mapper.writeValueAsString(line));
      } catch (JsonProcessingException e) {
        throw new IllegalStateException(e); // strings and finite numbers
      }
      json.flush();
    }
  }
}
