package dev.quern.transformer.train.config;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a key's value may be: a text, a whole number, a number, a flag, a list of these, or names
 * with values of one type. Immutable; the methods that narrow a type give a new one.
 *
 * <p>A plain scalar that YAML reads as a number or as {@code true} is no text: it is written in
 * quotes. A whole number is a number, not the reverse.
 */
public final class ConfigType {
  private static final int MOST_NAMES = 1000;

  /** The form of a type's values. */
  enum Form {
    TEXT,
    INTEGER,
    NUMBER,
    FLAG,
    LIST,
    MAP
  }

  private final Form form;
  private final List<String> choices;
  private final Range range;
  private final List<ConfigType> element; // of a list or map: its values' type, alone

  private ConfigType(Form form, List<String> choices, Range range, List<ConfigType> element) {
    this.form = form;
    this.choices = choices;
    this.range = range;
    this.element = element;
  }

  private static ConfigType of(Form form, ConfigType... element) {
    return new ConfigType(form, List.of(), Range.ALL, List.of(element));
  }

  /**
   * A text.
   *
   * @return the type
   */
  public static ConfigType text() {
    return of(Form.TEXT);
  }

  /**
   * A whole number of 64 bits.
   *
   * @return the type
   */
  public static ConfigType integer() {
    return of(Form.INTEGER);
  }

  /**
   * A finite number, F64.
   *
   * @return the type
   */
  public static ConfigType number() {
    return of(Form.NUMBER);
  }

  /**
   * {@code true} or {@code false}.
   *
   * @return the type
   */
  public static ConfigType flag() {
    return of(Form.FLAG);
  }

  /**
   * A list.
   *
   * @param element what each element may be: a text, a whole number, a number or a flag
   * @return the type
   */
  public static ConfigType listOf(ConfigType element) {
    return of(Form.LIST, element.scalar());
  }

  /**
   * Names that are not declared, with values: a section whose keys somebody else knows.
   *
   * @param value what each value may be: a text, a whole number, a number or a flag
   * @return the type
   */
  public static ConfigType mapOf(ConfigType value) {
    return of(Form.MAP, value.scalar());
  }

  private ConfigType scalar() {
    if (form == Form.LIST || form == Form.MAP) {
      throw new IllegalArgumentException("[ConfigType] lists and maps hold scalars, not " + this);
    }
    return this;
  }

  /**
   * Narrows texts to a choice.
   *
   * @param texts the values allowed
   * @return the type
   */
  public ConfigType oneOf(String... texts) {
    return oneOf(List.of(texts));
  }

  /**
   * Narrows texts to a choice.
   *
   * @param texts the values allowed
   * @return the type
   */
  public ConfigType oneOf(List<String> texts) {
    need(Form.TEXT, Form.TEXT);
    return new ConfigType(form, List.copyOf(texts), range, element);
  }

  /**
   * Narrows numbers.
   *
   * @param least the least value allowed
   * @return the type
   */
  public ConfigType atLeast(double least) {
    return within(new Range(least, false, range.greatest(), range.greatestOpen()));
  }

  /**
   * Narrows numbers.
   *
   * @param bound what values are greater than
   * @return the type
   */
  public ConfigType above(double bound) {
    return within(new Range(bound, true, range.greatest(), range.greatestOpen()));
  }

  /**
   * Narrows numbers.
   *
   * @param greatest the greatest value allowed
   * @return the type
   */
  public ConfigType atMost(double greatest) {
    return within(new Range(range.least(), range.leastOpen(), greatest, false));
  }

  /**
   * Narrows numbers.
   *
   * @param bound what values are less than
   * @return the type
   */
  public ConfigType below(double bound) {
    return within(new Range(range.least(), range.leastOpen(), bound, true));
  }

  private ConfigType within(Range narrower) {
    need(Form.INTEGER, Form.NUMBER);
    return new ConfigType(form, choices, narrower, element);
  }

  private void need(Form one, Form other) {
    if (form != one && form != other) {
      throw new IllegalArgumentException("[ConfigType] " + this + " can't be narrowed so");
    }
  }

  Form form() {
    return form;
  }

  /** The type of a list's elements or a map's values. */
  ConfigType element() {
    return element.getFirst();
  }

  /**
   * The value of a node.
   *
   * @return String, Long, Double, Boolean, or an unmodifiable List or Map of them
   * @throws Mismatch if it is not of this type
   */
  Object read(Yaml node) throws Mismatch {
    return switch (form) {
      case LIST -> list(node);
      case MAP -> map(node);
      default -> scalar(node);
    };
  }

  private List<Object> list(Yaml node) throws Mismatch {
    if (!(node instanceof Yaml.Sequence sequence)) {
      throw new Mismatch(node, "", toString());
    }
    List<Object> values = new ArrayList<>();
    for (Yaml e : sequence.elements()) {
      values.add(inside("[" + values.size() + "]", e));
    }
    return Collections.unmodifiableList(values);
  }

  private Map<String, Object> map(Yaml node) throws Mismatch {
    if (!(node instanceof Yaml.Mapping mapping) || mapping.entries().size() > MOST_NAMES) {
      throw new Mismatch(node, "", this + " (at most " + MOST_NAMES + ")");
    }
    Map<String, Object> values = new LinkedHashMap<>();
    for (Map.Entry<String, Yaml.Entry> e : mapping.entries().entrySet()) {
      values.put(e.getKey(), inside("." + Scalars.shown(e.getKey()), e.getValue().value()));
    }
    return Collections.unmodifiableMap(values);
  }

  private Object inside(String below, Yaml node) throws Mismatch {
    try {
      return element().read(node);
    } catch (Mismatch e) {
      throw new Mismatch(e.node, below, e.wanted);
    }
  }

  private Object scalar(Yaml node) throws Mismatch {
    if (!(node instanceof Yaml.Scalar scalar)) {
      throw new Mismatch(node, "", toString());
    }
    Scalars.Kind kind = scalar.kind();
    String text = scalar.text();
    try {
      Object value =
          switch (form) {
            case TEXT -> kind == Scalars.Kind.TEXT ? text : null;
            case INTEGER -> kind == Scalars.Kind.INTEGER ? (Object) Scalars.integer(text) : null;
            case FLAG -> kind == Scalars.Kind.FLAG ? Boolean.parseBoolean(text) : null;
            default -> numeric(kind) ? (Object) Scalars.number(text) : null;
          };
      if (value != null && allows(value)) {
        return value;
      }
    } catch (NumberFormatException e) {
      throw new Mismatch(node, "", this + ", of at most 64 bits");
    }
    boolean unquoted =
        form == Form.TEXT && kind != Scalars.Kind.TEXT && kind != Scalars.Kind.NOTHING;
    throw new Mismatch(node, "", unquoted ? this + ", in quotes" : toString());
  }

  private static boolean numeric(Scalars.Kind kind) {
    return kind == Scalars.Kind.INTEGER || kind == Scalars.Kind.NUMBER;
  }

  private boolean allows(Object value) {
    return switch (value) {
      case String text -> choices.isEmpty() || choices.contains(text);
      case Double number -> Double.isFinite(number) && range.contains(number);
      case Long number -> range.contains(number);
      default -> true;
    };
  }

  /**
   * A default that a program gives, as {@link #read} would give it.
   *
   * @throws IllegalArgumentException if it is not of this type
   */
  Object checked(Object value) {
    Object plain =
        switch (value) {
          case Integer i when form == Form.NUMBER -> (double) i;
          case Integer i -> (long) i;
          case Long l when form == Form.NUMBER -> (double) l;
          case Float f -> (double) f;
          case List<?> list when form == Form.LIST ->
              list.stream().map(element()::checked).toList();
          case Map<?, ?> map when form == Form.MAP -> {
            Map<String, Object> values = new LinkedHashMap<>();
            map.forEach((name, v) -> values.put((String) name, element().checked(v)));
            yield Collections.unmodifiableMap(values);
          }
          default -> value;
        };
    boolean right =
        switch (form) {
          case TEXT -> plain instanceof String;
          case INTEGER -> plain instanceof Long;
          case NUMBER -> plain instanceof Double;
          case FLAG -> plain instanceof Boolean;
          case LIST -> plain instanceof List;
          case MAP -> plain instanceof Map;
        };
    if (!right || !allows(plain)) {
      throw new IllegalArgumentException("[ConfigType] " + value + " is not " + this);
    }
    return plain;
  }

  /**
   * The type in words, such as {@code a whole number of at least 1}.
   *
   * @return a phrase
   */
  @Override
  public String toString() {
    return switch (form) {
      case TEXT -> choices.isEmpty() ? "a text" : "one of " + String.join(", ", choices);
      case INTEGER -> "a whole number" + range.phrase();
      case NUMBER -> "a number" + range.phrase();
      case FLAG -> "true or false";
      case LIST -> "a list, each of it " + element();
      case MAP -> "a section of names, each with " + element();
    };
  }

  /** A node that is not of a type. */
  static final class Mismatch extends Exception {
    private static final long serialVersionUID = 1L;

    final transient Yaml node;
    final String below;
    final String wanted;

    private Mismatch(Yaml node, String below, String wanted) {
      super(wanted, null, false, false);
      this.node = node;
      this.below = below;
      this.wanted = wanted;
    }
  }
}
