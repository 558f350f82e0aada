package dev.quern.testkit;

import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The bits of a result, for comparison with those of another run.
 *
 * <p>All NaNs count as one: which operand's sign and payload a NaN inherits depends on the order in
 * which the compiler hands a commutative instruction its operands, so interpreted and compiled code
 * of one expression differ there, and nowhere else.
 */
final class Bits {
  private Bits() {}

  static byte[] of(DType dtype, MemorySegment segment) {
    byte[] bytes = segment.toArray(ValueLayout.JAVA_BYTE);
    ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (dtype == ScalarType.F32) {
      for (int i = 0; i + 4 <= bytes.length; i += 4) {
        b.putInt(i, Float.floatToIntBits(b.getFloat(i)));
      }
    } else if (dtype == ScalarType.F64) {
      for (int i = 0; i + 8 <= bytes.length; i += 8) {
        b.putLong(i, Double.doubleToLongBits(b.getDouble(i)));
      }
    } else if (dtype == ScalarType.F16 || dtype == ScalarType.BF16) {
      int infinity = dtype == ScalarType.F16 ? 0x7c00 : 0x7f80;
      for (int i = 0; i + 2 <= bytes.length; i += 2) {
        if ((b.getShort(i) & 0x7fff) > infinity) {
          b.putShort(i, (short) 0x7fff);
        }
      }
    } else if (dtype == ScalarType.F8_E4M3) {
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = bytes[i] == -1 ? 0x7f : bytes[i];
      }
    }
    return bytes;
  }
}
