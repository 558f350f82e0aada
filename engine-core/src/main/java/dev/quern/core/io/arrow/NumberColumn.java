package dev.quern.core.io.arrow;

import dev.quern.core.memory.Storage;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** Integers, floating point numbers, dates and times. */
public final class NumberColumn extends ArrowColumn {
  private static final boolean NATIVE_ORDER = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

  private final ArrowBuffer values;
  private final int bits;
  private final boolean signed;
  private final boolean floating;

  NumberColumn(Context context, @Nullable ArrowBuffer validity, ArrowBuffer values) {
    super(context, validity);
    this.values = values;
    ArrowType type = context.field().type();
    bits = bits(type);
    signed = !(type instanceof ArrowType.Int t) || t.signed();
    floating = type instanceof ArrowType.Floating;
  }

  /** Bits of one element, or 0 if the type is none of numbers. */
  static int bits(ArrowType type) {
    return switch (type) {
      case ArrowType.Int t -> t.bits();
      case ArrowType.Floating t -> t.bits();
      case ArrowType.Temporal t -> t.bits();
      default -> 0;
    };
  }

  /**
   * A row's integer.
   *
   * @param row from 0
   * @return the value; an unsigned one of 64 bits as its bits
   * @throws IndexException if there is no such row
   * @throws NotSupportedException if it is null
   * @throws DTypeException if the column holds floating point numbers
   */
  public long longAt(long row) {
    checkIntegers();
    checkValue(row);
    return values.integer(row, bits, signed);
  }

  /**
   * A row's number.
   *
   * @param row from 0
   * @return the value; 64-bit integers are rounded
   * @throws IndexException if there is no such row
   * @throws NotSupportedException if it is null
   */
  public double doubleAt(long row) {
    checkValue(row);
    return number(row);
  }

  private double number(long row) {
    if (!floating) {
      long v = values.integer(row, bits, signed);
      boolean beyond = bits == 64 && !signed && v < 0;
      return beyond ? (double) ((v >>> 1) | (v & 1)) * 2 : v;
    }
    return switch (bits) {
      case 16 -> Float.float16ToFloat((short) values.i16(row));
      case 32 -> Float.intBitsToFloat(values.i32(row));
      default -> Double.longBitsToDouble(values.i64(row));
    };
  }

  /**
   * Integers of some rows.
   *
   * @param from first row
   * @param to after the last row
   * @return a new array
   * @throws IndexException if there are no such rows, or a value does not fit
   * @throws NotSupportedException if one is null
   * @throws DTypeException if the column holds floating point numbers
   */
  public int[] ints(long from, long to) {
    checkIntegers();
    int[] v = new int[checkValues(from, to)];
    if (bits == 32 && signed && NATIVE_ORDER) {
      values.copy(from * 4, MemorySegment.ofArray(v));
      return v;
    }
    for (int i = 0; i < v.length; i++) {
      long value = values.integer(from + i, bits, signed);
      if (value != (int) value) {
        throw new IndexException(
            "[arrow] " + value + " in row " + (from + i) + " of " + this + " is no 32-bit integer");
      }
      v[i] = (int) value;
    }
    return v;
  }

  /**
   * Integers of some rows.
   *
   * @param from first row
   * @param to after the last row
   * @return a new array; unsigned ones of 64 bits as their bits
   * @throws IndexException if there are no such rows
   * @throws NotSupportedException if one is null
   * @throws DTypeException if the column holds floating point numbers
   */
  public long[] longs(long from, long to) {
    checkIntegers();
    long[] v = new long[checkValues(from, to)];
    for (int i = 0; i < v.length; i++) {
      v[i] = values.integer(from + i, bits, signed);
    }
    return v;
  }

  /**
   * Numbers of some rows.
   *
   * @param from first row
   * @param to after the last row
   * @return a new array, rounded to F32
   * @throws IndexException if there are no such rows
   * @throws NotSupportedException if one is null
   */
  public float[] floats(long from, long to) {
    float[] v = new float[checkValues(from, to)];
    if (floating && bits == 32 && NATIVE_ORDER) {
      values.copy(from * 4, MemorySegment.ofArray(v));
      return v;
    }
    for (int i = 0; i < v.length; i++) {
      v[i] = (float) number(from + i);
    }
    return v;
  }

  private int checkValues(long from, long to) {
    int n = checkRange(from, to);
    if (nullCount() > 0) {
      for (long row = from; row < to; row++) {
        checkValue(row);
      }
    }
    return n;
  }

  private void checkIntegers() {
    if (floating) {
      throw mismatch("integers");
    }
  }

  @Override
  Storage storage(Shape shape) {
    checkNoNulls();
    ScalarType dtype = field().type().dtype();
    if (dtype == null) {
      throw unsupported("has no element type in Quern; use longs(from, to)");
    }
    return values.storage(new TensorSpec(dtype, shape));
  }
}
