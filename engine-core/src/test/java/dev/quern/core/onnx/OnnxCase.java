package dev.quern.core.onnx;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.npy.NpzFile;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One case: an operator, its attributes, its inputs and the outputs that are expected. */
final class OnnxCase {
  /** Why a case is outside what Quern's operations cover. */
  static final class Uncovered extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Uncovered(String reason) {
      super(reason);
    }
  }

  private static final Map<String, ScalarType> DTYPES =
      Map.ofEntries(
          Map.entry("float64", ScalarType.F64),
          Map.entry("float32", ScalarType.F32),
          Map.entry("float16", ScalarType.F16),
          Map.entry("bfloat16", ScalarType.BF16),
          Map.entry("float8e4m3fn", ScalarType.F8_E4M3),
          Map.entry("int64", ScalarType.I64),
          Map.entry("int32", ScalarType.I32),
          Map.entry("int16", ScalarType.I16),
          Map.entry("int8", ScalarType.I8),
          Map.entry("uint8", ScalarType.U8),
          Map.entry("bool", ScalarType.BOOL));

  /** ONNX's numbers of element types, as the attribute {@code to} has them. */
  private static final Map<Long, ScalarType> NUMBERED =
      Map.ofEntries(
          Map.entry(1L, ScalarType.F32),
          Map.entry(2L, ScalarType.U8),
          Map.entry(3L, ScalarType.I8),
          Map.entry(5L, ScalarType.I16),
          Map.entry(6L, ScalarType.I32),
          Map.entry(7L, ScalarType.I64),
          Map.entry(9L, ScalarType.BOOL),
          Map.entry(10L, ScalarType.F16),
          Map.entry(11L, ScalarType.F64),
          Map.entry(16L, ScalarType.BF16),
          Map.entry(17L, ScalarType.F8_E4M3));

  final Engine engine;
  private final JsonNode json;
  private final List<@Nullable Tensor> inputs;
  private final List<@Nullable Tensor> outputs;

  OnnxCase(Engine engine, JsonNode json, NpzFile arrays) {
    this.engine = engine;
    this.json = json;
    this.inputs = tensors(json.get("inputs"), arrays);
    this.outputs = tensors(json.get("outputs"), arrays);
  }

  private List<@Nullable Tensor> tensors(JsonNode list, NpzFile arrays) {
    List<@Nullable Tensor> tensors = new ArrayList<>();
    for (JsonNode n : list) {
      if (n.isNull()) {
        tensors.add(null);
        continue;
      }
      ScalarType type = DTYPES.get(n.get("dtype").asText());
      if (type == null) {
        throw new Uncovered("dtype " + n.get("dtype").asText());
      }
      long[] dims = new long[n.get("shape").size()];
      for (int i = 0; i < dims.length; i++) {
        dims[i] = n.get("shape").get(i).asLong();
      }
      var array = arrays.read(n.get("array").asText());
      tensors.add(engine.tensor(new TensorSpec(type, Shape.of(dims)), array.data()));
    }
    return tensors;
  }

  String operator() {
    return json.get("op_type").asText();
  }

  long opset() {
    return json.get("opset").asLong();
  }

  /** The expected outputs; null where one is not wanted. */
  List<@Nullable Tensor> expected() {
    return outputs;
  }

  int inputCount() {
    return inputs.size();
  }

  boolean has(int input) {
    return input < inputs.size() && inputs.get(input) != null;
  }

  Tensor in(int input) {
    Tensor t = input < inputs.size() ? inputs.get(input) : null;
    if (t == null) {
      throw new IllegalArgumentException("there is no input " + input);
    }
    return t;
  }

  /** An input that holds a list of numbers. */
  long[] longs(int input) {
    return in(input).toLongs();
  }

  private @Nullable JsonNode attribute(String name) {
    JsonNode a = json.get("attributes").get(name);
    return a == null ? null : a.get("data") == null ? a.get("value") : a;
  }

  boolean hasAttribute(String name) {
    return attribute(name) != null;
  }

  long integer(String name, long otherwise) {
    JsonNode a = attribute(name);
    return a == null ? otherwise : a.asLong();
  }

  double number(String name, double otherwise) {
    JsonNode a = attribute(name);
    return a == null ? otherwise : a.isTextual() ? Double.parseDouble(a.asText()) : a.asDouble();
  }

  String text(String name, String otherwise) {
    JsonNode a = attribute(name);
    return a == null ? otherwise : a.asText();
  }

  int[] integers(String name) {
    JsonNode a = attribute(name);
    int[] v = new int[a == null ? 0 : a.size()];
    for (int i = 0; i < v.length; i++) {
      v[i] = a == null ? 0 : a.get(i).asInt();
    }
    return v;
  }

  /** The only element of a tensor attribute, and its dtype. */
  double element(String name, double otherwise) {
    JsonNode a = json.get("attributes").get(name);
    return a == null ? otherwise : tensor(a).get("data").get(0).asDouble();
  }

  ScalarType elementType(String name, ScalarType otherwise) {
    JsonNode a = json.get("attributes").get(name);
    return a == null ? otherwise : DTYPES.get(tensor(a).get("dtype").asText());
  }

  private static JsonNode tensor(JsonNode a) {
    return a.has("data") ? a : a.get("value");
  }

  ScalarType dtype(String name) {
    ScalarType t = NUMBERED.get(integer(name, 0));
    if (t == null) {
      throw new Uncovered("dtype number " + integer(name, 0));
    }
    return t;
  }
}
