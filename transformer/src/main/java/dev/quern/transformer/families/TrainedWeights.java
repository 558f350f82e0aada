package dev.quern.transformer.families;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/** The weights of a checkpoint that are trained, each in a buffer of its own. */
final class TrainedWeights implements AutoCloseable {
  private final Engine engine;
  private final Predicate<String> training;
  private final Map<String, TrainedWeight> weights = new LinkedHashMap<>();

  TrainedWeights(Engine engine, Predicate<String> training) {
    this.engine = engine;
    this.training = training;
  }

  boolean wants(String name) {
    return training.test(name);
  }

  /**
   * The buffer of a weight, filled from the checkpoint when it is first asked for.
   *
   * @param name as the checkpoint spells it
   * @param stored its values, any floating or block type
   * @param transposed whether the buffer has the two axes the other way round
   */
  Tensor of(String name, Tensor stored, boolean transposed) {
    TrainedWeight weight = weights.get(name);
    if (weight == null) {
      try (TensorScope _ = TensorScope.open("train")) {
        Tensor values = transposed ? stored.transpose() : stored;
        Buffer buffer = engine.buffer(name, new TensorSpec(ScalarType.F32, values.shape()));
        buffer.assign(values.cast(ScalarType.F32).to(engine.device()));
        weight = new TrainedWeight(name, buffer, transposed);
      }
      weights.put(name, weight);
    }
    return weight.buffer().value();
  }

  List<TrainedWeight> all() {
    return List.copyOf(weights.values());
  }

  @Override
  public void close() {
    weights.values().forEach(w -> w.buffer().close());
  }
}
