package dev.quern.transformer.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.type.FormatException;
import java.util.ArrayList;
import java.util.List;

/** A JSON object that knows where it stands, so that an error can say so. Immutable. */
public final class JsonRow implements Row {
  private final String place;
  private final ObjectNode node;

  JsonRow(String place, ObjectNode node) {
    this.place = place;
    this.node = node;
  }

  @Override
  public boolean has(String field) {
    return node.hasNonNull(field);
  }

  @Override
  public String text(String field) {
    JsonNode value = need(field, "a text");
    if (!value.isTextual()) {
      throw wrong(field, "a text", value);
    }
    return value.textValue();
  }

  @Override
  public int integer(String field) {
    return integer(field, need(field, "a whole number"));
  }

  @Override
  public double number(String field) {
    JsonNode value = need(field, "a number");
    if (!value.isNumber()) {
      throw wrong(field, "a number", value);
    }
    return value.doubleValue();
  }

  @Override
  public int[] integers(String field) {
    JsonNode list = list(field, "a list of whole numbers");
    int[] values = new int[list.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = integer(field + "[" + i + "]", list.get(i));
    }
    return values;
  }

  /**
   * A list of objects, such as the turns of a conversation.
   *
   * @param field its name
   * @return the objects
   * @throws FormatException if it is missing or something else
   */
  public List<JsonRow> rows(String field) {
    JsonNode list = list(field, "a list of objects");
    List<JsonRow> rows = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      String inside = field + "[" + i + "]";
      if (!(list.get(i) instanceof ObjectNode object)) {
        throw wrong(inside, "an object", list.get(i));
      }
      rows.add(new JsonRow(place + ": " + inside, object));
    }
    return rows;
  }

  private JsonNode list(String field, String wanted) {
    JsonNode value = need(field, wanted);
    if (!value.isArray()) {
      throw wrong(field, wanted, value);
    }
    return value;
  }

  private int integer(String field, JsonNode value) {
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw wrong(field, "a whole number of 32 bits", value);
    }
    return value.intValue();
  }

  private JsonNode need(String field, String wanted) {
    JsonNode value = node.get(field);
    if (value == null || value.isNull()) {
      throw new FormatException(
          "%s: %s is missing; need %s (there are %s)"
              .formatted(place, field, wanted, String.join(", ", names())));
    }
    return value;
  }

  private List<String> names() {
    List<String> names = new ArrayList<>();
    node.fieldNames().forEachRemaining(names::add);
    return names;
  }

  private FormatException wrong(String field, String wanted, JsonNode found) {
    String shown = found.toString();
    return new FormatException(
        "%s: %s: need %s, found %s"
            .formatted(place, field, wanted, shown.length() > 60 ? shown.substring(0, 60) : shown));
  }

  /** The object as JSON. */
  @Override
  public String toString() {
    return node.toString();
  }
}
