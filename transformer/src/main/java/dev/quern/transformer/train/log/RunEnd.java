package dev.quern.transformer.train.log;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How a run ended.
 *
 * @param step the last step made
 * @param reason in a few words, such as {@code all steps made} or {@code stopped early: no better
 *     loss for 10 evaluations}
 * @param metrics those of the model that the run leaves, by name, in the order in which to show
 *     them
 */
public record RunEnd(long step, String reason, Map<String, Double> metrics) {

  /** Copies the metrics, keeping their order. */
  public RunEnd {
    metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
  }
}
