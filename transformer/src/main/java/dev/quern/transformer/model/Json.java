package dev.quern.transformer.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reading and writing of the canonical JSON forms: strict, and errors name the field. */
final class Json {
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private Json() {}

  static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  static String write(JsonNode node) {
    return node.toString();
  }

  /** Parses an object whose members are all known. */
  static ObjectNode read(String json, Set<String> known) {
    return known(read(json), known);
  }

  private static ObjectNode known(ObjectNode node, Set<String> known) {
    for (Iterator<String> names = node.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (!known.contains(name)) {
        throw new FieldException("field", name, "is unknown; there are " + sorted(known));
      }
    }
    return node;
  }

  static ObjectNode read(String json) {
    try {
      if (MAPPER.readTree(json) instanceof ObjectNode node) {
        return node;
      }
      throw new FieldException("field", "", "must be a JSON object");
    } catch (JsonProcessingException e) {
      throw new FieldException("field", "", "must be a JSON object: " + e.getOriginalMessage());
    }
  }

  private static String sorted(Set<String> names) {
    return String.join(", ", names.stream().sorted().toList());
  }

  static String text(JsonNode node, String field) {
    JsonNode v = need(node, field, "a text");
    if (!v.isTextual()) {
      throw wrong(field, "a text", v);
    }
    return v.textValue();
  }

  static @Nullable String optionalText(JsonNode node, String field) {
    return node.path(field).isMissingNode() || node.path(field).isNull() ? null : text(node, field);
  }

  static int integer(JsonNode node, String field) {
    JsonNode v = need(node, field, "a whole number");
    if (!v.canConvertToInt() || !v.isIntegralNumber()) {
      throw wrong(field, "a whole number", v);
    }
    return v.intValue();
  }

  static long longInteger(JsonNode node, String field) {
    JsonNode v = need(node, field, "a whole number");
    if (!v.canConvertToLong() || !v.isIntegralNumber()) {
      throw wrong(field, "a whole number", v);
    }
    return v.longValue();
  }

  static boolean flag(JsonNode node, String field) {
    JsonNode v = need(node, field, "true or false");
    if (!v.isBoolean()) {
      throw wrong(field, "true or false", v);
    }
    return v.booleanValue();
  }

  static double number(JsonNode node, String field) {
    JsonNode v = need(node, field, "a number");
    if (!v.isNumber()) {
      throw wrong(field, "a number", v);
    }
    return v.doubleValue();
  }

  static List<JsonNode> list(JsonNode node, String field) {
    JsonNode v = need(node, field, "a list");
    if (!v.isArray()) {
      throw wrong(field, "a list", v);
    }
    List<JsonNode> list = new ArrayList<>();
    v.forEach(list::add);
    return list;
  }

  static List<String> texts(JsonNode node, String field) {
    List<String> list = new ArrayList<>();
    for (JsonNode v : list(node, field)) {
      if (!v.isTextual()) {
        throw wrong(field, "a list of texts", v);
      }
      list.add(v.textValue());
    }
    return List.copyOf(list);
  }

  /** A list of objects whose members are all known. */
  static List<ObjectNode> objects(JsonNode node, String field, Set<String> known) {
    List<ObjectNode> list = new ArrayList<>();
    for (JsonNode v : list(node, field)) {
      list.add(object(field, v, known));
    }
    return list;
  }

  /** An object whose members are all known. */
  static ObjectNode object(String field, JsonNode v, Set<String> known) {
    return known(object(field, v), known);
  }

  static ObjectNode object(String field, JsonNode v) {
    if (v instanceof ObjectNode object) {
      return object;
    }
    throw wrong(field, "an object", v);
  }

  /** Texts by name, as an object holds them. */
  static Map<String, String> textsByName(JsonNode node, String field) {
    ObjectNode all = object(field, node.path(field));
    Map<String, String> texts = new LinkedHashMap<>();
    all.fieldNames().forEachRemaining(name -> texts.put(name, text(all, name)));
    return texts;
  }

  static List<Integer> integers(JsonNode node, String field) {
    List<Integer> list = new ArrayList<>();
    for (JsonNode v : list(node, field)) {
      if (!v.isIntegralNumber() || !v.canConvertToInt()) {
        throw wrong(field, "a list of whole numbers", v);
      }
      list.add(v.intValue());
    }
    return List.copyOf(list);
  }

  /** A value as {@link Parameter#accept} takes it. */
  static Object value(String field, JsonNode v) {
    if (v.isTextual()) {
      return v.textValue();
    }
    if (v.isBoolean()) {
      return v.booleanValue();
    }
    if (v.isIntegralNumber() && v.canConvertToLong()) {
      return v.longValue();
    }
    if (v.isNumber()) {
      return v.doubleValue();
    }
    if (v.isArray()) {
      List<Object> list = new ArrayList<>();
      v.forEach(e -> list.add(value(field, e)));
      return list;
    }
    if (v.isObject()) {
      Map<String, Object> map = new LinkedHashMap<>();
      v.properties().forEach(e -> map.put(e.getKey(), value(field, e.getValue())));
      return map;
    }
    throw new FieldException("field", field, "can't be null; leave it out for its default");
  }

  /** Members beside the given ones, as parameters. */
  static Map<String, Object> parameters(ObjectNode node, Set<String> without) {
    Map<String, Object> parameters = new LinkedHashMap<>();
    node.properties()
        .forEach(
            e -> {
              if (!without.contains(e.getKey())) {
                parameters.put(e.getKey(), value(e.getKey(), e.getValue()));
              }
            });
    return parameters;
  }

  static void put(ObjectNode node, Map<String, ?> parameters) {
    parameters.forEach((name, value) -> node.set(name, MAPPER.valueToTree(value)));
  }

  /** Writes a number, a whole one without a fraction; infinity is left out. */
  static void putFinite(ObjectNode node, String field, double x) {
    if (x == Math.rint(x) && Math.abs(x) <= 0x1p53) {
      node.put(field, (long) x);
    } else if (Double.isFinite(x)) {
      node.put(field, x);
    }
  }

  /** Writes a text unless it is null. */
  static void putKnown(ObjectNode node, String field, @Nullable String text) {
    if (text != null) {
      node.put(field, text);
    }
  }

  static JsonNode need(JsonNode node, String field, String wanted) {
    JsonNode v = node.path(field);
    if (v.isMissingNode() || v.isNull()) {
      throw new FieldException("field", field, "is missing; it must be " + wanted);
    }
    return v;
  }

  private static FieldException wrong(String field, String wanted, JsonNode found) {
    return new FieldException(
        "field", field, "must be " + wanted + ", got " + Values.brief(found.toString()));
  }
}
