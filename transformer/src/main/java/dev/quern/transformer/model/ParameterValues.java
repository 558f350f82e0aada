package dev.quern.transformer.model;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A checked value for every parameter of a signature. */
public final class ParameterValues {
  private final Map<String, Object> values;

  ParameterValues(Map<String, Object> values) {
    this.values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /**
   * All values.
   *
   * @return by name, in the order of the signature
   */
  public Map<String, Object> asMap() {
    return values;
  }

  /**
   * An {@link Parameter.Type#INTEGER}.
   *
   * @param name of the parameter
   * @return its value
   */
  public long integer(String name) {
    return get(name, Long.class);
  }

  /**
   * An {@link Parameter.Type#INTEGER} of 32 bits.
   *
   * @param name of the parameter, whose range is within 32 bits
   * @return its value
   */
  public int int32(String name) {
    return Math.toIntExact(integer(name));
  }

  /**
   * A {@link Parameter.Type#NUMBER}.
   *
   * @param name of the parameter
   * @return its value
   */
  public double number(String name) {
    return get(name, Double.class);
  }

  /**
   * A {@link Parameter.Type#BOOLEAN}.
   *
   * @param name of the parameter
   * @return its value
   */
  public boolean flag(String name) {
    return get(name, Boolean.class);
  }

  /**
   * A {@link Parameter.Type#TEXT}.
   *
   * @param name of the parameter
   * @return its value
   */
  public String text(String name) {
    return get(name, String.class);
  }

  /**
   * A {@link Parameter.Type#TEXTS}.
   *
   * @param name of the parameter
   * @return its value
   */
  public List<String> texts(String name) {
    List<?> list = get(name, List.class);
    return list.stream().map(String.class::cast).toList();
  }

  /**
   * A {@link Parameter.Type#WEIGHTS}.
   *
   * @param name of the parameter
   * @return its value
   */
  public Map<Integer, Double> weights(String name) {
    Map<?, ?> map = get(name, Map.class);
    Map<Integer, Double> weights = new LinkedHashMap<>();
    map.forEach((k, v) -> weights.put((Integer) k, (Double) v));
    return weights;
  }

  private <T> T get(String name, Class<T> type) {
    Object value = values.get(name);
    if (!type.isInstance(value)) {
      throw new FieldException("parameter", name, "is no " + type.getSimpleName() + " here");
    }
    return type.cast(value);
  }
}
