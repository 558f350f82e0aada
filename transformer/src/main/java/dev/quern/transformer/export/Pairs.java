package dev.quern.transformer.export;

import dev.quern.core.io.gguf.GgufType;
import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.core.type.FormatException;
import java.util.List;

/** Writes metadata, in the types that llama.cpp reads. */
final class Pairs {
  private final GgufWriter writer;
  private final String prefix;

  /**
   * Pairs of a file.
   *
   * @param writer takes them
   * @param prefix of their keys
   */
  Pairs(GgufWriter writer, String prefix) {
    this.writer = writer;
    this.prefix = prefix;
  }

  Pairs put(String key, int value) {
    writer.put(prefix + key, GgufValue.uint32(value));
    return this;
  }

  Pairs put(String key, double value) {
    writer.put(prefix + key, GgufValue.float32((float) value));
    return this;
  }

  Pairs put(String key, boolean value) {
    writer.put(prefix + key, GgufValue.of(value));
    return this;
  }

  Pairs put(String key, String value) {
    writer.put(prefix + key, GgufValue.of(value));
    return this;
  }

  Pairs put(String key, List<String> values) {
    writer.put(prefix + key, GgufValue.strings(values));
    return this;
  }

  /** A value of a tokenizer's metadata. */
  void putAny(String key, Object value) {
    switch (value) {
      case String text -> put(key, text);
      case Boolean truth -> put(key, truth.booleanValue());
      case Integer number -> put(key, number.intValue());
      case int[] numbers -> writer.put(prefix + key, GgufValue.int32s(numbers));
      case float[] numbers -> writer.put(prefix + key, GgufValue.float32s(numbers));
      case List<?> texts ->
          writer.put(
              prefix + key,
              GgufValue.array(
                  GgufType.STRING,
                  texts.stream().map(t -> GgufValue.of(String.valueOf(t))).toList()));
      default ->
          throw new FormatException(
              "[export] GGUF has no type for the value of '" + key + "': " + value.getClass());
    }
  }
}
