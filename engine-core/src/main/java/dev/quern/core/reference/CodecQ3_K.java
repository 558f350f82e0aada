package dev.quern.core.reference;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.quern.core.type.BlockType;
import java.lang.foreign.MemorySegment;

/**
 * Q3_K: 16 sub-blocks of 16, x = d·(scale − 32)·(q − 4) with 6-bit scale and 3-bit q.
 *
 * <p>In memory: 32 bytes of upper bits, 64 bytes of lower pairs, 12 bytes of scales, d (F16). Bit j
 * of upper byte i is element i + 32j; pairs are packed as in {@link CodecQ2_K}. Byte j &lt; 8 of
 * the twelve has the low nibbles of scales j and j + 8; byte 8 + j has the upper pairs of scales j,
 * j + 4, j + 8 and j + 12, from its lowest bits on.
 */
final class CodecQ3_K implements BlockCodec {
  private static final int SUBS = 16;
  private static final int LENGTH = 16;
  private static final int MIDDLE = 4;
  private static final int SCALE_MIDDLE = 32;
  private static final int LEVELS = 32;
  private static final int SCALES = 96;
  private static final int D = 108;

  @Override
  public BlockType type() {
    return BlockType.Q3_K;
  }

  @Override
  public void quantizeBlock(float[] from, int at, MemorySegment to, long offsetBytes) {
    ScaleSearch search = new ScaleSearch(LENGTH);
    int[] levels = new int[SUBS * LENGTH];
    float[] scales = new float[SUBS];
    float extreme = 0;
    for (int s = 0; s < SUBS; s++) {
      scales[s] = search.refined(from, at + s * LENGTH, MIDDLE);
      System.arraycopy(search.levels, 0, levels, s * LENGTH, LENGTH);
      extreme = Math.abs(scales[s]) > Math.abs(extreme) ? scales[s] : extreme;
    }
    int[] packed = new int[12];
    float inverse = extreme != 0 ? -SCALE_MIDDLE / extreme : 0;
    short bits = BlockCodecs.half(extreme != 0 ? 1 / inverse : 0);
    to.set(JAVA_SHORT_UNALIGNED, offsetBytes + D, bits);
    for (int s = 0; s < SUBS; s++) {
      int scale = -SCALE_MIDDLE;
      if (extreme != 0) {
        int rounded = (byte) ScaleSearch.nearest(inverse * scales[s]);
        scale = Math.clamp(rounded, -SCALE_MIDDLE, SCALE_MIDDLE - 1);
        packed[s % 8] |= ((scale + SCALE_MIDDLE) & 15) << (s / 8 * 4);
        packed[8 + s % 4] |= (scale + SCALE_MIDDLE) >> 4 << (s / 4 * 2);
      }
      float d = Float.float16ToFloat(bits) * scale;
      for (int i = s * LENGTH; d != 0 && i < (s + 1) * LENGTH; i++) {
        levels[i] = MIDDLE + Math.clamp(ScaleSearch.nearest(from[at + i] / d), -MIDDLE, MIDDLE - 1);
      }
    }
    for (int i = 0; i < packed.length; i++) {
      to.set(JAVA_BYTE, offsetBytes + SCALES + i, (byte) packed[i]);
    }
    for (int i = 0; i < 32; i++) {
      int upper = 0;
      for (int j = 0; j < 8; j++) {
        upper |= levels[i + 32 * j] >> 2 << j;
      }
      to.set(JAVA_BYTE, offsetBytes + i, (byte) upper);
    }
    CodecQ2_K.packPairs(levels, to, offsetBytes + LEVELS);
  }

  @Override
  public void dequantizeBlock(MemorySegment from, long offsetBytes, float[] to, int at) {
    float d = Float.float16ToFloat(from.get(JAVA_SHORT_UNALIGNED, offsetBytes + D));
    for (int e = 0; e < SUBS * LENGTH; e++) {
      int s = e / LENGTH;
      int low = from.get(JAVA_BYTE, offsetBytes + SCALES + s % 8) >> (s / 8 * 4) & 15;
      int high = from.get(JAVA_BYTE, offsetBytes + SCALES + 8 + s % 4) >> (s / 4 * 2) & 3;
      float scale = d * ((low | high << 4) - SCALE_MIDDLE);
      int upper = from.get(JAVA_BYTE, offsetBytes + e % 32) >> (e / 32) & 1;
      int level = CodecQ2_K.pair(from, offsetBytes + LEVELS, e) | upper << 2;
      to[at + e] = scale * (level - MIDDLE);
    }
  }
}
