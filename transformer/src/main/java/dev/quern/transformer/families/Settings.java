package dev.quern.transformer.families;

import dev.quern.core.type.FormatException;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Typed reading of a checkpoint's settings: GGUF metadata or a JSON object, by key. */
public final class Settings {
  private final String source;
  private final Function<String, @Nullable Object> values;

  /**
   * Settings behind a look-up.
   *
   * @param source the file, for messages
   * @param values key to String, Number, Boolean, List, Map or null
   */
  public Settings(String source, Function<String, @Nullable Object> values) {
    this.source = source;
    this.values = values;
  }

  /**
   * Settings without any key.
   *
   * @param source the file that would have them, for messages
   * @return empty settings
   */
  public static Settings empty(String source) {
    return new Settings(source, _ -> null);
  }

  /**
   * The file they come from.
   *
   * @return as messages name it
   */
  public String source() {
    return source;
  }

  /**
   * Whether a key has a value that is not null.
   *
   * @param key any
   * @return true if it has
   */
  public boolean has(String key) {
    return values.apply(key) != null;
  }

  /**
   * A whole number that must be there.
   *
   * @param key its key
   * @return 1 ≤ result ≤ 2³¹ − 1
   * @throws FormatException if it is missing, or no positive whole number
   */
  public int positive(String key) {
    if (values.apply(key) instanceof Number n
        && n.doubleValue() == n.intValue()
        && n.intValue() > 0) {
      return n.intValue();
    }
    throw wrong(key, "a positive whole number");
  }

  /**
   * A positive whole number.
   *
   * @param key its key
   * @param otherwise what a missing key means
   * @return the number
   * @throws FormatException if it is there and no positive whole number
   */
  public int positive(String key, int otherwise) {
    return has(key) ? positive(key) : otherwise;
  }

  /**
   * A whole number.
   *
   * @param key its key
   * @param otherwise what a missing key means
   * @return the number
   * @throws FormatException if it is there and no whole number of 32 bits
   */
  public int integer(String key, int otherwise) {
    Object v = values.apply(key);
    if (v == null) {
      return otherwise;
    }
    if (v instanceof Number n && n.doubleValue() == n.intValue()) {
      return n.intValue();
    }
    throw wrong(key, "a whole number");
  }

  /**
   * A number that must be there.
   *
   * @param key its key
   * @return a finite number
   * @throws FormatException if it is missing or no finite number
   */
  public double number(String key) {
    if (values.apply(key) instanceof Number n && Double.isFinite(n.doubleValue())) {
      return n.doubleValue();
    }
    throw wrong(key, "a finite number");
  }

  /**
   * A number.
   *
   * @param key its key
   * @param otherwise what a missing key means
   * @return a finite number
   * @throws FormatException if it is there and no finite number
   */
  public double number(String key, double otherwise) {
    return has(key) ? number(key) : otherwise;
  }

  /**
   * A truth value.
   *
   * @param key its key
   * @param otherwise what a missing key means
   * @return the value
   * @throws FormatException if it is there and neither true nor false
   */
  public boolean flag(String key, boolean otherwise) {
    Object v = values.apply(key);
    if (v == null) {
      return otherwise;
    }
    if (v instanceof Boolean b) {
      return b;
    }
    throw wrong(key, "true or false");
  }

  /**
   * A text.
   *
   * @param key its key
   * @param otherwise what a missing key means
   * @return the text
   * @throws FormatException if it is there and no text
   */
  public String text(String key, String otherwise) {
    Object v = values.apply(key);
    if (v == null) {
      return otherwise;
    }
    if (v instanceof String s) {
      return s;
    }
    throw wrong(key, "a text");
  }

  /**
   * Whole numbers given as one or as a list.
   *
   * @param key its key
   * @return the numbers; empty if the key is missing
   * @throws FormatException if it is there and neither a whole number nor a list of them
   */
  public List<Integer> integers(String key) {
    Object v = values.apply(key);
    List<?> list = v == null ? List.of() : v instanceof List<?> l ? l : List.of(v);
    return list.stream()
        .map(
            e -> {
              if (e instanceof Number n && n.doubleValue() == n.intValue()) {
                return n.intValue();
              }
              throw wrong(key, "a whole number or a list of them");
            })
        .toList();
  }

  /**
   * Texts, which must be there.
   *
   * @param key their key
   * @return the texts, at least one
   * @throws FormatException if it is missing, or no list of texts
   */
  public List<String> texts(String key) {
    if (values.apply(key) instanceof List<?> list
        && !list.isEmpty()
        && list.stream().allMatch(String.class::isInstance)) {
      return list.stream().map(String.class::cast).toList();
    }
    throw wrong(key, "a list of texts");
  }

  /**
   * How many settings an object has.
   *
   * @param key its key
   * @return their number; 0 if the key is missing
   * @throws FormatException if it is there and no object
   */
  public int size(String key) {
    Object v = values.apply(key);
    if (v == null) {
      return 0;
    }
    if (v instanceof Map<?, ?> m) {
      return m.size();
    }
    throw wrong(key, "an object");
  }

  /**
   * Nested settings.
   *
   * @param key their key
   * @return the settings; empty ones if the key is missing
   * @throws FormatException if it is there and no object
   */
  public Settings object(String key) {
    Object v = values.apply(key);
    if (v == null) {
      return empty(source + ", " + key);
    }
    if (v instanceof Map<?, ?> m) {
      return new Settings(source + ", " + key, m::get);
    }
    throw wrong(key, "an object");
  }

  private FormatException wrong(String key, String wanted) {
    Object v = values.apply(key);
    return new FormatException(
        source
            + ": '"
            + key
            + "' must be "
            + wanted
            + (v == null ? ", but it is missing" : ", got " + brief(v)));
  }

  private static String brief(Object v) {
    String s = v instanceof String text ? '"' + text + '"' : String.valueOf(v);
    return s.length() <= 60 ? s : s.substring(0, 60) + "...";
  }
}
