package dev.quern.transformer.model;

import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.families.Checkpoint;
import dev.quern.transformer.families.Settings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * How an encoder's makers made one vector of its hidden states: GGUF's {@code pooling_type}, or
 * sentence-transformers' {@code 1_Pooling/config.json}.
 */
public final class Pooling {
  static final String MEAN = "mean";
  static final String CLS = "cls";

  /** GGUF's number for models whose pooled vector goes into a classifier. */
  public static final int RANK = 4;

  /** GGUF's numbers: none, mean, cls, last, rank. */
  private static final List<String> GGUF_TYPES = List.of("none", MEAN, CLS, "last", "rank");

  private static final String MODE = "pooling_mode_";
  private static final List<String> MODES =
      List.of(
          "cls_token",
          "mean_tokens",
          "max_tokens",
          "mean_sqrt_len_tokens",
          "weightedmean_tokens",
          "lasttoken");

  private Pooling() {}

  /**
   * The default of the parameter {@code pooling}.
   *
   * @param checkpoint of an encoder
   * @return mean or cls; mean if the checkpoint says nothing, or none
   * @throws NotSupportedException if it says anything else
   * @throws dev.quern.core.type.FormatException if its settings are damaged
   */
  public static String of(Checkpoint checkpoint) {
    return checkpoint.format() == Checkpoint.Format.GGUF
        ? ofGguf(checkpoint.settings(), checkpoint.architecture() + ".pooling_type")
        : ofFolder(checkpoint.path().resolve("1_Pooling").resolve("config.json"));
  }

  /**
   * GGUF's number for a default of the parameter {@code pooling}.
   *
   * @param pooling mean or cls
   * @return what {@code pooling_type} is then
   */
  public static int number(String pooling) {
    return GGUF_TYPES.indexOf(pooling);
  }

  private static String ofGguf(Settings s, String key) {
    int number = s.integer(key, GGUF_TYPES.indexOf(MEAN));
    String type = number >= 0 && number < GGUF_TYPES.size() ? GGUF_TYPES.get(number) : "unknown";
    return switch (type) {
      case "none", MEAN -> MEAN;
      case CLS -> CLS;
      default -> throw unsupported(s, key, number + " (" + type + ")");
    };
  }

  private static String ofFolder(Path file) {
    if (!Files.isRegularFile(file)) {
      return MEAN;
    }
    Settings s = Checkpoint.readJson(file);
    List<String> chosen = new ArrayList<>();
    for (String mode : MODES) {
      if (s.flag(MODE + mode, false)) {
        chosen.add(MODE + mode);
      }
    }
    if (chosen.isEmpty()) {
      String named = s.text("pooling_mode", MEAN);
      if (!named.equals(MEAN) && !named.equals(CLS)) {
        throw unsupported(s, "pooling_mode", "\"" + named + "\"");
      }
      return named;
    }
    return switch (String.join(", ", chosen)) {
      case MODE + "mean_tokens" -> MEAN;
      case MODE + "cls_token" -> CLS;
      default -> throw unsupported(s, String.join("', '", chosen), "true");
    };
  }

  private static NotSupportedException unsupported(Settings s, String key, String value) {
    return new NotSupportedException(
        s.source()
            + ": '"
            + key
            + "' is "
            + value
            + "; hidden states can be pooled by mean or cls alone");
  }
}
