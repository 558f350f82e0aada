package dev.quern.core.io.npy;

import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * An array that was read: row-major and little-endian, whatever the file had.
 *
 * @param typeName NumPy's name of the element type without byte order, for example {@code f4}
 * @param knownDType Quern's type of the same layout, or null if there is none ({@code u2, u4, u8})
 * @param shape extents, outermost first
 * @param data all elements, 64-byte aligned, off the heap, freed by the garbage collector
 */
public record NpyArray(
    String typeName, @Nullable DType knownDType, Shape shape, MemorySegment data) {
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /**
   * Element type and shape.
   *
   * @return the spec
   * @throws NotSupportedException if Quern has no such element type; names the type
   */
  public TensorSpec spec() {
    if (knownDType == null) {
      throw new NotSupportedException(
          "[npy] the element type "
              + typeName
              + " of an array "
              + shape
              + " is not supported; use longs(), or convert the array in NumPy");
    }
    return new TensorSpec(knownDType, shape);
  }

  /**
   * All elements of a floating point array as F32.
   *
   * @return a new array, row-major; F64 is rounded
   * @throws DTypeException if the elements are integers
   */
  public float[] floats() {
    float[] v = new float[Math.toIntExact(shape.elements())];
    for (int i = 0; i < v.length; i++) {
      v[i] =
          switch (typeName) {
            case "f2" -> Float.float16ToFloat(data.get(I16, 2L * i));
            case "f4" -> Float.intBitsToFloat(data.get(I32, 4L * i));
            case "f8" -> (float) Double.longBitsToDouble(data.get(I64, 8L * i));
            default -> throw notA("floating point");
          };
    }
    return v;
  }

  /**
   * All elements of an integer or boolean array.
   *
   * @return a new array, row-major; {@code u8} as its bits
   * @throws DTypeException if the elements are floating point numbers
   */
  public long[] longs() {
    long[] v = new long[Math.toIntExact(shape.elements())];
    for (int i = 0; i < v.length; i++) {
      v[i] =
          switch (typeName) {
            case "b1", "u1" -> data.get(ValueLayout.JAVA_BYTE, i) & 0xFF;
            case "i1" -> data.get(ValueLayout.JAVA_BYTE, i);
            case "i2" -> data.get(I16, 2L * i);
            case "u2" -> data.get(I16, 2L * i) & 0xFFFF;
            case "i4" -> data.get(I32, 4L * i);
            case "u4" -> Integer.toUnsignedLong(data.get(I32, 4L * i));
            case "i8", "u8" -> data.get(I64, 8L * i);
            default -> throw notA("integer");
          };
    }
    return v;
  }

  private DTypeException notA(String wanted) {
    return new DTypeException("[npy] an array of " + typeName + " is no " + wanted + " array");
  }

  static @Nullable DType dtypeOf(String typeName) {
    return switch (typeName) {
      case "b1" -> ScalarType.BOOL;
      case "i1" -> ScalarType.I8;
      case "u1" -> ScalarType.U8;
      case "i2" -> ScalarType.I16;
      case "i4" -> ScalarType.I32;
      case "i8" -> ScalarType.I64;
      case "f2" -> ScalarType.F16;
      case "f4" -> ScalarType.F32;
      case "f8" -> ScalarType.F64;
      default -> null;
    };
  }
}
