package dev.quern.transformer.train;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.Dataset;
import dev.quern.transformer.data.Loader;
import dev.quern.transformer.data.LoaderState;
import dev.quern.transformer.layers.TrainingMode;
import dev.quern.transformer.train.log.EvaluationReport;
import dev.quern.transformer.train.loss.Loss;
import java.util.HashMap;
import java.util.Map;

/** Judges a model on batches, from plans that are recorded once for each shape of batch. */
public final class Evaluator implements AutoCloseable {
  private static final String LOSS = "loss";
  private static final int AHEAD = 4;

  private final Evaluation evaluation;
  private final BatchPlans plans;

  /**
   * An evaluator.
   *
   * @param engine runs it
   * @param model as it is whenever {@link #evaluate} is called
   * @param loss the loss to be told
   * @param evaluation the metrics
   */
  public Evaluator(Engine engine, TrainableModel model, Loss loss, Evaluation evaluation) {
    this.evaluation = evaluation;
    this.plans =
        new BatchPlans(
            engine::record,
            (recording, batch) -> {
              Map<String, Tensor> outputs = model.forward(batch, TrainingMode.NONE);
              recording.output(LOSS, loss.of(outputs, batch));
              evaluation.compute(outputs, batch).forEach(recording::output);
            });
  }

  /**
   * Judges the model as it is now.
   *
   * @param data batches in a known number
   * @param step after which step
   * @param split which part of the data it is
   * @return the metrics
   */
  public EvaluationReport evaluate(Dataset<Batch> data, long step, String split) {
    return judge(data, split).report(step, split);
  }

  /**
   * Judges the model as it is now.
   *
   * @param data batches in a known number
   * @param split which part of the data it is
   * @return what was collected, for metrics and their intervals
   */
  public Evaluation.Tally judge(Dataset<Batch> data, String split) {
    Evaluation.Tally tally = evaluation.begin();
    try (Loader<Batch> loader = Loader.of(data, AHEAD, LoaderState.start(split))) {
      for (Batch b = loader.next(); b != null; b = loader.next()) {
        Plan plan = plans.of(split, b);
        plan.run();
        Map<String, Tensor> computed = new HashMap<>();
        plan.outputs().forEach(name -> computed.put(name, plan.output(name)));
        tally.add(b, plan.output(LOSS).item(), computed);
      }
    }
    return tally;
  }

  /** What the plans hold. */
  long workspaceBytes() {
    return plans.workspaceBytes();
  }

  @Override
  public void close() {
    plans.close();
  }
}
