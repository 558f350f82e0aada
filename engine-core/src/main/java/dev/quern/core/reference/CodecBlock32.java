package dev.quern.core.reference;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.quern.core.type.BlockType;
import java.lang.foreign.MemorySegment;

/**
 * Q4_1, Q5_0 and Q5_1: blocks of 32 levels of 4 or 5 bits, x = d·q + m, or x = d·(q − 16) where the
 * format has no minimum.
 *
 * <p>In memory: d and, if there is one, m (F16); of 5-bit levels the upper bits, bit i for element
 * i; 16 bytes whose low nibbles are elements 0..15 and whose high ones are 16..31.
 */
final class CodecBlock32 implements BlockCodec {
  private static final int LENGTH = 32;
  private static final int HALF = LENGTH / 2;
  private static final int MIDDLE = 16;

  private final BlockType type;
  private final boolean minimum;
  private final boolean five;
  private final int top;
  private final int upper;
  private final int nibbles;

  /**
   * One of the three.
   *
   * @param type the format
   * @param bits of a level
   * @param minimum whether it stores one
   */
  CodecBlock32(BlockType type, int bits, boolean minimum) {
    this.type = type;
    this.minimum = minimum;
    this.five = bits == 5;
    this.top = (1 << bits) - 1;
    this.upper = minimum ? 4 : 2;
    this.nibbles = upper + (five ? 4 : 0);
  }

  @Override
  public BlockType type() {
    return type;
  }

  @Override
  public void quantizeBlock(float[] from, int at, MemorySegment to, long offsetBytes) {
    float low = Float.MAX_VALUE;
    float high = -Float.MAX_VALUE;
    float extreme = 0;
    for (int i = at; i < at + LENGTH; i++) {
      low = from[i] < low ? from[i] : low;
      high = from[i] > high ? from[i] : high;
      extreme = Math.abs(from[i]) > Math.abs(extreme) ? from[i] : extreme;
    }
    float d = minimum ? (high - low) / top : extreme / -MIDDLE;
    float inverse = d == 0 ? 0 : 1 / d;
    to.set(JAVA_SHORT_UNALIGNED, offsetBytes, BlockCodecs.half(d));
    if (minimum) {
      to.set(JAVA_SHORT_UNALIGNED, offsetBytes + 2, BlockCodecs.half(low));
    }
    int bits = 0;
    for (int i = 0; i < HALF; i++) {
      int first = level(from[at + i], low, inverse);
      int second = level(from[at + HALF + i], low, inverse);
      bits |= first >> 4 << i | second >> 4 << (HALF + i);
      to.set(JAVA_BYTE, offsetBytes + nibbles + i, (byte) ((first & 15) | (second & 15) << 4));
    }
    if (five) {
      to.set(JAVA_INT_UNALIGNED, offsetBytes + upper, bits);
    }
  }

  private int level(float x, float low, float inverse) {
    float level = minimum ? (x - low) * inverse + 0.5f : x * inverse + (MIDDLE + 0.5f);
    return Math.clamp((int) level, 0, top);
  }

  @Override
  public void dequantizeBlock(MemorySegment from, long offsetBytes, float[] to, int at) {
    float d = Float.float16ToFloat(from.get(JAVA_SHORT_UNALIGNED, offsetBytes));
    float m = minimum ? Float.float16ToFloat(from.get(JAVA_SHORT_UNALIGNED, offsetBytes + 2)) : 0;
    int bits = five ? from.get(JAVA_INT_UNALIGNED, offsetBytes + upper) : 0;
    for (int i = 0; i < LENGTH; i++) {
      int nibble = from.get(JAVA_BYTE, offsetBytes + nibbles + i % HALF) >> (i / HALF * 4) & 15;
      int level = nibble | (bits >>> i & 1) << 4;
      to[at + i] = minimum ? d * level + m : d * (level - MIDDLE);
    }
  }
}
