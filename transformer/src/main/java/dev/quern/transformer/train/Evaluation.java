package dev.quern.transformer.train;

import dev.quern.core.op.Tensor;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.evaluate.Bootstrap;
import dev.quern.transformer.evaluate.ConfidenceInterval;
import dev.quern.transformer.train.log.EvaluationReport;
import java.util.Map;

/**
 * How a model is judged on batches it was not trained on. It says what is to be computed from the
 * model's outputs, once, as part of a recording, and makes metrics of what was computed for each
 * batch.
 */
public interface Evaluation {
  /**
   * What is to be computed for each batch, beside the loss.
   *
   * @param outputs of the model, by name
   * @param batch its fields by name
   * @return name to value, I32 or F32; none by default
   */
  default Map<String, Tensor> compute(Map<String, Tensor> outputs, Map<String, Tensor> batch) {
    return Map.of();
  }

  /**
   * Begins to judge.
   *
   * @return what collects the batches
   */
  Tally begin();

  /** Collects what was computed for each batch. For one thread. */
  interface Tally {
    /**
     * A batch was computed.
     *
     * @param batch the batch
     * @param loss its loss, as the loss function has it: a mean over its labels
     * @param computed what {@link Evaluation#compute} asked for; read it now, it is overwritten
     */
    void add(Batch batch, double loss, Map<String, Tensor> computed);

    /**
     * The metrics of all batches.
     *
     * @param step after which step
     * @param split which part of the data it was
     * @return the report; its metric {@code loss} is the mean over all labels
     */
    EvaluationReport report(long step, String split);

    /**
     * How far the main metrics may be trusted, by resampling what was collected.
     *
     * @param bootstrap how often, how sure
     * @return metric to interval, those of {@link #report} that have one; none by default
     */
    default Map<String, ConfidenceInterval> intervals(Bootstrap bootstrap) {
      return Map.of();
    }
  }
}
