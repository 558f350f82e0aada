package dev.quern.core.io.arrow;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.ByteCursor;
import dev.quern.core.io.internal.JsonReader;
import dev.quern.core.io.internal.JsonText;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The canonical extension type {@code arrow.fixed_shape_tensor}: each row of the column is a tensor
 * of the same shape, stored row-major as a fixed-size list. A column without nulls is one tensor
 * whose first axis counts the rows.
 *
 * <p>Source: "Canonical Extension Types" of Arrow's documentation.
 *
 * @param shape of one row as it is stored
 * @param dimNames one for each axis as it is stored, or empty
 * @param permutation where each axis of the logical tensor is among the stored ones, or empty where
 *     the logical tensor is the stored one: logical axis {@code i} is stored axis {@code
 *     permutation[i]}
 */
public record FixedShapeTensor(Shape shape, List<String> dimNames, List<Integer> permutation) {
  static final String NAME = "arrow.fixed_shape_tensor";
  private static final int MAX_RANK = 64;

  /**
   * Checks the lengths and copies.
   *
   * @throws FormatException if there are other than {@code shape.rank()} names or axes, or the axes
   *     are no permutation
   */
  public FixedShapeTensor {
    dimNames = List.copyOf(dimNames);
    String wrong = wrong(shape, dimNames, permutation);
    if (wrong != null) {
      throw new FormatException("[arrow] " + wrong);
    }
    permutation = isIdentity(permutation) ? List.of() : List.copyOf(permutation);
  }

  private static boolean isIdentity(List<Integer> axes) {
    for (int i = 0; i < axes.size(); i++) {
      if (axes.get(i) != i) {
        return false;
      }
    }
    return true;
  }

  private static @Nullable String wrong(Shape shape, List<String> names, List<Integer> axes) {
    int rank = shape.rank();
    if (!names.isEmpty() && names.size() != rank) {
      return names.size() + " dim_names for a tensor of shape " + shape;
    }
    boolean[] seen = new boolean[rank];
    for (int axis : axes) {
      if (axes.size() != rank || axis < 0 || axis >= rank || seen[axis]) {
        return "permutation " + axes + " does not name each axis of " + shape + " once";
      }
      seen[axis] = true;
    }
    return null;
  }

  /**
   * A tensor without names and permutation.
   *
   * @param shape of one row
   */
  public FixedShapeTensor(Shape shape) {
    this(shape, List.of(), List.of());
  }

  /**
   * The shape of one row as it is meant.
   *
   * @return {@code shape} with its axes in the order of {@code permutation}
   */
  public Shape logicalShape() {
    if (permutation.isEmpty()) {
      return shape;
    }
    return Shape.of(permutation.stream().mapToLong(shape::dim).toArray());
  }

  /** The metadata of the extension type. */
  String json() {
    JsonText json = new JsonText("arrow");
    json.raw("{\"shape\":").raw(shape.toString().replace(" ", ""));
    if (!dimNames.isEmpty()) {
      json.raw(",\"dim_names\":[");
      String separator = "";
      for (String name : dimNames) {
        json.raw(separator).string(name);
        separator = ",";
      }
      json.raw("]");
    }
    if (!permutation.isEmpty()) {
      json.raw(",\"permutation\":").raw(permutation.toString().replace(" ", ""));
    }
    return new String(json.raw("}").toBytes(), UTF_8);
  }

  static Optional<FixedShapeTensor> of(Blame blame, ArrowField field) {
    if (!NAME.equals(field.metadata().get(ArrowField.EXTENSION_NAME))) {
      return Optional.empty();
    }
    String text = field.metadata().getOrDefault(ArrowField.EXTENSION_METADATA, "");
    FixedShapeTensor tensor = new Parser(blame, text).parse();
    if (!(field.type() instanceof ArrowType.FixedLists list)
        || tensor.shape.elements() != list.size()) {
      throw blame.whole(
          "rows of shape " + tensor.shape + " cannot be stored as " + field.typeName());
    }
    return Optional.of(tensor);
  }

  private static final class Parser {
    private final Blame blame;
    private final JsonReader json;
    private final List<Long> shape = new ArrayList<>();
    private final List<String> names = new ArrayList<>();
    private final List<Integer> permutation = new ArrayList<>();

    Parser(Blame blame, String text) {
      this.blame = blame;
      MemorySegment bytes = MemorySegment.ofArray(text.getBytes(UTF_8));
      json = new JsonReader(new ByteCursor(blame, bytes), "extension metadata");
    }

    FixedShapeTensor parse() {
      boolean[] found = new boolean[1];
      json.object(
          key -> {
            switch (key) {
              case "shape" -> {
                found[0] = true;
                json.array(() -> add(shape, json.natural()));
              }
              case "dim_names" -> orNull(() -> add(names, json.string()));
              case "permutation" -> orNull(() -> add(permutation, axis()));
              default -> json.skip();
            }
          });
      json.end();
      if (!found[0]) {
        throw blame.whole("its extension metadata has no shape");
      }
      long elements = 1;
      for (long d : shape) {
        if (d != 0 && elements > Integer.MAX_VALUE / d) {
          throw blame.whole("shape " + shape + " has more elements than a list can have");
        }
        elements *= d;
      }
      Shape rows = Shape.of(shape.stream().mapToLong(Long::longValue).toArray());
      String wrong = wrong(rows, names, permutation);
      if (wrong != null) {
        throw blame.whole(wrong);
      }
      return new FixedShapeTensor(rows, names, permutation);
    }

    /** Some writers say null where others leave the key out. */
    private void orNull(Runnable element) {
      if (json.peek() == 'n') {
        json.skip();
      } else {
        json.array(element);
      }
    }

    private int axis() {
      return (int) Math.min(json.natural(), MAX_RANK);
    }

    private <T> void add(List<T> list, T value) {
      if (list.size() == MAX_RANK) {
        throw json.error("has more than " + MAX_RANK + " axes");
      }
      list.add(value);
    }
  }
}
