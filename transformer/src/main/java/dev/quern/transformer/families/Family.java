package dev.quern.transformer.families;

import dev.quern.core.op.Tensor;
import java.util.Map;

/** A loaded network, whatever its family: {@link Decoder}, {@link Encoder}, {@link Classifier}. */
public interface Family {
  /**
   * The family's name.
   *
   * @return for example {@code llama}
   */
  String family();

  /**
   * Its weights.
   *
   * @return dotted name to tensor, in a fixed order
   */
  Map<String, Tensor> parameters();
}
