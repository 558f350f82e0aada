package dev.quern.transformer.evaluate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;

/**
 * A metric and between which values it may be expected for other examples of the same kind.
 *
 * @param estimate the metric over all examples
 * @param low the interval's lower end
 * @param high its upper end
 * @param level how sure, such as 0.95
 * @param resamples how many resamples the metric was defined for
 * @param undefined how many it was not defined for; they are left out
 */
public record ConfidenceInterval(
    double estimate, double low, double high, double level, int resamples, int undefined) {
  /**
   * The interval as JSON: {@code estimate}, {@code low}, {@code high}, {@code level}, {@code
   * resamples} and {@code undefined}; null for what is not a number.
   *
   * @return one line
   */
  public String toJson() {
    ObjectNode node = Text.object();
    Text.put(node, "estimate", estimate);
    Text.put(node, "low", low);
    Text.put(node, "high", high);
    Text.put(node, "level", level);
    return node.put("resamples", resamples).put("undefined", undefined).toString();
  }

  /** Such as {@code 0.6667 (95 % interval 0.6100 to 0.7200)}. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s (%s %% interval %s to %s)",
        Text.number(estimate),
        Double.toString(Math.rint(level * 1e6) / 1e4).replaceAll("\\.0$", ""),
        Text.number(low),
        Text.number(high));
  }
}
