package dev.quern.transformer.train.run;

import dev.quern.transformer.train.log.RunEnd;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a run left.
 *
 * @param end how the training ended
 * @param model folder of the model
 * @param step after which step the model was like that
 * @param best whether it was chosen for the lowest validation loss, not for being the last
 * @param metrics of that model on the validation part, by name; none if there was no evaluation
 */
public record RunResult(
    RunEnd end, Path model, long step, boolean best, Map<String, Double> metrics) {

  /** Copies the metrics, keeping their order. */
  public RunResult {
    metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
  }
}
