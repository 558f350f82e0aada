package dev.quern.transformer.families;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.util.Collection;
import java.util.List;

/**
 * The element type that a folder's {@code config.json} names: {@code torch_dtype}, and in newer
 * folders {@code dtype}. Transformers may load all weights in it, so it is the narrowest one that
 * loses nothing of any of them.
 */
public final class TorchType {
  private static final String OLD_KEY = "torch_dtype";
  private static final String KEY = "dtype";

  private TorchType() {}

  /**
   * The narrowest type that holds all of some weights.
   *
   * @param types of the weights; those that are not floating don't count
   * @return F64, F32, F16 or BF16; F32 if nothing is floating
   */
  public static ScalarType of(Collection<? extends DType> types) {
    List<? extends DType> floating = types.stream().filter(DType::isFloating).distinct().toList();
    return floating.contains(ScalarType.F64)
        ? ScalarType.F64
        : floating.size() == 1 && floating.getFirst() instanceof ScalarType one
            ? one
            : ScalarType.F32;
  }

  /**
   * Names the type.
   *
   * @param config the settings; {@code torch_dtype} is set, and {@code dtype} if it is there
   * @param type F64, F32, F16 or BF16
   */
  public static void write(ObjectNode config, ScalarType type) {
    config.put(OLD_KEY, name(type));
    if (config.has(KEY)) {
      config.put(KEY, name(type));
    }
  }

  /**
   * Whether settings name another type.
   *
   * @param config the settings
   * @param type what the weights are
   * @return false if they name it, or none
   */
  public static boolean differs(ObjectNode config, ScalarType type) {
    return List.of(OLD_KEY, KEY).stream()
        .anyMatch(k -> config.hasNonNull(k) && !config.get(k).asText().equals(name(type)));
  }

  private static String name(ScalarType type) {
    return switch (type) {
      case F16 -> "float16";
      case BF16 -> "bfloat16";
      case F64 -> "float64";
      default -> "float32";
    };
  }
}
