import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Prints tables of what peers.sh measured, in GFLOP/s: a row for each shape, the median of all
 * iterations in JMH's files, and how Quern stands to the best of the others, in BF16 to those whose
 * results have the type of its own. Last the geometric means of these ratios, and the smallest. Any
 * Java from 17 on runs this file.
 */
final class PeerRows {
  private static final List<String> PEERS = List.of("mkl", "onednn", "openblas", "pytorch");
  private static final List<String> OURS = List.of("quern", "quern16", "java");
  private static final Map<String, String> NAMES =
      Map.of(
          "quern",
          "Quern",
          "quern16",
          "Quern, BF16 results",
          "java",
          "pure Java",
          "mkl",
          "MKL",
          "onednn",
          "oneDNN",
          "openblas",
          "OpenBLAS",
          "pytorch",
          "PyTorch");
  private static final Pattern PARAMETER =
      Pattern.compile("\"(library|shape|threads|type)\" : \"([^\"]*)\"");
  private static final Pattern RAW = Pattern.compile("\"rawData\" : \\[\\s*\\[([^\\]]*)\\]");

  /** Microseconds of each library, by type and threads, then by shape. */
  private final Map<String, Map<String, Map<String, List<Double>>>> tables = new TreeMap<>();

  public static void main(String... arguments) throws IOException {
    PeerRows rows = new PeerRows();
    try (Stream<Path> files = Files.list(Path.of(arguments[0]))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".json")).sorted().toList()) {
        rows.read(Files.readString(file));
      }
    }
    rows.tables.forEach(rows::print);
  }

  private void read(String json) {
    for (String result : json.split("\"jmhVersion\"", -1)) {
      Map<String, String> parameters = new LinkedHashMap<>();
      Matcher p = PARAMETER.matcher(result);
      while (p.find()) {
        parameters.put(p.group(1), p.group(2));
      }
      Matcher raw = RAW.matcher(result);
      if (!raw.find()) {
        continue;
      }
      String table = parameters.get("type") + ", " + parameters.get("threads") + " threads";
      List<Double> times =
          tables
              .computeIfAbsent(table, t -> new LinkedHashMap<>())
              .computeIfAbsent(parameters.get("shape"), s -> new LinkedHashMap<>())
              .computeIfAbsent(parameters.get("library"), l -> new ArrayList<>());
      for (String time : raw.group(1).split(",", -1)) {
        times.add(Double.parseDouble(time.strip()));
      }
    }
  }

  private void print(String title, Map<String, Map<String, List<Double>>> shapes) {
    List<String> libraries =
        Stream.concat(OURS.stream(), PEERS.stream())
            .filter(l -> shapes.values().stream().anyMatch(s -> s.containsKey(l)))
            .toList();
    List<String> ours = OURS.stream().filter(libraries::contains).toList();
    StringBuilder head = new StringBuilder("| M×N×K, " + title + " |");
    libraries.forEach(l -> head.append(' ').append(NAMES.get(l)).append(" |"));
    ours.forEach(
        l ->
            head.append(' ')
                .append(NAMES.get(l))
                .append(" : ")
                .append(best(l, title))
                .append(" |"));
    System.out.println(head);
    System.out.println("|" + "---|".repeat(1 + libraries.size() + ours.size()));
    Map<String, List<Double>> ratios = new LinkedHashMap<>();
    shapes.forEach(
        (shape, times) -> {
          StringBuilder row = new StringBuilder("| " + shape.replace('x', '×') + " |");
          for (String l : libraries) {
            row.append(
                " %s |".formatted(times.containsKey(l) ? number(rate(shape, times.get(l))) : ""));
          }
          for (String l : ours) {
            double best =
                peers(l, title).stream()
                    .filter(times::containsKey)
                    .mapToDouble(p -> rate(shape, times.get(p)))
                    .max()
                    .orElse(Double.NaN);
            double ratio = times.containsKey(l) ? rate(shape, times.get(l)) / best : Double.NaN;
            row.append(" %s |".formatted(ratio(ratio)));
            if (!Double.isNaN(ratio)) {
              ratios.computeIfAbsent(l, k -> new ArrayList<>()).add(ratio);
            }
          }
          System.out.println(row);
        });
    StringBuilder means =
        new StringBuilder("| geometric mean (smallest) |" + " |".repeat(libraries.size()));
    for (String l : ours) {
      List<Double> all = ratios.getOrDefault(l, List.of());
      double mean = Math.exp(all.stream().mapToDouble(Math::log).average().orElse(Double.NaN));
      double least = all.stream().mapToDouble(r -> r).min().orElse(Double.NaN);
      means.append(" %s (%s) |".formatted(ratio(mean), ratio(least)));
    }
    System.out.println(means + "\n");
  }

  /** The libraries with results of the same type: in BF16 PyTorch's are BF16, the others' F32. */
  private static List<String> peers(String ours, String title) {
    if (ours.equals("quern16")) {
      return List.of("pytorch");
    }
    return PEERS.stream().filter(p -> !title.startsWith("BF16") || !p.equals("pytorch")).toList();
  }

  private static String best(String ours, String title) {
    return peers(ours, title).equals(List.of("pytorch")) ? "PyTorch" : "best peer";
  }

  /** GFLOP/s of a product {@code MxNxK} that took these microseconds, their median. */
  private static double rate(String shape, List<Double> times) {
    double work =
        Arrays.stream(shape.split("x", -1))
            .mapToDouble(Double::parseDouble)
            .reduce(2, (a, b) -> a * b);
    double[] sorted = times.stream().mapToDouble(t -> t).sorted().toArray();
    int half = sorted.length / 2;
    double median = sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    return work / median / 1e3;
  }

  private static String number(double rate) {
    return String.format(Locale.ROOT, rate < 100 ? "%.1f" : "%,.0f", rate);
  }

  private static String ratio(double ratio) {
    return Double.isNaN(ratio) ? "" : String.format(Locale.ROOT, "%.2f", ratio);
  }
}
