package dev.quern.transformer.train;

import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.transformer.layers.TrainingMode;
import java.nio.file.Path;
import java.util.Map;

/**
 * A model while it is trained: parameters in buffers, and a function from a batch to what the loss
 * is computed of. {@link FamilyModel} is one for the families there are; a model of one's own is
 * another.
 *
 * {@snippet :
 * record Regression(Buffer weight) implements TrainableModel {
 *   public Map<String, Buffer> parameters() {
 *     return Map.of("weight", weight);
 *   }
 *
 *   public Map<String, Tensor> forward(Map<String, Tensor> batch, TrainingMode mode) {
 *     Tensor x = batch.get("input_ids").cast(ScalarType.F32);
 *     return Map.of(LOGITS, x.linear(weight.value()));
 *   }
 *   // save and close
 * }
 * }
 */
public interface TrainableModel extends AutoCloseable {
  /** The usual name of a model's output before softmax. */
  String LOGITS = "logits";

  /**
   * What is trained.
   *
   * @return name to buffer, F32 or F64, the same ones each time, in a fixed order
   */
  Map<String, Buffer> parameters();

  /**
   * The model's function. It is recorded once for each shape of batch, and must use the values of
   * {@link #parameters()} themselves, not views of them that were made earlier: only then a
   * gradient tape sees them.
   *
   * @param batch the batch's fields by name ({@link dev.quern.transformer.data.Batch}), I32
   * @param mode what training adds; {@link TrainingMode#NONE} when the model is evaluated
   * @return what the loss takes, by name, such as {@link #LOGITS}
   */
  Map<String, Tensor> forward(Map<String, Tensor> batch, TrainingMode mode);

  /**
   * Writes all that is needed to open the model again as it is now.
   *
   * @param folder exists, and is empty
   */
  void save(Path folder);

  /** Gives the parameters' memory back. */
  @Override
  void close();
}
