package dev.quern.transformer.train;

import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.plan.Recording;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.Chance;
import dev.quern.transformer.layers.TrainingMode;
import dev.quern.transformer.train.loss.Loss;
import dev.quern.transformer.train.optimizer.Ema;
import dev.quern.transformer.train.optimizer.GradientAccumulator;
import dev.quern.transformer.train.optimizer.ParameterUpdates;
import dev.quern.transformer.train.optimizer.StepSettings;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One step, recorded: forward and backward pass, clipping, update and average. With several batches
 * for an update the first two are a plan for each batch, and the rest another one.
 */
final class TrainingStep implements AutoCloseable {
  private static final String NUMBERS = "numbers";
  private static final String SCALE = "loss_scale";
  private static final String AVERAGE = "average";
  private static final String SEED = "seed";
  private static final String LOSS = "loss";
  private static final String NORM = "norm";

  private final Engine engine;
  private final TrainableModel model;
  private final Loss loss;
  private final ParameterUpdates updates;
  private final TrainingOptions options;
  private final BatchPlans plans;
  private final @Nullable GradientAccumulator sums;
  private @Nullable Plan updatePlan;
  private @Nullable Ema ema;
  private boolean scales;

  /**
   * What a step found.
   *
   * @param loss mean of the batches' losses; the first that is not finite, if there is one
   * @param norm of the gradients, before clipping; not a number if the loss is not finite
   */
  record Result(double loss, double norm) {
    boolean isFinite() {
      return Double.isFinite(loss) && Double.isFinite(norm);
    }
  }

  TrainingStep(
      Engine engine,
      TrainableModel model,
      Loss loss,
      ParameterUpdates updates,
      TrainingOptions options) {
    this.engine = engine;
    this.model = model;
    this.loss = loss;
    this.updates = updates;
    this.options = options;
    this.plans = new BatchPlans(engine::record, this::record);
    this.sums =
        options.accumulate() > 1 ? new GradientAccumulator(engine, model.parameters()) : null;
  }

  /** Multiplies the loss with {@link StepSettings#lossScale} before gradients are taken. */
  void scaleLoss() {
    scales = true;
  }

  /** Moves averages with each update. */
  void average(Ema averages) {
    ema = averages;
  }

  /**
   * Makes a step.
   *
   * @param batches as many as make an update
   * @param step number of the step, from 0, for dropout
   * @param settings of the update
   */
  Result run(List<Batch> batches, long step, StepSettings settings) {
    double sum = 0;
    double norm = 0;
    for (int i = 0; i < batches.size(); i++) {
      Plan plan = plans.of("step", batches.get(i));
      if (options.dropout() > 0) {
        plan.slot(SEED).set(0, Chance.derive(options.seed(), step, i));
      }
      if (scales) {
        plan.slot(SCALE).set((float) settings.lossScale());
      }
      if (sums == null) {
        prepare(plan, settings);
      }
      plan.run();
      double own = plan.output(LOSS).item();
      if (!Double.isFinite(own)) {
        forget();
        return new Result(own, Double.NaN);
      }
      sum += own / batches.size();
      norm = sums == null ? plan.output(NORM).item() : norm;
    }
    if (sums != null) {
      Plan plan = updatePlan(sums);
      prepare(plan, settings);
      plan.run();
      norm = plan.output(NORM).item();
    }
    return new Result(sum, norm);
  }

  /** Makes the sums zero when their update is not to come. */
  private void forget() {
    if (sums != null) {
      try (TensorScope _ = TensorScope.open("forget")) {
        sums.clear();
      }
    }
  }

  /** Where the first value of a step was that is not finite. */
  NonFinite.Place diagnose(List<Batch> batches, long step, StepSettings settings) {
    double scale = settings.lossScale() / batches.size();
    return new NonFinite(
            engine,
            model,
            loss,
            scale,
            (i, observer) -> {
              long[] seed = {0, Chance.derive(options.seed(), step, i)};
              return new TrainingMode(
                  options.dropout(),
                  options.dropout() > 0 ? engine.tensor(seed) : null,
                  false,
                  0,
                  observer);
            })
        .first(batches);
  }

  private void prepare(Plan plan, StepSettings settings) {
    updates.set(plan.slot(NUMBERS), settings);
    if (ema != null) {
      plan.slot(AVERAGE).set((float) ema.weight(settings.step()));
    }
  }

  /** Forward and backward pass of a batch, and the update unless gradients are added up first. */
  private void record(Recording recording, Map<String, Tensor> batch) {
    Tensor seed =
        options.dropout() > 0 ? recording.slot(SEED, TensorSpec.of(ScalarType.I64, 2)) : null;
    TrainingMode mode = new TrainingMode(options.dropout(), seed, options.recompute(), 0, null);
    try (Tape tape = engine.tape()) {
      tape.watch(model.parameters().values().toArray(Buffer[]::new));
      Tensor value = loss.of(model.forward(batch, mode), batch);
      Tensor scaled = value;
      if (scales) {
        Tensor scale = recording.slot(SCALE, TensorSpec.of(ScalarType.F32));
        scaled = value.mul(scale.cast(value.dtype()));
      }
      if (sums != null) {
        scaled = scaled.mul(1.0 / options.accumulate());
      }
      Map<String, Tensor> gradients = updates.of(tape.backward(scaled));
      recording.output(LOSS, value);
      if (sums == null) {
        recordUpdate(recording, gradients, value);
      } else {
        sums.add(gradients);
      }
    }
  }

  private void recordUpdate(
      Recording recording, Map<String, Tensor> gradients, @Nullable Tensor value) {
    Tensor norm = updates.apply(gradients, recording.slot(NUMBERS, updates.numbers()), value);
    recording.output(NORM, norm);
    if (ema != null) {
      Tensor weight = recording.slot(AVERAGE, TensorSpec.of(ScalarType.F32));
      Tensor finite = norm.sub(norm).equal(norm.scalarLike(0));
      ema.update(finite.where(weight, weight.scalarLike(0)));
    }
  }

  private Plan updatePlan(GradientAccumulator of) {
    if (updatePlan == null) {
      updatePlan =
          engine.record(
              "update",
              recording -> {
                recordUpdate(recording, of.gradients(), null);
                of.clear();
              });
    }
    return updatePlan;
  }

  /** What plans and sums hold. */
  long memoryBytes() {
    long bytes = plans.workspaceBytes();
    bytes += updatePlan == null ? 0 : updatePlan.workspaceBytes();
    if (sums != null) {
      for (Tensor t : sums.gradients().values()) {
        bytes += t.spec().byteSize();
      }
    }
    return bytes;
  }

  @Override
  public void close() {
    plans.close();
    if (updatePlan != null) {
      updatePlan.close();
    }
    if (sums != null) {
      sums.close();
    }
  }
}
