package dev.quern.core.reference;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.quern.core.type.BlockType;
import java.lang.foreign.MemorySegment;

/**
 * Q4_0: x = d·(q − 8) with d as F16. The element of largest magnitude, with its sign, becomes −8,
 * so that one more level is used than a symmetric scale would have.
 */
final class CodecQ4_0 implements BlockCodec {
  private static final int LENGTH = 32;
  private static final int HALF = LENGTH / 2;

  @Override
  public BlockType type() {
    return BlockType.Q4_0;
  }

  @Override
  public void quantizeBlock(float[] from, int at, MemorySegment to, long offsetBytes) {
    float extreme = 0;
    for (int i = 0; i < LENGTH; i++) {
      if (Math.abs(from[at + i]) > Math.abs(extreme)) {
        extreme = from[at + i];
      }
    }
    float d = extreme / -8;
    float inverse = d == 0 ? 0 : 1 / d;
    to.set(JAVA_SHORT_UNALIGNED, offsetBytes, Float.floatToFloat16(d));
    for (int i = 0; i < HALF; i++) {
      int low = level(from[at + i] * inverse);
      int high = level(from[at + HALF + i] * inverse);
      to.set(JAVA_BYTE, offsetBytes + 2 + i, (byte) (low | high << 4));
    }
  }

  private static int level(float x) {
    return Math.clamp((int) (x + 8.5f), 0, 15);
  }

  @Override
  public void dequantizeBlock(MemorySegment from, long offsetBytes, float[] to, int at) {
    float d = Float.float16ToFloat(from.get(JAVA_SHORT_UNALIGNED, offsetBytes));
    for (int i = 0; i < HALF; i++) {
      int q = from.get(JAVA_BYTE, offsetBytes + 2 + i);
      to[at + i] = ((q & 15) - 8) * d;
      to[at + HALF + i] = (((q >> 4) & 15) - 8) * d;
    }
  }
}
