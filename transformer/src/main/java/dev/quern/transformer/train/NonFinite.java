package dev.quern.transformer.train;

import dev.quern.core.autograd.Gradients;
import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.GradientException;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.IntMatrix;
import dev.quern.transformer.layers.TrainingMode;
import dev.quern.transformer.train.loss.Loss;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;

/**
 * Finds where a value is infinite or not a number, by computing the batches of a step again,
 * eagerly and in their order: forwards, and if that is finite, backwards.
 *
 * @param engine runs it
 * @param model as it was in the step
 * @param loss what was computed
 * @param scale what the loss was multiplied with before its gradients were taken
 * @param modes what training added to a batch of the step, by its index, seen by an observer
 */
record NonFinite(
    Engine engine,
    TrainableModel model,
    Loss loss,
    double scale,
    BiFunction<Integer, BiConsumer<String, Tensor>, TrainingMode> modes) {

  /**
   * The first such value.
   *
   * @param batch index of the batch; 0 for a weight, which is bad in each
   * @param name a weight, what the model shows of its inside, the loss, or a gradient
   */
  record Place(int batch, String name) {}

  /** The first place in the first bad batch; "a gradient" of the first if all look finite now. */
  Place first(List<Batch> batches) {
    for (Map.Entry<String, Buffer> p : model.parameters().entrySet()) {
      if (!isFinite(p.getValue().value())) {
        return new Place(0, "weight '" + p.getKey() + "'");
      }
    }
    for (int i = 0; i < batches.size(); i++) {
      String found = in(i, batches.get(i));
      if (!found.isEmpty()) {
        return new Place(i, found);
      }
    }
    return new Place(0, "a gradient");
  }

  /** The first place in a batch, or "". */
  private String in(int index, Batch batch) {
    Map<String, Tensor> seen = new LinkedHashMap<>();
    try (TensorScope _ = TensorScope.open("diagnosis");
        Tape tape = engine.tape()) {
      tape.watch(model.parameters().values().toArray(Buffer[]::new));
      Map<String, Tensor> fields = new LinkedHashMap<>();
      for (Map.Entry<String, IntMatrix> f : batch.fields().entrySet()) {
        IntMatrix m = f.getValue();
        fields.put(f.getKey(), engine.tensor(m.values(), m.rows(), m.columns()));
      }
      Map<String, Tensor> outputs = model.forward(fields, modes.apply(index, seen::put));
      for (Map.Entry<String, Tensor> layer : seen.entrySet()) {
        if (!isFinite(layer.getValue())) {
          return "layer '" + layer.getKey() + "'";
        }
      }
      if (!outputs.values().stream().allMatch(NonFinite::isFinite)) {
        return "the outputs";
      }
      Tensor value = loss.of(outputs, fields);
      return isFinite(value) ? backwards(tape, value.mul(scale), seen) : "the loss";
    }
  }

  /** The first place on the way from the loss back to the parameters, or "". */
  private String backwards(Tape tape, Tensor scaled, Map<String, Tensor> seen) {
    Gradients found = tape.backward(scaled);
    String parameter = "";
    for (Map.Entry<String, Buffer> p : model.parameters().entrySet()) {
      if (parameter.isEmpty() && !isFinite(found.of(p.getValue()))) {
        parameter = p.getKey();
      }
    }
    if (parameter.isEmpty()) {
      return "";
    }
    List<Tensor> layers = List.copyOf(seen.values());
    List<String> names = List.copyOf(seen.keySet());
    List<Tensor> gradients;
    try {
      gradients = tape.gradients(scaled, layers.toArray(Tensor[]::new));
    } catch (GradientException e) {
      return "the gradient of '" + parameter + "'"; // what was seen is not on the way
    }
    for (int i = layers.size() - 1; i >= 0; i--) {
      if (!isFinite(gradients.get(i))) {
        return i == layers.size() - 1
            ? "the gradient of the outputs"
            : "the gradient of layer '" + names.get(i + 1) + "'";
      }
    }
    return "the gradient of '" + parameter + "'";
  }

  private static boolean isFinite(Tensor x) {
    try (TensorScope _ = TensorScope.open("finite")) {
      // Zero times infinity is not a number, and a sum keeps that.
      return x.mul(0).sum().item() == 0;
    }
  }
}
