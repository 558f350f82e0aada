package dev.quern.testkit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;

/** Single elements of scalar types, written and read without the code that is under test. */
public final class Values {
  private Values() {}

  /**
   * Where the elements of a layout are, last axis fastest.
   *
   * @param layout any
   * @return one position per element, in elements of the storage
   */
  public static long[] positions(Layout layout) {
    Shape shape = layout.shape();
    long[] p = new long[Math.toIntExact(shape.elements())];
    long[] index = new long[shape.rank()];
    long at = layout.offset();
    for (int i = 0; i < p.length; i++) {
      p[i] = at;
      for (int a = index.length - 1; a >= 0; a--) {
        at += layout.stride(a);
        if (++index[a] < shape.dim(a)) {
          break;
        }
        at -= shape.dim(a) * layout.stride(a);
        index[a] = 0;
      }
    }
    return p;
  }

  /**
   * All elements.
   *
   * @param view of a scalar type
   * @return their values, last axis fastest; I64 rounded to doubles
   */
  public static double[] all(TensorView view) {
    long[] p = positions(view.layout());
    double[] v = new double[p.length];
    for (int i = 0; i < v.length; i++) {
      v[i] = get((ScalarType) view.dtype(), view.segment(), p[i]);
    }
    return v;
  }

  /**
   * One element.
   *
   * @param type its type
   * @param segment the storage
   * @param position in elements
   * @return its value; I64 rounded to a double
   */
  public static double get(ScalarType type, MemorySegment segment, long position) {
    long at = position * type.bytes();
    return switch (type) {
      case F64 -> segment.get(JAVA_DOUBLE_UNALIGNED, at);
      case F32 -> segment.get(JAVA_FLOAT_UNALIGNED, at);
      case F16 -> Float.float16ToFloat(segment.get(JAVA_SHORT_UNALIGNED, at));
      case BF16 -> Float.intBitsToFloat(segment.get(JAVA_SHORT_UNALIGNED, at) << 16);
      case F8_E4M3 -> {
        byte bits = segment.get(JAVA_BYTE, at);
        yield bits < 0 ? -e4m3(bits & 0x7f) : e4m3(bits);
      }
      case I64 -> (double) segment.get(JAVA_LONG_UNALIGNED, at);
      case I32 -> segment.get(JAVA_INT_UNALIGNED, at);
      case I16 -> segment.get(JAVA_SHORT_UNALIGNED, at);
      case I8 -> segment.get(JAVA_BYTE, at);
      case U8, BOOL -> segment.get(JAVA_BYTE, at) & 0xff;
    };
  }

  /**
   * Writes one element. BF16 and F8_E4M3 are cut off, not rounded; integers wrap around.
   *
   * @param type its type
   * @param segment the storage
   * @param position in elements
   * @param x the value
   */
  public static void set(ScalarType type, MemorySegment segment, long position, double x) {
    long at = position * type.bytes();
    switch (type) {
      case F64 -> segment.set(JAVA_DOUBLE_UNALIGNED, at, x);
      case F32 -> segment.set(JAVA_FLOAT_UNALIGNED, at, (float) x);
      case F16 -> segment.set(JAVA_SHORT_UNALIGNED, at, Float.floatToFloat16((float) x));
      case BF16 ->
          segment.set(JAVA_SHORT_UNALIGNED, at, (short) (Float.floatToIntBits((float) x) >>> 16));
      case F8_E4M3 -> segment.set(JAVA_BYTE, at, e4m3Towards0(x));
      case I64 -> segment.set(JAVA_LONG_UNALIGNED, at, (long) x);
      case I32 -> segment.set(JAVA_INT_UNALIGNED, at, (int) (long) x);
      case I16 -> segment.set(JAVA_SHORT_UNALIGNED, at, (short) (long) x);
      case I8, U8 -> segment.set(JAVA_BYTE, at, (byte) (long) x);
      case BOOL -> segment.set(JAVA_BYTE, at, (byte) (x == 0 ? 0 : 1));
    }
  }

  /** What E4M3 means by its lower seven bits. */
  private static double e4m3(int bits) {
    int exponent = bits >> 3;
    int fraction = bits & 7;
    return bits == 0x7f
        ? Double.NaN
        : exponent == 0 ? fraction * 0x1p-9 : (8 + fraction) * Math.scalb(1.0, exponent - 7 - 3);
  }

  private static byte e4m3Towards0(double x) {
    int bits = Double.isNaN(x) ? 0x7f : 0x7e;
    while (e4m3(bits) > Math.abs(x)) {
      bits--;
    }
    return (byte) (bits | (int) (Double.doubleToRawLongBits(x) >>> 63) << 7);
  }

  /**
   * The distance to the next representable number.
   *
   * @param type a floating point type
   * @param x a finite number
   * @return unit in the last place of x in that type
   */
  public static double ulp(ScalarType type, double x) {
    int fraction =
        switch (type) {
          case F64 -> 52;
          case F32 -> 23;
          case F16 -> 10;
          case BF16 -> 7;
          default -> throw new IllegalArgumentException(type + " has no ulp");
        };
    int lowest =
        switch (type) {
          case F64 -> -1022;
          case F16 -> -14;
          default -> -126;
        };
    int exponent = x == 0 ? lowest : Math.max(lowest, Math.getExponent(x));
    return Math.scalb(1.0, exponent - fraction);
  }
}
