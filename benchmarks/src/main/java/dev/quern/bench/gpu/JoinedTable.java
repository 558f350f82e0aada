package dev.quern.bench.gpu;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.type.FormatException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Markdown of what two programs measured: a table for each section, a row for each variant of each
 * case that Quern has, against the peer's fastest one. The ratio is the peer's time through
 * Quern's: above 1, Quern is the faster one. Of a case measured twice the later line counts.
 */
final class JoinedTable {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final String MACHINE = "machine";

  /** The lines of one program: its machines, and its cases' variants by section and name. */
  private record Lines(
      List<String> machines, Map<String, Map<String, Map<String, JsonNode>>> sections) {

    static Lines of(List<String> lines) {
      Lines all = new Lines(new ArrayList<>(), new LinkedHashMap<>());
      for (String line : lines) {
        if (!line.isBlank()) {
          all.add(parse(line));
        }
      }
      return all;
    }

    private static JsonNode parse(String line) {
      try {
        JsonNode node = MAPPER.readTree(line);
        if (node.path("section").isTextual()) {
          return node;
        }
      } catch (JsonProcessingException e) {
        throw new FormatException("[join] this line is no JSON: " + line, e);
      }
      throw new FormatException("[join] this line is no figure, it has no \"section\": " + line);
    }

    private void add(JsonNode node) {
      String section = node.get("section").asText();
      if (section.equals(MACHINE)) {
        List<String> facts = new ArrayList<>();
        node.properties().stream()
            .filter(p -> !p.getKey().equals("section"))
            .forEach(p -> facts.add(p.getKey() + " " + p.getValue().asText()));
        String text = String.join(", ", facts);
        if (!machines.contains(text)) {
          machines.add(text);
        }
        return;
      }
      sections
          .computeIfAbsent(section, _ -> new LinkedHashMap<>())
          .computeIfAbsent(node.path("case").asText(), _ -> new LinkedHashMap<>())
          .put(node.path("variant").asText(), node);
    }

    /** The measured variants of a case. */
    List<JsonNode> measured(String section, String name) {
      return sections.getOrDefault(section, Map.of()).getOrDefault(name, Map.of()).values().stream()
          .filter(n -> micros(n) > 0)
          .toList();
    }
  }

  private JoinedTable() {}

  /**
   * Joins.
   *
   * @param ours lines of JSON
   * @param theirs lines of JSON
   * @return Markdown
   * @throws FormatException if a line is no figure
   */
  static String of(List<String> ours, List<String> theirs) {
    Lines left = Lines.of(ours);
    Lines right = Lines.of(theirs);
    StringBuilder out = new StringBuilder();
    left.machines().forEach(m -> out.append("Quern: ").append(m).append("  \n"));
    right.machines().forEach(m -> out.append("Peer: ").append(m).append("  \n"));
    left.sections()
        .forEach(
            (section, cases) -> {
              out.append("\n### ").append(section).append("\n\n");
              out.append(
                  "| case | by | Quern, µs | rate | of copy bandwidth | kernels | peer, µs | peer"
                      + " by | ratio |\n"
                      + "|---|---|---|---|---|---|---|---|---|\n");
              cases.forEach(
                  (name, variants) -> {
                    JsonNode fastest = fastest(right.measured(section, name));
                    List<JsonNode> mine = left.measured(section, name);
                    mine.forEach(our -> out.append(row(name, our, fastest)));
                    if (mine.isEmpty()) {
                      out.append(missing(name, variants.values(), fastest));
                    }
                  });
            });
    return out.toString();
  }

  private static String row(String name, JsonNode our, @Nullable JsonNode their) {
    return "| %s | %s | %s | %s | %s | %s | %s | %s |%n"
        .formatted(
            name,
            our.path("variant").asText(),
            number("%,.2f", micros(our)),
            rate(our),
            our.has("copy_share") ? number("%.0f%%", 100 * our.get("copy_share").asDouble()) : "",
            our.path("kernels").asText(),
            peer(their),
            their == null ? "" : number("%.2f", micros(their) / micros(our)));
  }

  private static String missing(
      String name, Collection<JsonNode> variants, @Nullable JsonNode their) {
    boolean failed = variants.stream().anyMatch(n -> n.has("failed"));
    return "| %s |  | %s |  |  |  | %s |  |%n"
        .formatted(name, failed ? "failed" : "not measured", peer(their));
  }

  /** Two cells. */
  private static String peer(@Nullable JsonNode their) {
    return their == null
        ? " | "
        : number("%,.2f", micros(their)) + " | " + their.path("variant").asText();
  }

  private static @Nullable JsonNode fastest(List<JsonNode> measured) {
    return measured.stream().min(Comparator.comparingDouble(JoinedTable::micros)).orElse(null);
  }

  private static String rate(JsonNode node) {
    if (node.has("tokens_per_s")) {
      return number("%,.0f tokens/s", node.get("tokens_per_s").asDouble());
    }
    if (node.has("tflops")) {
      return number("%,.1f TFLOP/s", node.get("tflops").asDouble());
    }
    return node.has("gb_per_s") ? number("%,.0f GB/s", node.get("gb_per_s").asDouble()) : "";
  }

  private static double micros(JsonNode node) {
    return node.path("micros").asDouble();
  }

  private static String number(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}
