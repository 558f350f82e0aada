package dev.quern.transformer.train.loss;

import dev.quern.transformer.settings.NamedSettings;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Losses by name, with settings as a configuration has them. Yes and no are 1 and 0; all give a
 * scalar.
 *
 * <table>
 *   <caption>Names and their settings with defaults</caption>
 *   <tr><td>{@code cross_entropy}</td><td>{@code label_smoothing} 0, {@code ignore_index} −100: {@link
 *       CrossEntropy}</td></tr>
 *   <tr><td>{@code causal_lm}</td><td>{@code label_smoothing} 0, {@code ignore_index} −100, {@code
 *       shift} 0: labels are moved already; with 1, {@link CausalLanguageModel}</td></tr>
 *   <tr><td>{@code masked_lm}</td><td>{@code label_smoothing} 0, {@code ignore_index} −100: {@link
 *       CrossEntropy} of the tokens that have labels</td></tr>
 *   <tr><td>{@code bce}</td><td>{@link BinaryCrossEntropy}</td></tr>
 *   <tr><td>{@code mse}</td><td>{@link MeanSquared}</td></tr>
 *   <tr><td>{@code l1}</td><td>{@link AbsoluteError}</td></tr>
 *   <tr><td>{@code smooth_l1}</td><td>{@code beta} 1: {@link SmoothL1}</td></tr>
 *   <tr><td>{@code kl}</td><td>{@code log_target} 0: {@link KlDivergence}</td></tr>
 *   <tr><td>{@code hinge}</td><td>{@code margin} 1: {@link Hinge}</td></tr>
 *   <tr><td>{@code info_nce}</td><td>{@code temperature} 0.07, {@code normalise} 1, {@code symmetric}
 *       0: {@link InfoNce}</td></tr>
 * </table>
 */
public final class Losses {
  private static final Map<String, Entry> TABLE = table();

  private record Entry(List<String> keys, Function<NamedSettings, Criterion> make) {}

  private Losses() {}

  private static Map<String, Entry> table() {
    Map<String, Entry> t = new LinkedHashMap<>();
    List<String> entropy = List.of("label_smoothing", "ignore_index");
    t.put("cross_entropy", new Entry(entropy, Losses::crossEntropy));
    t.put(
        "causal_lm",
        new Entry(
            List.of("label_smoothing", "ignore_index", "shift"),
            s ->
                s.flag("shift", false)
                    ? new CausalLanguageModel(crossEntropy(s))
                    : crossEntropy(s)));
    t.put("masked_lm", new Entry(entropy, Losses::crossEntropy));
    t.put("bce", new Entry(List.of(), _ -> new BinaryCrossEntropy()));
    t.put("mse", new Entry(List.of(), _ -> new MeanSquared()));
    t.put("l1", new Entry(List.of(), _ -> new AbsoluteError()));
    t.put(
        "smooth_l1",
        new Entry(
            List.of("beta"),
            s -> new SmoothL1(s.get("beta", 1, 0, Double.MAX_VALUE), Reduction.MEAN)));
    t.put(
        "kl",
        new Entry(
            List.of("log_target"),
            s -> new KlDivergence(s.flag("log_target", false), Reduction.BATCH_MEAN)));
    t.put(
        "hinge",
        new Entry(
            List.of("margin"),
            s -> new Hinge(s.get("margin", 1, 0, Double.MAX_VALUE), Reduction.MEAN)));
    t.put(
        "info_nce",
        new Entry(
            List.of("temperature", "normalise", "symmetric"),
            s ->
                new InfoNce(
                    s.get("temperature", 0.07, Double.MIN_NORMAL, Double.MAX_VALUE),
                    s.flag("normalise", true),
                    s.flag("symmetric", false))));
    return t;
  }

  private static CrossEntropy crossEntropy(NamedSettings s) {
    return new CrossEntropy(
        s.count("ignore_index", CrossEntropy.IGNORE, -(1L << 53)),
        s.get("label_smoothing", 0, 0, 1),
        Reduction.MEAN,
        null);
  }

  /**
   * The names there are.
   *
   * @return in the order of the table
   */
  public static List<String> names() {
    return List.copyOf(TABLE.keySet());
  }

  /**
   * A loss.
   *
   * @param name one of {@link #names()}
   * @param settings by name
   * @return the loss of a prediction and a target
   * @throws LossException for a name or setting that is unknown or out of range
   */
  public static Criterion of(String name, Map<String, Double> settings) {
    Entry entry = NamedSettings.find("loss", name, TABLE, LossException::new);
    return entry
        .make()
        .apply(NamedSettings.check(name, settings, entry.keys(), LossException::new));
  }
}
