package dev.quern.core.io.arrow;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.type.FormatException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a schema says of a column, or of a column's child.
 *
 * @param name any text, maybe empty
 * @param type of its values; if it is dictionary-encoded, of the dictionary's
 * @param nullable whether rows may be null
 * @param children of lists and structs
 * @param metadata of an extension type for example; a key that stands twice has its last value
 * @param dictionary if its rows are indices into a dictionary, else null
 */
public record ArrowField(
    String name,
    ArrowType type,
    boolean nullable,
    List<ArrowField> children,
    Map<String, String> metadata,
    @Nullable Dictionary dictionary) {
  static final String EXTENSION_NAME = "ARROW:extension:name";
  static final String EXTENSION_METADATA = "ARROW:extension:metadata";

  /**
   * Where a dictionary-encoded column's values are.
   *
   * @param id of the dictionary, unique in the file
   * @param indexType of the column's indices
   * @param ordered whether the order of the dictionary has a meaning
   */
  public record Dictionary(long id, ArrowType.Int indexType, boolean ordered) {}

  /** Copies. */
  public ArrowField {
    children = List.copyOf(children);
    metadata = Map.copyOf(metadata);
  }

  /**
   * The extension type's name, as {@code arrow.fixed_shape_tensor}.
   *
   * @return empty if it is of no extension type
   */
  public Optional<String> extension() {
    return Optional.ofNullable(metadata.get(EXTENSION_NAME));
  }

  /**
   * The shape of the rows, if they are tensors of the same shape.
   *
   * @return empty if the column is no {@code arrow.fixed_shape_tensor}
   * @throws FormatException if it is one, but its metadata is wrong
   */
  public Optional<FixedShapeTensor> tensor() {
    return FixedShapeTensor.of(new Blame("arrow", "tensor column " + Blame.quote(name)), this);
  }

  /** The field of the dictionary's values. */
  ArrowField values() {
    return new ArrowField(name, type, true, children, Map.of(), null);
  }

  /**
   * Name and type, for messages and listings.
   *
   * @return for example {@code tokens: list<int32>}
   */
  @Override
  public String toString() {
    return name + ": " + typeName();
  }

  /**
   * The type with its children's types.
   *
   * @return for example {@code list<int32>}
   */
  public String typeName() {
    StringBuilder b = new StringBuilder(type.toString());
    if (!children.isEmpty()) {
      b.append('<');
      for (int i = 0; i < children.size() && b.length() < 200; i++) {
        b.append(i == 0 ? "" : ", ").append(children.get(i).typeName());
      }
      b.append('>');
    }
    return dictionary == null
        ? b.toString()
        : "dictionary<" + dictionary.indexType + ", " + b + ">";
  }
}
