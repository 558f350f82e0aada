import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;

/**
 * Prints the table of the samples that pairs.sh keeps: a Markdown row for each model, test, depth
 * and number of threads. Lines of the file are tab-separated: kind (probe or pair), model, test,
 * tokens, depth, threads, Quern's tokens/s, the peer's, and the peer's command.
 *
 * <p>The ratio is that of the two medians. Its 95% interval is a bootstrap's over pairs: pairs are
 * drawn with replacement, as many as there are, 20,000 times from a fixed seed, and the ratio lies
 * between the 2.5% and 97.5% quantiles of the ratios of medians so drawn. Any Java from 17 on runs
 * this file.
 */
final class PairRows {
  private static final int DRAWS = 20_000;

  private record Pair(double ours, double peers) {
    double ratio() {
      return ours / peers;
    }
  }

  private record Row(String model, String test, String depth, String threads, String settings) {}

  public static void main(String... arguments) throws IOException {
    Map<Row, List<Pair>> rows = new LinkedHashMap<>();
    for (String line : Files.readAllLines(Path.of(arguments[0]))) {
      String[] field = line.split("\t", -1);
      if (field[0].equals("pair")) {
        String test = field[2] + " of " + field[3];
        Row row = new Row(field[1], test, field[4], field[5], settings(field[8]));
        Pair pair = new Pair(Double.parseDouble(field[6]), Double.parseDouble(field[7]));
        rows.computeIfAbsent(row, r -> new ArrayList<>()).add(pair);
      }
    }
    System.out.println(
        "| model | test | depth | threads | Quern | llama.cpp | ratio | 95% interval | median of"
            + " pairs | pairs | llama.cpp's settings |");
    System.out.println("|---|---|---|---|---|---|---|---|---|---|---|");
    rows.forEach(PairRows::print);
  }

  /** {@code PATH/llama-bench -fa 1} as {@code llama-bench -fa 1}. */
  private static String settings(String command) {
    return command.replaceFirst(".*/", "");
  }

  private static void print(Row row, List<Pair> pairs) {
    double[] ratios = bootstrap(pairs);
    System.out.printf(
        Locale.ROOT,
        "| %s | %s | %s | %s | %.1f | %.1f | %.2f | %.2f to %.2f | %.2f | %d | %s |%n",
        row.model(),
        row.test(),
        row.depth(),
        row.threads(),
        median(pairs, Pair::ours),
        median(pairs, Pair::peers),
        ratio(pairs),
        ratios[(int) (0.025 * DRAWS)],
        ratios[(int) (0.975 * DRAWS) - 1],
        median(pairs, Pair::ratio),
        pairs.size(),
        row.settings());
  }

  private static double[] bootstrap(List<Pair> pairs) {
    SplittableRandom random = new SplittableRandom(42);
    double[] ratios = new double[DRAWS];
    for (int i = 0; i < DRAWS; i++) {
      List<Pair> drawn = new ArrayList<>();
      for (int j = 0; j < pairs.size(); j++) {
        drawn.add(pairs.get(random.nextInt(pairs.size())));
      }
      ratios[i] = ratio(drawn);
    }
    Arrays.sort(ratios);
    return ratios;
  }

  private static double ratio(List<Pair> pairs) {
    return median(pairs, Pair::ours) / median(pairs, Pair::peers);
  }

  private static double median(List<Pair> pairs, ToDoubleFunction<Pair> of) {
    double[] sorted = pairs.stream().mapToDouble(of).sorted().toArray();
    int half = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }
}
