package dev.quern.transformer.tokenizer;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a GGUF file says about itself, as plain Java values, so that this package needs no file
 * reader.
 *
 * @param source name of the file, for messages
 * @param values values by key: {@link String}, {@link Boolean}, a {@link Number}, a {@link List} of
 *     those, or an array of them, primitive or not
 */
public record TokenizerMetadata(String source, Map<String, ?> values) {
  /** Checks that both are given. */
  public TokenizerMetadata {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(values, "values");
  }

  boolean has(String key) {
    return values.get(key) != null;
  }

  @Nullable String string(String key) {
    return switch (values.get(key)) {
      case null -> null;
      case String text -> text;
      case Object other -> throw wrongType(key, "a string", other);
    };
  }

  String string(String key, String fallback) {
    String text = string(key);
    return text == null ? fallback : text;
  }

  boolean bool(String key, boolean fallback) {
    return switch (values.get(key)) {
      case null -> fallback;
      case Boolean value -> value;
      case Object other -> throw wrongType(key, "a boolean", other);
    };
  }

  /** An id, or {@link Vocabulary#NONE} if there is no such key. */
  int id(String key, int vocabularySize) {
    Object value = values.get(key);
    if (value == null) {
      return Vocabulary.NONE;
    }
    if (!(value instanceof Number number) || value instanceof Float || value instanceof Double) {
      throw wrongType(key, "an integer", value);
    }
    long id = number.longValue();
    if (id < 0 || id >= vocabularySize) {
      throw Malformed.at(
          source, key, "id " + id + " is outside the vocabulary of " + vocabularySize + " tokens");
    }
    return (int) id;
  }

  /** The strings of a key; null if there is no such key. */
  @Nullable String @Nullable [] strings(String key) {
    Object value = values.get(key);
    if (value == null) {
      return null;
    }
    List<?> list;
    if (value instanceof List<?> given) {
      list = given;
    } else if (value instanceof Object[] array) {
      list = java.util.Arrays.asList(array);
    } else {
      throw wrongType(key, "an array of strings", value);
    }
    @Nullable String[] strings = new String[list.size()];
    int i = 0;
    for (Object element : list) {
      if (!(element instanceof String text)) {
        throw wrongType(key + "[" + i + "]", "a string", element);
      }
      strings[i++] = text;
    }
    return strings;
  }

  /** The numbers of a key as floats; null if there is no such key. */
  float @Nullable [] floats(String key) {
    return switch (values.get(key)) {
      case null -> null;
      case float[] array -> array;
      case double[] array -> {
        float[] floats = new float[array.length];
        for (int i = 0; i < floats.length; i++) {
          floats[i] = (float) array[i];
        }
        yield floats;
      }
      case Object other -> {
        List<?> list = list(key, other);
        float[] floats = new float[list.size()];
        for (int i = 0; i < floats.length; i++) {
          floats[i] = number(key, list, i).floatValue();
        }
        yield floats;
      }
    };
  }

  /** The numbers of a key as ints; null if there is no such key. */
  int @Nullable [] ints(String key) {
    return switch (values.get(key)) {
      case null -> null;
      case int[] array -> array;
      case long[] array -> {
        int[] ints = new int[array.length];
        for (int i = 0; i < ints.length; i++) {
          ints[i] = (int) array[i];
        }
        yield ints;
      }
      case byte[] array -> {
        int[] ints = new int[array.length];
        for (int i = 0; i < ints.length; i++) {
          ints[i] = array[i];
        }
        yield ints;
      }
      case Object other -> {
        List<?> list = list(key, other);
        int[] ints = new int[list.size()];
        for (int i = 0; i < ints.length; i++) {
          ints[i] = number(key, list, i).intValue();
        }
        yield ints;
      }
    };
  }

  private List<?> list(String key, Object value) {
    if (value instanceof List<?> given) {
      return given;
    }
    if (value instanceof Object[] array) {
      return java.util.Arrays.asList(array);
    }
    throw wrongType(key, "an array of numbers", value);
  }

  private Number number(String key, List<?> list, int at) {
    if (list.get(at) instanceof Number number) {
      return number;
    }
    throw wrongType(key + "[" + at + "]", "a number", list.get(at));
  }

  private RuntimeException wrongType(String key, String wanted, @Nullable Object value) {
    String found = value == null ? "nothing" : value.getClass().getSimpleName();
    return Malformed.at(source, key, "need " + wanted + ", found " + found);
  }
}
