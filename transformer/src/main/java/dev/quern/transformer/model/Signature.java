package dev.quern.transformer.model;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.Shape;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What goes into a model and what comes out.
 *
 * @param inputs named values that go in
 * @param outputs named values that come out
 * @param parameters named settings of a call
 */
public record Signature(List<Port> inputs, List<Port> outputs, List<Parameter> parameters) {

  /**
   * Copies the lists and checks that names are unique.
   *
   * @throws IllegalArgumentException if a name comes twice in one list
   */
  public Signature {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
    parameters = List.copyOf(parameters);
    unique(inputs, Port::name);
    unique(outputs, Port::name);
    unique(parameters, Parameter::name);
  }

  /**
   * Reads the canonical form.
   *
   * @param json an object as {@link #toJson} writes it
   * @return the signature
   * @throws FieldException naming the field that is wrong, missing or unknown
   */
  public static Signature fromJson(String json) {
    return SignatureJson.read(json);
  }

  /**
   * Writes the canonical form: {@code inputs} and {@code outputs}, each {@code {name, types, axes:
   * [{name, min, max}], optional, description}}, and {@code parameters}, each {@code {name, type,
   * default, min, max, choices, description}}. Bounds are left out where there are none, choices
   * where any text will do.
   *
   * @return an object
   */
  public String toJson() {
    return SignatureJson.write(this);
  }

  private static <T> void unique(List<T> all, Function<T, String> name) {
    Set<String> seen = new HashSet<>();
    for (T t : all) {
      if (!seen.add(name.apply(t))) {
        throw new IllegalArgumentException("signature names '" + name.apply(t) + "' twice");
      }
    }
  }

  /**
   * An input of a name.
   *
   * @param name its name
   * @return the input, or null
   */
  public @Nullable Port input(String name) {
    return inputs.stream().filter(p -> p.name().equals(name)).findFirst().orElse(null);
  }

  /**
   * An output of a name.
   *
   * @param name its name
   * @return the output, or null
   */
  public @Nullable Port output(String name) {
    return outputs.stream().filter(p -> p.name().equals(name)).findFirst().orElse(null);
  }

  /**
   * A parameter of a name.
   *
   * @param name its name
   * @return the parameter, or null
   */
  public @Nullable Parameter parameter(String name) {
    return parameters.stream().filter(p -> p.name().equals(name)).findFirst().orElse(null);
  }

  /**
   * Checks tensors against the inputs: all there, none unknown, types and shapes right, axes of one
   * name of one extent.
   *
   * @param values by name
   * @return extent of each named axis
   * @throws FieldException naming the input that is wrong
   */
  public Map<String, Long> checkInputs(Map<String, Tensor> values) {
    for (String name : values.keySet()) {
      if (input(name) == null) {
        throw new FieldException(
            "input", name, "is unknown; there are " + names(inputs, Port::name));
      }
    }
    Map<String, Long> extents = new HashMap<>();
    for (Port p : inputs) {
      Tensor t = values.get(p.name());
      if (t != null) {
        check("input", p, t, extents);
      } else if (!p.optional()) {
        throw new FieldException("input", p.name(), "is missing; it must be " + p.form());
      }
    }
    return extents;
  }

  /**
   * Checks tensors against the outputs.
   *
   * @param values by name
   * @param extents of named axes, as {@link #checkInputs} gave them
   * @throws FieldException naming the output that is wrong
   */
  public void checkOutputs(Map<String, Tensor> values, Map<String, Long> extents) {
    Map<String, Long> all = new HashMap<>(extents);
    for (String name : values.keySet()) {
      if (output(name) == null) {
        throw new FieldException(
            "output", name, "is unknown; there are " + names(outputs, Port::name));
      }
    }
    for (Port p : outputs) {
      Tensor t = values.get(p.name());
      if (t != null) {
        check("output", p, t, all);
      } else if (!p.optional()) {
        throw new FieldException("output", p.name(), "is missing; it must be " + p.form());
      }
    }
  }

  private static void check(String kind, Port p, Tensor t, Map<String, Long> extents) {
    if (!p.types().contains(t.dtype().name())) {
      throw new FieldException(kind, p.name(), "must be " + p.form() + ", got " + t.spec());
    }
    Shape shape = t.shape();
    if (shape.rank() != p.axes().size()) {
      throw new FieldException(kind, p.name(), "must be " + p.form() + ", got " + t.spec());
    }
    for (int i = 0; i < shape.rank(); i++) {
      Axis axis = p.axes().get(i);
      long extent = shape.dim(i);
      if (extent < axis.min() || extent > axis.max()) {
        throw new FieldException(
            kind,
            p.name(),
            "must be "
                + p.form()
                + ", got "
                + t.spec()
                + ": axis '"
                + axis.name()
                + "' is out of"
                + " bounds");
      }
      Long known = extents.putIfAbsent(axis.name(), extent);
      if (known != null && known != extent) {
        throw new FieldException(
            kind,
            p.name(),
            "has extent "
                + extent
                + " on axis '"
                + axis.name()
                + "', which is "
                + known
                + " elsewhere");
      }
    }
  }

  /**
   * Checks settings against the parameters and fills the defaults in.
   *
   * @param given by name
   * @return a value of its type for every parameter
   * @throws FieldException naming the parameter that is unknown, of another type or out of range
   */
  public ParameterValues resolve(Map<String, ?> given) {
    for (String name : given.keySet()) {
      if (parameter(name) == null) {
        throw new FieldException(
            "parameter", name, "is unknown; there are " + names(parameters, Parameter::name));
      }
    }
    Map<String, Object> all = new LinkedHashMap<>();
    for (Parameter p : parameters) {
      Object value = given.get(p.name());
      all.put(p.name(), value == null ? p.defaultValue() : p.accept(value));
    }
    return new ParameterValues(all);
  }

  private static <T> String names(List<T> all, Function<T, String> name) {
    return all.isEmpty() ? "none" : all.stream().map(name).collect(Collectors.joining(", "));
  }
}
