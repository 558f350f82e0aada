package dev.quern.transformer.train.optimizer;

import dev.quern.transformer.settings.NamedSettings;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Optimisers by name, with settings as a configuration has them.
 *
 * <p>The learning rate is not among them: it is a {@link
 * dev.quern.transformer.train.schedule.Schedule}. Yes and no are 1 and 0.
 *
 * <table>
 *   <caption>Names and their settings with defaults</caption>
 *   <tr><td>{@code sgd}</td><td>{@code momentum} 0, {@code dampening} 0, {@code nesterov} 0, {@code
 *       weight_decay} 0</td></tr>
 *   <tr><td>{@code adam}</td><td>{@code beta1} 0.9, {@code beta2} 0.999, {@code eps} 1e-8, {@code
 *       amsgrad} 0, {@code weight_decay} 0</td></tr>
 *   <tr><td>{@code adamw}</td><td>as {@code adam}, but {@code weight_decay} 0.01</td></tr>
 *   <tr><td>{@code adagrad}</td><td>{@code rate_decay} 0, {@code initial} 0, {@code eps} 1e-10,
 *       {@code weight_decay} 0</td></tr>
 *   <tr><td>{@code rmsprop}</td><td>{@code alpha} 0.99, {@code eps} 1e-8, {@code momentum} 0, {@code
 *       centered} 0, {@code weight_decay} 0</td></tr>
 *   <tr><td>{@code adafactor}</td><td>{@code decay} 0.8, {@code eps} 1e-30, {@code scale_eps} 1e-3,
 *       {@code clip} 1, {@code beta1} 0, {@code scale_parameter} 1, {@code relative_step} 1, {@code
 *       weight_decay} 0</td></tr>
 *   <tr><td>{@code lion}</td><td>{@code beta1} 0.9, {@code beta2} 0.99, {@code weight_decay}
 *       0</td></tr>
 * </table>
 */
public final class Optimizers {
  private static final double ANY = Double.MAX_VALUE;
  private static final Map<String, Entry> TABLE = table();

  private record Entry(List<String> keys, Function<NamedSettings, Optimizer> make) {}

  private Optimizers() {}

  private static Map<String, Entry> table() {
    Map<String, Entry> t = new LinkedHashMap<>();
    List<String> adam = List.of("beta1", "beta2", "eps", "amsgrad", "weight_decay");
    t.put(
        "sgd",
        new Entry(
            List.of("momentum", "dampening", "nesterov", "weight_decay"),
            s ->
                new Sgd(
                    s.get("momentum", 0, 0, 1),
                    s.get("dampening", 0, 0, 1),
                    s.flag("nesterov", false),
                    s.get("weight_decay", 0, 0, ANY))));
    t.put(
        "adam",
        new Entry(
            adam,
            s ->
                new Adam(
                    s.get("beta1", 0.9, 0, 1),
                    s.get("beta2", 0.999, 0, 1),
                    s.get("eps", 1e-8, 0, ANY),
                    s.get("weight_decay", 0, 0, ANY),
                    s.flag("amsgrad", false))));
    t.put(
        "adamw",
        new Entry(
            adam,
            s ->
                new AdamW(
                    s.get("beta1", 0.9, 0, 1),
                    s.get("beta2", 0.999, 0, 1),
                    s.get("eps", 1e-8, 0, ANY),
                    s.get("weight_decay", 0.01, 0, ANY),
                    s.flag("amsgrad", false))));
    t.put(
        "adagrad",
        new Entry(
            List.of("rate_decay", "initial", "eps", "weight_decay"),
            s ->
                new Adagrad(
                    s.get("rate_decay", 0, 0, ANY),
                    s.get("initial", 0, 0, ANY),
                    s.get("eps", 1e-10, 0, ANY),
                    s.get("weight_decay", 0, 0, ANY))));
    t.put(
        "rmsprop",
        new Entry(
            List.of("alpha", "eps", "momentum", "centered", "weight_decay"),
            s ->
                new RmsProp(
                    s.get("alpha", 0.99, 0, 1),
                    s.get("eps", 1e-8, 0, ANY),
                    s.get("momentum", 0, 0, 1),
                    s.flag("centered", false),
                    s.get("weight_decay", 0, 0, ANY))));
    t.put("adafactor", new Entry(adafactorKeys(), Optimizers::adafactor));
    t.put(
        "lion",
        new Entry(
            List.of("beta1", "beta2", "weight_decay"),
            s ->
                new Lion(
                    s.get("beta1", 0.9, 0, 1),
                    s.get("beta2", 0.99, 0, 1),
                    s.get("weight_decay", 0, 0, ANY))));
    return t;
  }

  private static List<String> adafactorKeys() {
    return List.of(
        "decay",
        "eps",
        "scale_eps",
        "clip",
        "beta1",
        "scale_parameter",
        "relative_step",
        "weight_decay");
  }

  private static Optimizer adafactor(NamedSettings s) {
    return new Adafactor(
        s.get("decay", 0.8, 0, 1),
        s.get("eps", 1e-30, 0, 1),
        s.get("scale_eps", 1e-3, 0, ANY),
        s.get("clip", 1, 0, ANY),
        s.get("beta1", 0, 0, 1),
        s.flag("scale_parameter", true),
        s.flag("relative_step", true),
        s.get("weight_decay", 0, 0, ANY));
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
   * An optimiser.
   *
   * @param name one of {@link #names()}
   * @param settings by name
   * @return the optimiser
   * @throws OptimizerException for a name or setting that is unknown or out of range
   */
  public static Optimizer of(String name, Map<String, Double> settings) {
    Entry entry = NamedSettings.find("optimizer", name, TABLE, OptimizerException::new);
    return entry
        .make()
        .apply(NamedSettings.check(name, settings, entry.keys(), OptimizerException::new));
  }

  /**
   * The settings that an optimiser takes.
   *
   * @param name one of {@link #names()}
   * @return their names
   * @throws OptimizerException for a name that is unknown
   */
  public static List<String> settings(String name) {
    return NamedSettings.find("optimizer", name, TABLE, OptimizerException::new).keys();
  }
}
