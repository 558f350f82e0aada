package dev.quern.transformer.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.CharConversionException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A value in a JSON file that knows where it stands, so that an error can say so.
 *
 * @param source name of the file
 * @param path place in it, such as {@code model.merges[3]}
 * @param node the value
 */
record JsonPlace(String source, String path, JsonNode node) {
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          .build();

  /** Reads a file whose value has to be an object. */
  static JsonPlace read(Path file) {
    String source = file.toString();
    try (var in = Files.newInputStream(file)) {
      return new JsonPlace(source, "the file", MAPPER.readTree(in)).needObject();
    } catch (JsonProcessingException e) {
      throw Malformed.at(source, "the file", "not valid JSON: " + e.getOriginalMessage(), e);
    } catch (CharConversionException e) {
      throw Malformed.at(source, "the file", "not UTF-8: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
    }
  }

  JsonPlace needObject() {
    if (!node.isObject()) {
      throw wrong("an object");
    }
    return this;
  }

  /** The value of a key; null if it is missing or JSON's null. */
  @Nullable JsonPlace find(String key) {
    JsonNode value = node.get(key);
    return value == null || value.isNull() ? null : at(key, value);
  }

  JsonPlace need(String key) {
    JsonPlace value = find(key);
    if (value == null) {
      throw Malformed.at(source, inside(key), "missing");
    }
    return value;
  }

  /** The elements of an array. */
  List<JsonPlace> elements() {
    if (!node.isArray()) {
      throw wrong("an array");
    }
    List<JsonPlace> result = new ArrayList<>(node.size());
    for (int i = 0; i < node.size(); i++) {
      result.add(new JsonPlace(source, path + "[" + i + "]", node.get(i)));
    }
    return result;
  }

  /** The elements of the array of a key; none if it is missing. */
  List<JsonPlace> list(String key) {
    JsonPlace value = find(key);
    return value == null ? List.of() : value.elements();
  }

  String text() {
    if (!node.isTextual()) {
      throw wrong("a string");
    }
    return node.textValue();
  }

  String text(String key) {
    return need(key).text();
  }

  String text(String key, String fallback) {
    JsonPlace value = find(key);
    return value == null ? fallback : value.text();
  }

  boolean bool(String key, boolean fallback) {
    JsonPlace value = find(key);
    if (value == null) {
      return fallback;
    }
    if (!value.node.isBoolean()) {
      throw value.wrong("a boolean");
    }
    return value.node.booleanValue();
  }

  int integer() {
    if (!node.isIntegralNumber() || !node.canConvertToInt()) {
      throw wrong("an integer");
    }
    return node.intValue();
  }

  int integer(String key, int fallback) {
    JsonPlace value = find(key);
    return value == null ? fallback : value.integer();
  }

  RuntimeException wrong(String wanted) {
    return Malformed.at(source, path, "need " + wanted + ", found " + shown());
  }

  RuntimeException unsupported(String what) {
    return Malformed.unsupported(source, path, what);
  }

  private String shown() {
    return node.isValueNode()
        ? Malformed.quote(node.asText())
        : node.getNodeType().toString().toLowerCase(java.util.Locale.ROOT);
  }

  private JsonPlace at(String key, JsonNode value) {
    return new JsonPlace(source, inside(key), value);
  }

  private String inside(String key) {
    return path.equals("the file") ? key : path + "." + key;
  }
}
