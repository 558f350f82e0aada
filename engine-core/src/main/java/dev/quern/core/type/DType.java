package dev.quern.core.type;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The element type of a tensor: either a scalar type, whose elements stand on their own, or a block
 * type, whose elements are stored in groups that share scales.
 *
 * <p>Sizes are exact: {@code bytes(n)} is the number of bytes that {@code n} consecutive elements
 * occupy, and {@code n} must be a multiple of {@link #blockLength()}.
 */
public sealed interface DType permits ScalarType, BlockType {

  /**
   * The type's name as the field writes it, for example {@code F32} or {@code Q4_K}.
   *
   * @return the name
   */
  String name();

  /**
   * Number of elements in one block.
   *
   * @return 1 for scalar types
   */
  int blockLength();

  /**
   * Size of one block.
   *
   * @return bytes
   */
  int blockBytes();

  /**
   * Whether elements are floating point numbers (block types are).
   *
   * @return true for F64, F32, F16, BF16, F8_E4M3 and every block type
   */
  boolean isFloating();

  /**
   * Whether operations compute with single elements. The others are stored, moved and converted.
   *
   * @return true for every scalar type but F8_E4M3; false for block types
   */
  boolean isArithmetic();

  /**
   * Whether elements are stored in blocks.
   *
   * @return true for {@link BlockType}
   */
  default boolean isBlock() {
    return this instanceof BlockType;
  }

  /**
   * Bytes that a run of elements occupies.
   *
   * @param elements a multiple of {@link #blockLength()}, not negative
   * @return elements / blockLength × blockBytes
   * @throws DTypeException if {@code elements} would split a block
   * @throws ShapeException if the size does not fit in 63 bits
   */
  default long bytes(long elements) {
    if (elements < 0 || elements % blockLength() != 0) {
      throw new DTypeException(
          "["
              + name()
              + "] "
              + elements
              + " elements do not fill whole blocks of "
              + blockLength()
              + "; use a last dimension that is a multiple of "
              + blockLength());
    }
    try {
      return Math.multiplyExact(elements / blockLength(), (long) blockBytes());
    } catch (ArithmeticException e) {
      throw new ShapeException("[" + name() + "] " + elements + " elements exceed 2^63 bytes", e);
    }
  }

  /**
   * The type of a given name.
   *
   * @param name for example {@code F32}, {@code q4_k} (case does not matter)
   * @return the type
   * @throws DTypeException if there is none; the message lists those there are
   */
  static DType of(String name) {
    String wanted = name.toUpperCase(Locale.ROOT);
    List<String> known = new ArrayList<>();
    for (ScalarType t : ScalarType.values()) {
      if (t.name().equals(wanted)) {
        return t;
      }
      known.add(t.name());
    }
    for (BlockType t : BlockType.values()) {
      if (t.name().equals(wanted)) {
        return t;
      }
      known.add(t.name());
    }
    throw new DTypeException("unknown dtype '" + name + "'; known: " + String.join(", ", known));
  }
}
