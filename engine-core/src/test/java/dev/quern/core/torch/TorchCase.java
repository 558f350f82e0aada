package dev.quern.core.torch;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.npy.NpyArray;
import dev.quern.core.io.npy.NpzFile;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.io.Serial;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A case: its arrays as tensors, its attributes. */
final class TorchCase {
  /** Something that Quern can't express; says what. */
  static final class Uncovered extends RuntimeException {
    @Serial private static final long serialVersionUID = 1L;

    Uncovered(String what) {
      super(what);
    }
  }

  private final Engine engine;
  private final JsonNode json;
  private final NpzFile arrays;
  private final Map<String, Tensor> inputs = new LinkedHashMap<>();

  TorchCase(Engine engine, JsonNode json, NpzFile arrays) {
    this.engine = engine;
    this.json = json;
    this.arrays = arrays;
    for (JsonNode n : json.get("inputs")) {
      inputs.put(n.asText(), input(n.asText()));
    }
  }

  private Tensor input(String name) {
    JsonNode view = json.path("views").path(name);
    if (view.isMissingNode()) {
      return array(name);
    }
    Tensor base = array(view.get("base").asText());
    long[] strides = longs(view.get("stride"));
    Layout layout =
        Layout.of(
            Shape.of(longs(view.get("size"))), strides, view.path("storage_offset").asLong(0));
    return new Tensor(engine, base.dtype(), layout, base.storage());
  }

  private static long[] longs(JsonNode list) {
    long[] values = new long[list.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = list.get(i).asLong();
    }
    return values;
  }

  Engine engine() {
    return engine;
  }

  String op() {
    return json.get("op").asText();
  }

  double rtol() {
    return json.get("rtol").asDouble();
  }

  double atol() {
    return json.get("atol").asDouble();
  }

  boolean isSecondOrder() {
    return json.path("second_order").asBoolean();
  }

  /** An array of the file. */
  Tensor array(String name) {
    NpyArray a = arrays.read(name);
    return engine.tensor(a.spec(), a.data());
  }

  boolean hasArray(String name) {
    return arrays.names().contains(name);
  }

  List<String> names(String list) {
    List<String> names = new ArrayList<>();
    json.get(list).forEach(n -> names.add(n.asText()));
    return names;
  }

  boolean has(String input) {
    return inputs.containsKey(input);
  }

  /** An input. */
  Tensor in(String name) {
    Tensor t = inputs.get(name);
    if (t == null) {
      throw new Uncovered("no input " + name);
    }
    return t;
  }

  @Nullable Tensor optional(String name) {
    return inputs.get(name);
  }

  /** An input, or an attribute of that name as a scalar of the case's dtype. */
  Tensor operand(String name) {
    Tensor t = inputs.get(name);
    if (t != null) {
      return t;
    }
    Tensor like = inputs.values().iterator().next();
    return engine.full((ScalarType) like.dtype(), number(name)).reshape(Shape.SCALAR);
  }

  /** The inputs of a list argument. */
  List<Tensor> list(String name) {
    List<Tensor> list = new ArrayList<>();
    for (int i = 0; inputs.containsKey(name + "." + i); i++) {
      list.add(in(name + "." + i));
    }
    return list;
  }

  private JsonNode attribute(String name) {
    return json.get("attributes").path(name);
  }

  boolean isSet(String attribute) {
    return !attribute(attribute).isMissingNode() && !attribute(attribute).isNull();
  }

  String text(String name, String otherwise) {
    return isSet(name) ? attribute(name).asText() : otherwise;
  }

  boolean flag(String name, boolean otherwise) {
    return isSet(name) ? attribute(name).asBoolean() : otherwise;
  }

  /** A number; infinities may be text. */
  double number(String name) {
    JsonNode n = attribute(name);
    if (n.isTextual()) {
      return switch (n.asText()) {
        case "inf", "Infinity" -> Double.POSITIVE_INFINITY;
        case "-inf", "-Infinity" -> Double.NEGATIVE_INFINITY;
        case "fro" -> 2;
        default -> throw new Uncovered(name + " = " + n.asText());
      };
    }
    if (!n.isNumber()) {
      throw new Uncovered("no number " + name);
    }
    return n.asDouble();
  }

  double number(String name, double otherwise) {
    return isSet(name) ? number(name) : otherwise;
  }

  long integer(String name, long otherwise) {
    return isSet(name) ? attribute(name).asLong() : otherwise;
  }

  /** A list of integers; a single one counts as a list. */
  int[] integers(String name) {
    JsonNode n = attribute(name);
    if (!n.isArray()) {
      return isSet(name) ? new int[] {n.asInt()} : new int[0];
    }
    int[] values = new int[n.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = n.get(i).asInt();
    }
    return values;
  }

  /** One integer per spatial axis. */
  List<Integer> perAxis(String name, int axes, int otherwise) {
    int[] given = integers(name);
    List<Integer> values = new ArrayList<>();
    for (int i = 0; i < axes; i++) {
      values.add(given.length == 0 ? otherwise : given[given.length == 1 ? 0 : i]);
    }
    return List.copyOf(values);
  }
}
