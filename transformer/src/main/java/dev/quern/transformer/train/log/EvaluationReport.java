package dev.quern.transformer.train.log;

import dev.quern.transformer.evaluate.ConfusionMatrix;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How good the model is on a part of the data.
 *
 * @param step after which step; 0 for before the first
 * @param split the part of the data, such as {@code validation}
 * @param metrics by name, in the order in which to show them; {@code loss} is drawn beside the
 *     training loss
 * @param confusion which classes were taken for which; null where there are no classes
 */
public record EvaluationReport(
    long step, String split, Map<String, Double> metrics, @Nullable ConfusionMatrix confusion) {

  /** Copies the metrics, keeping their order. */
  public EvaluationReport {
    metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
  }
}
