package dev.quern.transformer.train.optimizer;

/** Keeps gradients from growing too large. */
public sealed interface GradientClipping {
  /** Nothing is clipped. */
  record None() implements GradientClipping {}

  /**
   * All gradients are multiplied with min(1, max / (‖g‖ + 10⁻⁶)), ‖g‖ the 2-norm over all
   * parameters together (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent
   * neural networks", 2013; the summand is PyTorch's).
   *
   * @param max the norm that stays about the largest, more than 0
   */
  record ByNorm(double max) implements GradientClipping {
    /**
     * A limit.
     *
     * @throws OptimizerException if it is not a positive number
     */
    public ByNorm {
      OptimizerException.check("clip by norm", "max", max, Double.MIN_NORMAL, Double.MAX_VALUE);
    }
  }

  /**
   * Each element of a gradient is limited to −max … max.
   *
   * @param max more than 0
   */
  record ByValue(double max) implements GradientClipping {
    /**
     * A limit.
     *
     * @throws OptimizerException if it is not a positive number
     */
    public ByValue {
      OptimizerException.check("clip by value", "max", max, Double.MIN_NORMAL, Double.MAX_VALUE);
    }
  }

  /**
   * No clipping.
   *
   * @return it
   */
  static GradientClipping none() {
    return new None();
  }

  /**
   * Clipping by the norm over all parameters.
   *
   * @param max more than 0
   * @return it
   * @throws OptimizerException if the limit is not a positive number
   */
  static GradientClipping byNorm(double max) {
    return new ByNorm(max);
  }

  /**
   * Clipping of each element.
   *
   * @param max more than 0
   * @return it
   * @throws OptimizerException if the limit is not a positive number
   */
  static GradientClipping byValue(double max) {
    return new ByValue(max);
  }
}
