package dev.quern.kernels.ffm;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.util.Locale;
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
      case BlockType.MXFP4 -> null;
      case BlockType b -> b.name().toLowerCase(Locale.ROOT);
      default -> null;
    };
  }
}
