package dev.quern.core.plan;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.TensorSpec;

/** What the recorded code sees of its recording: it declares what goes in and what comes out. */
public interface Recording {
  /**
   * A small input that is set before each replay: tokens, positions, lengths, a seed.
   *
   * @param name how {@link Plan#slot} finds it
   * @param spec dtype and shape
   * @return a tensor that stands for its value at replay
   */
  Tensor slot(String name, TensorSpec spec);

  /**
   * A result that can be read after each replay.
   *
   * @param name how {@link Plan#output} finds it
   * @param value a tensor computed in this recording
   */
  void output(String name, Tensor value);
}
