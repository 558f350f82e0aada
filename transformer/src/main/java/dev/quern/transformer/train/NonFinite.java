package dev.quern.transformer.train;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.IntMatrix;
import dev.quern.transformer.layers.TrainingMode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Finds where a value is infinite or not a number, by computing a batch again, eagerly. */
final class NonFinite {
  private NonFinite() {}

  /**
   * The first place with such a value.
   *
   * @return a weight, or what the model shows of its inside; "the loss" if all these are finite
   */
  static String place(Engine engine, TrainableModel model, Batch batch) {
    for (Map.Entry<String, Buffer> p : model.parameters().entrySet()) {
      if (!isFinite(p.getValue().value())) {
        return "weight '" + p.getKey() + "'";
      }
    }
    AtomicReference<@Nullable String> found = new AtomicReference<>();
    try (TensorScope _ = TensorScope.open("diagnosis")) {
      Map<String, Tensor> fields = new LinkedHashMap<>();
      for (Map.Entry<String, IntMatrix> f : batch.fields().entrySet()) {
        IntMatrix m = f.getValue();
        fields.put(f.getKey(), engine.tensor(m.values(), m.rows(), m.columns()));
      }
      Map<String, Tensor> outputs =
          model.forward(
              fields,
              new TrainingMode(
                  0,
                  null,
                  false,
                  0,
                  (name, x) -> {
                    if (found.get() == null && !isFinite(x)) {
                      found.set("layer '" + name + "'");
                    }
                  }));
      String layer = found.get();
      return layer != null
          ? layer
          : outputs.values().stream().allMatch(NonFinite::isFinite) ? "the loss" : "the outputs";
    }
  }

  private static boolean isFinite(Tensor x) {
    try (TensorScope _ = TensorScope.open("finite")) {
      // Zero times infinity is not a number, and a sum keeps that.
      return x.mul(0).sum().toFloats()[0] == 0;
    }
  }
}
