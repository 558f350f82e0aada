package dev.quern.core.io.arrow;

import dev.quern.core.type.ScalarType;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The logical types of Arrow's columns, as far as they differ for who reads them. {@code toString}
 * gives the name that Arrow's own tools use.
 *
 * <p>Source: Arrow's {@code Schema.fbs}.
 */
public sealed interface ArrowType {

  /** How the beginnings and ends of the rows are stored where these differ in length. */
  enum Offsets {
    /** One 32-bit offset for each row, and one more. */
    INT32,
    /** One 64-bit offset for each row, and one more. */
    INT64,
    /** A view of 16 bytes for each row, which holds short rows itself. */
    VIEW
  }

  /**
   * Integers.
   *
   * @param bits 8, 16, 32 or 64
   * @param signed whether there are negative ones
   */
  record Int(int bits, boolean signed) implements ArrowType {
    @Override
    public String toString() {
      return (signed ? "int" : "uint") + bits;
    }
  }

  /**
   * IEEE 754 numbers.
   *
   * @param bits 16, 32 or 64
   */
  record Floating(int bits) implements ArrowType {
    @Override
    public String toString() {
      return bits == 16 ? "halffloat" : bits == 32 ? "float" : "double";
    }
  }

  /** Truth values, eight in a byte. */
  record Bool() implements ArrowType {
    @Override
    public String toString() {
      return "bool";
    }
  }

  /**
   * Dates, times of day, points in time and durations: counts of their unit.
   *
   * @param name with its unit, for example {@code timestamp[us]}
   * @param bits 32 or 64, signed
   */
  record Temporal(String name, int bits) implements ArrowType {
    @Override
    public String toString() {
      return name;
    }
  }

  /**
   * Text or bytes, of a length of its own in each row.
   *
   * @param text whether it is UTF-8
   * @param offsets how the rows are found
   */
  record Binary(boolean text, Offsets offsets) implements ArrowType {
    @Override
    public String toString() {
      String name = text ? "utf8" : "binary";
      return switch (offsets) {
        case INT32 -> name;
        case INT64 -> "large_" + name;
        case VIEW -> name + "_view";
      };
    }
  }

  /**
   * Bytes, of the same length in each row.
   *
   * @param byteWidth that length
   */
  record FixedBinary(int byteWidth) implements ArrowType {
    @Override
    public String toString() {
      return "fixed_size_binary[" + byteWidth + "]";
    }
  }

  /**
   * Lists, of a length of their own in each row. The field's one child is the element.
   *
   * @param offsets how the rows are found; never {@link Offsets#VIEW}
   */
  record Lists(Offsets offsets) implements ArrowType {
    @Override
    public String toString() {
      return offsets == Offsets.INT64 ? "large_list" : "list";
    }
  }

  /**
   * Lists, of the same length in each row. The field's one child is the element.
   *
   * @param size that length
   */
  record FixedLists(int size) implements ArrowType {
    @Override
    public String toString() {
      return "fixed_size_list[" + size + "]";
    }
  }

  /** Lists of pairs: the field's one child is a struct of key and value. */
  record Maps() implements ArrowType {
    @Override
    public String toString() {
      return "map";
    }
  }

  /** Several columns side by side: the field's children. */
  record Struct() implements ArrowType {
    @Override
    public String toString() {
      return "struct";
    }
  }

  /** Rows without values. */
  record Null() implements ArrowType {
    @Override
    public String toString() {
      return "null";
    }
  }

  /**
   * A type whose values are not read: decimals, unions, intervals of several parts, lists in any
   * order, runs. Other columns of the file are read past it.
   *
   * @param name as Arrow calls it
   * @param buffers how many pieces of memory one column has, without its children's
   */
  record Other(String name, int buffers) implements ArrowType {
    @Override
    public String toString() {
      return name.toLowerCase(Locale.ROOT);
    }
  }

  /**
   * Quern's element type of the same layout, for numbers.
   *
   * @return null for types that are no numbers, for bits, and for unsigned integers beyond 8 bits
   */
  default @Nullable ScalarType dtype() {
    return switch (this) {
      case Int t when !t.signed() -> t.bits() == 8 ? ScalarType.U8 : null;
      case Int t -> ofBits(t.bits());
      case Temporal t -> ofBits(t.bits());
      case Floating t ->
          t.bits() == 16 ? ScalarType.F16 : t.bits() == 32 ? ScalarType.F32 : ScalarType.F64;
      default -> null;
    };
  }

  private static ScalarType ofBits(int bits) {
    return switch (bits) {
      case 8 -> ScalarType.I8;
      case 16 -> ScalarType.I16;
      case 32 -> ScalarType.I32;
      default -> ScalarType.I64;
    };
  }
}
