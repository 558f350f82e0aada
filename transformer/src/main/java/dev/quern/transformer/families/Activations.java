package dev.quern.transformer.families;

import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.layers.Activation;

/** The activation functions as {@code config.json} names them. */
final class Activations {
  private Activations() {}

  static Activation of(Settings s, String key, String otherwise) {
    String name = s.text(key, otherwise);
    return switch (name) {
      case "relu" -> Activation.RELU;
      case "gelu" -> Activation.GELU;
      case "gelu_new", "gelu_pytorch_tanh", "gelu_fast" -> Activation.GELU_TANH;
      case "silu", "swish" -> Activation.SILU;
      default ->
          throw new NotSupportedException(
              s.source()
                  + ": '"
                  + key
                  + "' is \""
                  + name
                  + "\"; there are relu, gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, silu");
    };
  }
}
