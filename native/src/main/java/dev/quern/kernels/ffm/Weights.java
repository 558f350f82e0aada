package dev.quern.kernels.ffm;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import org.jspecify.annotations.Nullable;

/** The formats that the C kernels read: their names in symbols. */
final class Weights {
  private Weights() {}

  /** The format's part of a symbol, or null if there are no kernels for it. */
  static @Nullable String symbol(DType t) {
    return switch (t) {
      case ScalarType.F32 -> "f32";
      case ScalarType.F16 -> "f16";
      case ScalarType.BF16 -> "bf16";
      case BlockType.Q8_0 -> "q8_0";
      case BlockType.Q4_0 -> "q4_0";
      case BlockType.Q4_K -> "q4_k";
      case BlockType.Q6_K -> "q6_k";
      default -> null;
    };
  }
}
