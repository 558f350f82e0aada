package dev.quern.core.reference;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;

/** Elements that stand alone. */
final class ScalarElements extends Elements {
  private final ScalarType type;
  private final MemorySegment segment;

  ScalarElements(ScalarType type, MemorySegment segment) {
    this.type = type;
    this.segment = segment;
  }

  @Override
  double get(long position) {
    long at = position * type.bytes();
    return switch (type) {
      case F64 -> segment.get(JAVA_DOUBLE_UNALIGNED, at);
      case F32 -> segment.get(JAVA_FLOAT_UNALIGNED, at);
      case F16 -> Float.float16ToFloat(segment.get(JAVA_SHORT_UNALIGNED, at));
      case BF16 -> Rounding.fromBf16(segment.get(JAVA_SHORT_UNALIGNED, at));
      case F8_E4M3 -> Rounding.fromE4M3(segment.get(JAVA_BYTE, at));
      case I64, I32, I16, I8, U8, BOOL -> (double) getLong(position);
    };
  }

  @Override
  long getLong(long position) {
    long at = position * type.bytes();
    return switch (type) {
      case F64, F32, F16, BF16, F8_E4M3 -> (long) get(position);
      case I64 -> segment.get(JAVA_LONG_UNALIGNED, at);
      case I32 -> segment.get(JAVA_INT_UNALIGNED, at);
      case I16 -> segment.get(JAVA_SHORT_UNALIGNED, at);
      case I8 -> segment.get(JAVA_BYTE, at);
      case U8 -> segment.get(JAVA_BYTE, at) & 0xff;
      case BOOL -> segment.get(JAVA_BYTE, at) == 0 ? 0 : 1;
    };
  }

  @Override
  void set(long position, double x) {
    long at = position * type.bytes();
    switch (type) {
      case F64 -> segment.set(JAVA_DOUBLE_UNALIGNED, at, x);
      case F32 -> segment.set(JAVA_FLOAT_UNALIGNED, at, (float) x);
      case F16 -> segment.set(JAVA_SHORT_UNALIGNED, at, Rounding.toF16(x));
      case BF16 -> segment.set(JAVA_SHORT_UNALIGNED, at, Rounding.toBf16(x));
      case F8_E4M3 -> segment.set(JAVA_BYTE, at, Rounding.toE4M3(x));
      case I64 -> segment.set(JAVA_LONG_UNALIGNED, at, (long) x);
      case I32 -> segment.set(JAVA_INT_UNALIGNED, at, (int) x);
      case I16 -> segment.set(JAVA_SHORT_UNALIGNED, at, (short) saturate(x, -32768, 32767));
      case I8 -> segment.set(JAVA_BYTE, at, (byte) saturate(x, -128, 127));
      case U8 -> segment.set(JAVA_BYTE, at, (byte) saturate(x, 0, 255));
      case BOOL -> segment.set(JAVA_BYTE, at, (byte) (x == 0 ? 0 : 1));
    }
  }

  private static int saturate(double x, int low, int high) {
    return Math.clamp((long) x, low, high);
  }

  @Override
  void setLong(long position, long x) {
    long at = position * type.bytes();
    switch (type) {
      case F64 -> segment.set(JAVA_DOUBLE_UNALIGNED, at, (double) x);
      case F32 -> segment.set(JAVA_FLOAT_UNALIGNED, at, (float) x);
      case F16 -> segment.set(JAVA_SHORT_UNALIGNED, at, Rounding.toF16(Rounding.toOdd(x)));
      case BF16 -> segment.set(JAVA_SHORT_UNALIGNED, at, Rounding.toBf16(Rounding.toOdd(x)));
      case F8_E4M3 -> segment.set(JAVA_BYTE, at, Rounding.toE4M3(Rounding.toOdd(x)));
      case I64 -> segment.set(JAVA_LONG_UNALIGNED, at, x);
      case I32 -> segment.set(JAVA_INT_UNALIGNED, at, (int) x);
      case I16 -> segment.set(JAVA_SHORT_UNALIGNED, at, (short) x);
      case I8, U8 -> segment.set(JAVA_BYTE, at, (byte) x);
      case BOOL -> segment.set(JAVA_BYTE, at, (byte) (x == 0 ? 0 : 1));
    }
  }
}
