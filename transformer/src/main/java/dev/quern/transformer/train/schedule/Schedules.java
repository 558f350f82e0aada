package dev.quern.transformer.train.schedule;

import dev.quern.transformer.settings.NamedSettings;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Schedules by name, with settings as a configuration has them.
 *
 * <p>All take {@code peak}, and, but for {@code one_cycle}, whose warm-up is its rising part,
 * {@code warmup} (steps, default 0), {@code warmup_from} (a rate, default 0) and {@code
 * warmup_ahead} (0 or 1, default 0; see {@link Warmup}). {@code steps} is the length of the whole
 * run, warm-up included.
 *
 * <table>
 *   <caption>Names and their settings, those with a default in brackets</caption>
 *   <tr><td>{@code constant}</td><td></td></tr>
 *   <tr><td>{@code linear}</td><td>{@code steps}, [{@code floor} 0]</td></tr>
 *   <tr><td>{@code cosine}</td><td>{@code steps}, [{@code floor} 0], [{@code cycles} 0.5]</td></tr>
 *   <tr><td>{@code inverse_sqrt}</td><td>[{@code timescale}: {@code warmup}, at least 1]</td></tr>
 *   <tr><td>{@code exponential}</td><td>{@code factor}, [{@code every} 1]</td></tr>
 *   <tr><td>{@code one_cycle}</td><td>{@code steps}, [{@code rising} 0.3], [{@code cosine} 1],
 *       [{@code initial_divisor} 25], [{@code final_divisor} 10000], [{@code base_momentum} 0.85],
 *       [{@code max_momentum} 0.95]</td></tr>
 * </table>
 */
public final class Schedules {
  private static final List<String> WARMUP = List.of("warmup", "warmup_from", "warmup_ahead");
  private static final Map<String, List<String>> KEYS = keys();

  private final String name;
  private final NamedSettings settings;

  private Schedules(String name, NamedSettings settings) {
    this.name = name;
    this.settings = settings;
  }

  private static Map<String, List<String>> keys() {
    Map<String, List<String>> keys = new LinkedHashMap<>();
    keys.put("constant", List.of());
    keys.put("linear", List.of("steps", "floor"));
    keys.put("cosine", List.of("steps", "floor", "cycles"));
    keys.put("inverse_sqrt", List.of("timescale"));
    keys.put("exponential", List.of("factor", "every"));
    keys.put(
        "one_cycle",
        List.of(
            "steps",
            "rising",
            "cosine",
            "initial_divisor",
            "final_divisor",
            "base_momentum",
            "max_momentum"));
    return keys;
  }

  /**
   * The names there are.
   *
   * @return in the order of the table
   */
  public static List<String> names() {
    return List.copyOf(KEYS.keySet());
  }

  /**
   * The settings of a schedule, beside those that all have.
   *
   * @param name one of {@link #names()}
   * @return their names; none if there is no such schedule
   */
  public static List<String> settings(String name) {
    return KEYS.getOrDefault(name, List.of());
  }

  /**
   * A schedule.
   *
   * @param name one of {@link #names()}
   * @param settings by name; {@code peak} is always there
   * @return the schedule
   * @throws ScheduleException for a name or setting that is unknown, missing or out of range
   */
  public static Schedule of(String name, Map<String, Double> settings) {
    List<String> own = NamedSettings.find("schedule", name, KEYS, ScheduleException::new);
    List<String> known = new ArrayList<>(own);
    known.add("peak");
    if (!name.equals("one_cycle")) {
      known.addAll(WARMUP);
    }
    return new Schedules(name, NamedSettings.check(name, settings, known, ScheduleException::new))
        .build();
  }

  private Schedule build() {
    double peak = need("peak");
    if (name.equals("one_cycle")) {
      return new OneCycle(
          peak,
          steps(),
          get("rising", 0.3),
          settings.flag("cosine", true),
          get("initial_divisor", 25),
          get("final_divisor", 1e4),
          get("base_momentum", 0.85),
          get("max_momentum", 0.95));
    }
    long warmup = settings.count("warmup", 0, 0);
    Schedule after =
        switch (name) {
          case "linear" -> new Linear(peak, get("floor", 0), rest(warmup));
          case "cosine" -> new Cosine(peak, get("floor", 0), rest(warmup), get("cycles", 0.5));
          case "inverse_sqrt" ->
              new InverseSquareRoot(peak, settings.count("timescale", Math.max(1, warmup), 0));
          case "exponential" ->
              new Exponential(peak, need("factor"), settings.count("every", 1, 0));
          default -> new Constant(peak);
        };
    double from = get("warmup_from", 0);
    int ahead = settings.flag("warmup_ahead", false) ? 1 : 0;
    return warmup == 0 ? after : new Warmup(warmup, from, ahead, after);
  }

  /** Steps after the warm-up. */
  private long rest(long warmup) {
    long steps = steps();
    if (steps <= warmup) {
      throw new ScheduleException(
          "[%s] warmup=%d leaves none of steps=%d; steps is the whole run, warm-up included"
              .formatted(name, warmup, steps));
    }
    return steps - warmup;
  }

  /** Any number: the schedules check theirs themselves. */
  private double get(String key, double otherwise) {
    return settings.get(key, otherwise, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY);
  }

  private double need(String key) {
    return settings.need(key, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY);
  }

  private long steps() {
    return settings.needCount("steps", 0);
  }
}
