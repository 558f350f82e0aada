package dev.quern.transformer.model;

import java.util.List;
import java.util.stream.Collectors;

/**
 * A named input or output.
 *
 * @param name unique among the inputs, or outputs, of a signature
 * @param types what it may be: names of dtypes ({@code I32}), or {@link #TEXT}
 * @param axes outermost first; none for a single value
 * @param optional an input that may be left out, or an output that may be missing
 * @param description what it means, in a sentence
 */
public record Port(
    String name, List<String> types, List<Axis> axes, boolean optional, String description) {
  /** The type of texts. */
  public static final String TEXT = "TEXT";

  /** Copies the lists. */
  public Port {
    types = List.copyOf(types);
    axes = List.copyOf(axes);
  }

  /**
   * One that must be there.
   *
   * @param name its name
   * @param type a dtype's name, or {@link #TEXT}
   * @param description what it means
   * @param axes outermost first
   * @return the port
   */
  public static Port of(String name, String type, String description, Axis... axes) {
    return new Port(name, List.of(type), List.of(axes), false, description);
  }

  /**
   * An index input, of either integer type.
   *
   * @param name its name
   * @param description what it means
   * @param axes outermost first
   * @return the port
   */
  public static Port indices(String name, String description, Axis... axes) {
    return new Port(name, List.of("I32", "I64"), List.of(axes), false, description);
  }

  /**
   * The same, but optional.
   *
   * @return a new port
   */
  public Port asOptional() {
    return new Port(name, types, axes, true, description);
  }

  /**
   * Types and axes.
   *
   * @return for example {@code I32|I64 [batch, length<=512]}
   */
  public String form() {
    String shape = axes.stream().map(Axis::toString).collect(Collectors.joining(", ", " [", "]"));
    return String.join("|", types) + (axes.isEmpty() ? "" : shape);
  }
}
