package dev.quern.transformer.train.config;

import org.jspecify.annotations.Nullable;

/**
 * A declared key.
 *
 * @param path its name with those of the sections it stands in, such as {@code optimizer.rate}
 * @param type what its value may be
 * @param otherwise its value where the file has none: String, Long, Double, Boolean, or a List or
 *     Map of them; null if it must be given, or may stay unset
 * @param required whether it must be given
 * @param description what it does, in a sentence or two
 */
public record ConfigKey(
    String path,
    ConfigType type,
    @Nullable Object otherwise,
    boolean required,
    String description) {

  /**
   * The last part of the path.
   *
   * @return the name within the section
   */
  public String name() {
    return path.substring(path.lastIndexOf('.') + 1);
  }

  /**
   * The default as a configuration would have it.
   *
   * @return YAML on one line; null if there is none
   */
  public @Nullable String defaultText() {
    return otherwise == null ? null : YamlWriter.inline(otherwise);
  }

  /** Type and default in words: "a number above 0; default 0.001". */
  String facts() {
    Object value = otherwise;
    if (value == null) {
      return type + (required ? "; required" : "; may be left out");
    }
    return type + "; default " + YamlWriter.inline(value);
  }
}
