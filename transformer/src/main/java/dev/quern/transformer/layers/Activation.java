package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;

/** The functions between the two maps of a feed-forward layer. */
public enum Activation implements Layer {
  /** max(x, 0). */
  RELU,
  /** x · Φ(x), exact by erf (Hendrycks and Gimpel 2016). */
  GELU,
  /** GELU by its tanh formula, as GPT-2 has it. */
  GELU_TANH,
  /** x · sigmoid(x), also called swish. */
  SILU;

  /**
   * Applies the function to each element.
   *
   * @param x any shape, F32
   * @return same shape and dtype
   */
  @Override
  public Tensor forward(Tensor x) {
    return switch (this) {
      case RELU -> x.relu();
      case GELU -> x.gelu();
      case GELU_TANH -> x.geluTanh();
      case SILU -> x.silu();
    };
  }

  /**
   * f(gate) · up, fused where the vocabulary has an operation for it (Shazeer 2020).
   *
   * @param gate any shape, F32
   * @param up same shape
   * @return same shape and dtype
   */
  public Tensor gated(Tensor gate, Tensor up) {
    return switch (this) {
      case SILU -> gate.swiGlu(up);
      case GELU -> gate.geGlu(up, false);
      case GELU_TANH -> gate.geGlu(up, true);
      case RELU -> gate.relu().mul(up);
    };
  }
}
