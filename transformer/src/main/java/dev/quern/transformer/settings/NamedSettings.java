package dev.quern.transformer.settings;

import java.util.Collection;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;

/** The numbers that one thing of a configuration was given, by name. */
public final class NamedSettings {
  private final String of;
  private final Map<String, Double> values;
  private final Function<String, ? extends RuntimeException> error;

  private NamedSettings(
      String of, Map<String, Double> values, Function<String, ? extends RuntimeException> error) {
    this.of = of;
    this.values = values;
    this.error = error;
  }

  /**
   * Settings of which each has a known name.
   *
   * @param of what they are settings of, for errors
   * @param values as given
   * @param known the names there are
   * @param error makes the exception of a message
   * @return the settings
   */
  public static NamedSettings check(
      String of,
      Map<String, Double> values,
      Collection<String> known,
      Function<String, ? extends RuntimeException> error) {
    for (String key : values.keySet()) {
      if (!known.contains(key)) {
        String there =
            known.isEmpty()
                ? "there are none"
                : "there are " + String.join(", ", new TreeSet<>(known));
        throw error.apply("[%s] there is no setting '%s'; %s".formatted(of, key, there));
      }
    }
    return new NamedSettings(of, Map.copyOf(values), error);
  }

  /**
   * What belongs to a name.
   *
   * @param <T> what it is
   * @param kind of thing, for errors
   * @param name as given
   * @param table by name
   * @param error makes the exception of a message
   * @return the name's entry
   */
  public static <T> T find(
      String kind,
      String name,
      Map<String, T> table,
      Function<String, ? extends RuntimeException> error) {
    T found = table.get(name);
    if (found == null) {
      throw error.apply(
          "[%s] there is no %s '%s'; there are %s"
              .formatted(kind, kind, name, String.join(", ", table.keySet())));
    }
    return found;
  }

  /**
   * A number.
   *
   * @param key its name
   * @param otherwise its default
   * @param least the smallest that is allowed
   * @param most the largest that is allowed
   * @return as given, or the default
   */
  public double get(String key, double otherwise, double least, double most) {
    Double value = values.get(key);
    if (value == null) {
      return otherwise;
    }
    if (!(value >= least && value <= most)) {
      throw error.apply(
          "[%s] %s is %s; it lies in %s to %s".formatted(of, key, value, least, most));
    }
    return value;
  }

  /**
   * A number that must be given.
   *
   * @param key its name
   * @param least the smallest that is allowed
   * @param most the largest that is allowed
   * @return as given
   */
  public double need(String key, double least, double most) {
    given(key);
    return get(key, 0, least, most);
  }

  /**
   * A choice of two.
   *
   * @param key its name
   * @param otherwise its default
   * @return true for 1, false for 0
   */
  public boolean flag(String key, boolean otherwise) {
    Double value = values.get(key);
    if (value == null) {
      return otherwise;
    }
    if (value != 0 && value != 1) {
      throw error.apply("[%s] %s is %s; it takes 0 or 1".formatted(of, key, value));
    }
    return value == 1;
  }

  /**
   * A whole number.
   *
   * @param key its name
   * @param otherwise its default
   * @param least the smallest that is allowed
   * @return as given, or the default
   */
  public long count(String key, long otherwise, long least) {
    Double value = values.get(key);
    if (value == null) {
      return otherwise;
    }
    if (value != Math.rint(value) || value < least || value > 1L << 53) {
      throw error.apply(
          "[%s] %s is %s; it is a whole number, at least %d".formatted(of, key, value, least));
    }
    return (long) (double) value;
  }

  /**
   * A whole number that must be given.
   *
   * @param key its name
   * @param least the smallest that is allowed
   * @return as given
   */
  public long needCount(String key, long least) {
    given(key);
    return count(key, 0, least);
  }

  private void given(String key) {
    if (!values.containsKey(key)) {
      throw error.apply("[%s] the setting '%s' is missing; give it".formatted(of, key));
    }
  }
}
