package dev.quern.core.reference;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.quern.core.type.BlockType;
import java.lang.foreign.MemorySegment;

/** Q8_0: d = max|x|/127 as F16, then 32 signed bytes round(x/d), ties away from zero. */
final class CodecQ8_0 implements BlockCodec {
  private static final int LENGTH = 32;
  private static final int MAX = 127;

  @Override
  public BlockType type() {
    return BlockType.Q8_0;
  }

  @Override
  public void quantizeBlock(float[] from, int at, MemorySegment to, long offsetBytes) {
    float largest = 0;
    for (int i = 0; i < LENGTH; i++) {
      largest = Math.max(largest, Math.abs(from[at + i]));
    }
    float d = largest / MAX;
    float inverse = d == 0 ? 0 : 1 / d;
    to.set(JAVA_SHORT_UNALIGNED, offsetBytes, BlockCodecs.half(d));
    for (int i = 0; i < LENGTH; i++) {
      double x = from[at + i] * inverse;
      double rounded = Math.copySign(Math.floor(Math.abs(x) + 0.5), x);
      to.set(JAVA_BYTE, offsetBytes + 2 + i, (byte) Math.clamp(rounded, -MAX - 1, MAX));
    }
  }

  @Override
  public void dequantizeBlock(MemorySegment from, long offsetBytes, float[] to, int at) {
    float d = Float.float16ToFloat(from.get(JAVA_SHORT_UNALIGNED, offsetBytes));
    for (int i = 0; i < LENGTH; i++) {
      to[at + i] = d * from.get(JAVA_BYTE, offsetBytes + 2 + i);
    }
  }
}
