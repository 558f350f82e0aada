package dev.quern.transformer.model;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A named setting of a call, with a default.
 *
 * @param name unique within a signature
 * @param type what its values are
 * @param defaultValue taken if none is given
 * @param min least value of a number, or −∞; 0 for what is no number
 * @param max largest value of a number, or ∞; 0 for what is no number
 * @param choices the texts there are, or none for any
 * @param description what it does, in a sentence
 */
public record Parameter(
    String name,
    Type type,
    Object defaultValue,
    double min,
    double max,
    List<String> choices,
    String description) {

  /** What values of a parameter are. */
  public enum Type {
    /** A whole number: {@link Long}. */
    INTEGER,
    /** A finite number: {@link Double}. */
    NUMBER,
    /** True or false: {@link Boolean}. */
    BOOLEAN,
    /** A text: {@link String}. */
    TEXT,
    /** Texts: {@link List} of String. */
    TEXTS,
    /** Whole numbers as keys of numbers: {@link Map} of Integer to Double. */
    WEIGHTS;

    /**
     * The type as JSON has it.
     *
     * @return for example {@code integer}
     */
    public String jsonName() {
      return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The type of a name.
     *
     * @param jsonName as {@link #jsonName} gives it
     * @return the type
     * @throws FieldException if there is none of that name
     */
    public static Type of(String jsonName) {
      for (Type t : values()) {
        if (t.jsonName().equals(jsonName)) {
          return t;
        }
      }
      throw new FieldException("field", "type", "is '" + jsonName + "', which is no known type");
    }

    boolean isNumeric() {
      return this == INTEGER || this == NUMBER;
    }
  }

  /**
   * Checks the default against the range.
   *
   * @throws FieldException if the default has another type or is out of range
   * @throws IllegalArgumentException if there is no such range
   */
  public Parameter {
    if (!(min <= max) || (!type.isNumeric() && (min != 0 || max != 0))) {
      throw new IllegalArgumentException(
          "parameter '" + name + "' is " + type + " and has the range " + min + ".." + max);
    }
    choices = List.copyOf(choices);
    defaultValue = accept(name, type, min, max, choices, defaultValue);
  }

  /**
   * A whole number.
   *
   * @param name its name
   * @param otherwise its default
   * @param min least value
   * @param max largest value
   * @param description what it does
   * @return the parameter
   */
  public static Parameter integer(
      String name, long otherwise, long min, long max, String description) {
    return new Parameter(name, Type.INTEGER, otherwise, min, max, List.of(), description);
  }

  /**
   * A number.
   *
   * @param name its name
   * @param otherwise its default
   * @param min least value
   * @param max largest value
   * @param description what it does
   * @return the parameter
   */
  public static Parameter number(
      String name, double otherwise, double min, double max, String description) {
    return new Parameter(name, Type.NUMBER, otherwise, min, max, List.of(), description);
  }

  /**
   * True or false.
   *
   * @param name its name
   * @param otherwise its default
   * @param description what it does
   * @return the parameter
   */
  public static Parameter flag(String name, boolean otherwise, String description) {
    return new Parameter(name, Type.BOOLEAN, otherwise, 0, 0, List.of(), description);
  }

  /**
   * One of some texts.
   *
   * @param name its name
   * @param otherwise its default
   * @param choices the texts there are
   * @param description what it does
   * @return the parameter
   */
  public static Parameter choice(
      String name, String otherwise, List<String> choices, String description) {
    return new Parameter(name, Type.TEXT, otherwise, 0, 0, choices, description);
  }

  /**
   * A parameter without a range whose default is empty.
   *
   * @param name its name
   * @param type TEXTS or WEIGHTS
   * @param description what it does
   * @return the parameter
   */
  public static Parameter empty(String name, Type type, String description) {
    Object none = type == Type.WEIGHTS ? Map.of() : List.of();
    return new Parameter(name, type, none, 0, 0, List.of(), description);
  }

  /**
   * Checks a value and gives it its type.
   *
   * @param value a Number, Boolean, String, List or Map
   * @return a value as {@link Type} says
   * @throws FieldException if it has another type or is out of range
   */
  public Object accept(Object value) {
    return accept(name, type, min, max, choices, value);
  }

  private static Object accept(
      String name, Type type, double min, double max, List<String> choices, Object value) {
    Object typed = typed(type, value);
    if (typed == null) {
      throw new FieldException(
          "parameter", name, "must be " + type + ", got " + Values.brief(value));
    }
    if (typed instanceof Number n && (n.doubleValue() < min || n.doubleValue() > max)) {
      throw new FieldException(
          "parameter",
          name,
          "is " + n + "; it must be in " + Values.number(min) + ".." + Values.number(max));
    }
    if (typed instanceof String s && !choices.isEmpty() && !choices.contains(s)) {
      throw new FieldException(
          "parameter", name, "is '" + s + "'; it must be one of " + String.join(", ", choices));
    }
    return typed;
  }

  private static @Nullable Object typed(Type type, Object value) {
    return switch (type) {
      case INTEGER -> value instanceof Number n ? Values.exactLong(n) : null;
      case NUMBER ->
          value instanceof Number n && Double.isFinite(n.doubleValue()) ? n.doubleValue() : null;
      case BOOLEAN -> value instanceof Boolean ? value : null;
      case TEXT -> value instanceof String ? value : null;
      case TEXTS -> value instanceof List<?> l ? Values.texts(l) : null;
      case WEIGHTS -> value instanceof Map<?, ?> m ? Values.weights(m) : null;
    };
  }
}
