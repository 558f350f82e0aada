package dev.quern.core.op;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.core.type.DType;
import dev.quern.core.type.Shape;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The records of the sealed family, found by walking it. */
final class OpFamily {
  private OpFamily() {}

  /**
   * Every record of the vocabulary by its simple name. {@link CustomOp} is open and has none;
   * {@link FusedOp}s are made by plans alone, from operations that are listed.
   */
  static Map<String, Class<?>> records() {
    Map<String, Class<?>> found = new LinkedHashMap<>();
    walk(Op.class, found);
    return found;
  }

  private static void walk(Class<?> type, Map<String, Class<?>> found) {
    if (type.isRecord()) {
      if (found.put(type.getSimpleName(), type) != null) {
        throw new IllegalStateException("two operations are called " + type.getSimpleName());
      }
    } else if (type.isSealed() && type != FusedOp.class) {
      for (Class<?> t : type.getPermittedSubclasses()) {
        walk(t, found);
      }
    }
  }

  /** An operation from its name and its components. */
  static Op make(String name, JsonNode attributes) {
    Class<?> type = records().get(name);
    if (type == null) {
      throw new IllegalArgumentException("no operation is called " + name);
    }
    RecordComponent[] components = type.getRecordComponents();
    Object[] values = new Object[components.length];
    for (int i = 0; i < values.length; i++) {
      JsonNode v = attributes.get(components[i].getName());
      if (v == null) {
        throw new IllegalArgumentException(name + " lacks " + components[i].getName());
      }
      values[i] = value(components[i].getType(), v);
    }
    Class<?>[] types =
        Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
    try {
      var constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return (Op) constructor.newInstance(values);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Object value(Class<?> type, JsonNode v) {
    if (Op.class.isAssignableFrom(type)) {
      return make(type.getSimpleName(), v);
    }
    return switch (type.getSimpleName()) {
      case "boolean" -> v.isBoolean() ? v.asBoolean() : v.asInt() != 0;
      case "int" -> v.asInt();
      case "long" -> v.asLong();
      case "float" -> (float) number(v);
      case "double" -> number(v);
      case "List" -> {
        List<Integer> list = new ArrayList<>();
        v.forEach(e -> list.add(e.asInt()));
        yield List.copyOf(list);
      }
      case "Shape" -> shape(v);
      case "DType", "ScalarType" -> DType.of(v.asText());
      default -> constant(type, v.asText());
    };
  }

  private static Object constant(Class<?> type, String name) {
    for (Object c : type.getEnumConstants()) {
      if (c.toString().equals(name)) {
        return c;
      }
    }
    throw new IllegalArgumentException(type + " has no " + name);
  }

  static Shape shape(JsonNode v) {
    long[] dims = new long[v.size()];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = v.get(i).asLong();
    }
    return Shape.of(dims);
  }

  static double number(JsonNode v) {
    return v.isTextual() ? Double.parseDouble(v.asText()) : v.asDouble();
  }
}
