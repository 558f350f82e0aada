package dev.quern.core.reference;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.quern.core.type.BlockType;
import java.lang.foreign.MemorySegment;

/**
 * Q6_K: 16 sub-blocks of 16, x = d·scale·(q − 32) with an 8-bit signed scale.
 *
 * <p>In memory: 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 scales, d (F16). Each
 * half of 128 elements has 64 and 32 of those bytes: element i of its first 64 is in the low nibble
 * of byte i, of its last 64 in the high nibble of byte i − 64; byte i mod 32 of the upper bits has
 * elements i, i + 32, i + 64 and i + 96, from its lowest bits on.
 */
final class CodecQ6_K implements BlockCodec {
  private static final int SUBS = 16;
  private static final int LENGTH = 16;
  private static final int HALF = 128;
  private static final int UPPER = 128;
  private static final int SCALES = 192;
  private static final int D = 208;
  private static final int MIDDLE = 32;
  private static final float TINY = 1e-15f;

  @Override
  public BlockType type() {
    return BlockType.Q6_K;
  }

  @Override
  public void quantizeBlock(float[] from, int at, MemorySegment to, long offsetBytes) {
    ScaleSearch search = new ScaleSearch(LENGTH);
    int[] levels = new int[SUBS * LENGTH];
    float[] scales = new float[SUBS];
    float extreme = 0;
    for (int s = 0; s < SUBS; s++) {
      scales[s] = search.signed(from, at + s * LENGTH, MIDDLE);
      System.arraycopy(search.levels, 0, levels, s * LENGTH, LENGTH);
      if (Math.abs(scales[s]) > Math.abs(extreme)) {
        extreme = scales[s];
      }
    }
    if (Math.abs(extreme) < TINY) {
      to.asSlice(offsetBytes, type().blockBytes()).fill((byte) 0);
      return;
    }
    float inverse = -128 / extreme;
    short bits = Float.floatToFloat16(1 / inverse);
    to.set(JAVA_SHORT_UNALIGNED, offsetBytes + D, bits);
    for (int s = 0; s < SUBS; s++) {
      int scale = Math.min(127, ScaleSearch.nearest(inverse * scales[s]));
      to.set(JAVA_BYTE, offsetBytes + SCALES + s, (byte) scale);
      float d = Float.float16ToFloat(bits) * scale;
      for (int i = s * LENGTH; d != 0 && i < (s + 1) * LENGTH; i++) {
        levels[i] = MIDDLE + Math.clamp(ScaleSearch.nearest(from[at + i] / d), -MIDDLE, MIDDLE - 1);
      }
    }
    pack(levels, to, offsetBytes);
  }

  private static void pack(int[] levels, MemorySegment to, long offsetBytes) {
    for (int h = 0; h < 2; h++) {
      for (int i = 0; i < 64; i++) {
        int first = levels[h * HALF + i];
        int second = levels[h * HALF + 64 + i];
        to.set(JAVA_BYTE, offsetBytes + h * 64L + i, (byte) ((first & 15) | (second & 15) << 4));
      }
      for (int i = 0; i < 32; i++) {
        int upper = 0;
        for (int k = 0; k < 4; k++) {
          upper |= (levels[h * HALF + 32 * k + i] >> 4) << (2 * k);
        }
        to.set(JAVA_BYTE, offsetBytes + UPPER + h * 32L + i, (byte) upper);
      }
    }
  }

  @Override
  public void dequantizeBlock(MemorySegment from, long offsetBytes, float[] to, int at) {
    float d = Float.float16ToFloat(from.get(JAVA_SHORT_UNALIGNED, offsetBytes + D));
    for (int e = 0; e < SUBS * LENGTH; e++) {
      int h = e / HALF;
      int i = e % HALF;
      int low = (from.get(JAVA_BYTE, offsetBytes + h * 64L + i % 64) >> (i / 64 * 4)) & 15;
      int upper = (from.get(JAVA_BYTE, offsetBytes + UPPER + h * 32L + i % 32) >> (i / 32 * 2)) & 3;
      int scale = from.get(JAVA_BYTE, offsetBytes + SCALES + e / LENGTH);
      to[at + e] = d * scale * ((low | upper << 4) - MIDDLE);
    }
  }
}
