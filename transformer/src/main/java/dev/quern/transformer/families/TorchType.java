package dev.quern.transformer.families;

import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

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
   * The narrowest type that holds all of some weights; BF16 for those in 8 bits.
   *
   * @param types of the weights; those that are not floating don't count
   * @return F64, F32, F16 or BF16; F32 if nothing is floating
   */
  public static ScalarType of(Collection<? extends DType> types) {
    List<DType> floating =
        types.stream()
            .filter(DType::isFloating)
            .map(t -> t == ScalarType.F8_E4M3 ? ScalarType.BF16 : t)
            .distinct()
            .toList();
    return floating.contains(ScalarType.F64)
        ? ScalarType.F64
        : floating.size() == 1 && floating.getFirst() instanceof ScalarType one
            ? one
            : ScalarType.F32;
  }

  /**
   * What settings say of the type.
   *
   * @param has whether the settings have a key
   * @param type F64, F32, F16 or BF16
   * @return values by key: of the old key, and of the new one where it is
   */
  public static Map<String, String> entries(Predicate<String> has, ScalarType type) {
    return has.test(KEY)
        ? Map.of(OLD_KEY, name(type), KEY, name(type))
        : Map.of(OLD_KEY, name(type));
  }

  /**
   * Whether settings name another type.
   *
   * @param text the settings' value of a key, empty if there is none
   * @param type what the weights are
   * @return false if they name it, or none
   */
  public static boolean differs(UnaryOperator<String> text, ScalarType type) {
    return Stream.of(OLD_KEY, KEY)
        .map(text)
        .anyMatch(named -> !named.isEmpty() && !named.equals(name(type)));
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
