package dev.quern.transformer.train;

import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.plan.Recording;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.IntMatrix;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiFunction;

/**
 * Plans by the shape of the batch, recorded when a shape comes for the first time. The least
 * recently used ones are closed when there are many: batches that are padded to their longest
 * example have many lengths.
 */
final class BatchPlans implements AutoCloseable {
  /** Records the code of one shape of batch. */
  @FunctionalInterface
  interface Code {
    /**
     * What a plan consists of.
     *
     * @param recording declares slots and outputs
     * @param batch a slot for each field
     */
    void record(Recording recording, Map<String, Tensor> batch);
  }

  private static final int LIMIT = 16;
  private static final float LOAD = 0.75f;

  private final BiFunction<String, java.util.function.Consumer<Recording>, Plan> recorder;
  private final Code code;
  private final LinkedHashMap<Map<String, String>, Plan> plans =
      new LinkedHashMap<>(LIMIT, LOAD, true);

  /**
   * No plans yet.
   *
   * @param recorder usually {@code engine::record}
   * @param code what is recorded for a shape
   */
  BatchPlans(BiFunction<String, java.util.function.Consumer<Recording>, Plan> recorder, Code code) {
    this.recorder = recorder;
    this.code = code;
  }

  /** The plan for a batch, with the batch in its slots. */
  Plan of(String name, Batch batch) {
    Map<String, String> key = new TreeMap<>();
    batch.fields().forEach((n, m) -> key.put(n, m.rows() + "x" + m.columns()));
    Plan plan = plans.get(key);
    if (plan == null) {
      plan = recorder.apply(name, r -> code.record(r, slots(r, batch)));
      plans.put(key, plan);
      if (plans.size() > LIMIT) {
        var eldest = plans.entrySet().iterator();
        eldest.next().getValue().close();
        eldest.remove();
      }
    }
    for (Map.Entry<String, IntMatrix> field : batch.fields().entrySet()) {
      plan.slot(field.getKey()).set(field.getValue().values());
    }
    return plan;
  }

  private static Map<String, Tensor> slots(Recording recording, Batch batch) {
    Map<String, Tensor> slots = new LinkedHashMap<>();
    batch
        .fields()
        .forEach(
            (n, m) ->
                slots.put(
                    n, recording.slot(n, TensorSpec.of(ScalarType.I32, m.rows(), m.columns()))));
    return slots;
  }

  /** What the plans hold. */
  long workspaceBytes() {
    return plans.values().stream().mapToLong(Plan::workspaceBytes).sum();
  }

  @Override
  public void close() {
    plans.values().forEach(Plan::close);
    plans.clear();
  }
}
