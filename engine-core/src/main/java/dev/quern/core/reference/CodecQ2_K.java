package dev.quern.core.reference;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.quern.core.type.BlockType;
import java.lang.foreign.MemorySegment;

/**
 * Q2_K: 16 sub-blocks of 16, x = d·scale·q − dmin·min with 4-bit scale and min.
 *
 * <p>In memory: 16 bytes, each a sub-block's scale (low nibble) and min; 64 bytes of levels; d,
 * dmin (F16). Each half of 128 elements has 32 of the level bytes: byte i has elements i, i + 32, i
 * + 64 and i + 96, from its lowest bits on.
 */
final class CodecQ2_K implements BlockCodec {
  private static final int SUBS = 16;
  private static final int LENGTH = 16;
  private static final int TOP = 3;
  private static final int SCALE_TOP = 15;
  private static final int LEVELS = 16;
  private static final int D = 80;

  @Override
  public BlockType type() {
    return BlockType.Q2_K;
  }

  @Override
  public void quantizeBlock(float[] from, int at, MemorySegment to, long offsetBytes) {
    ScaleSearch search = new ScaleSearch(LENGTH);
    int[] levels = new int[SUBS * LENGTH];
    float[] scales = new float[SUBS];
    float[] mins = new float[SUBS];
    float maxScale = 0;
    float maxMin = 0;
    for (int s = 0; s < SUBS; s++) {
      scales[s] = search.offset(from, at + s * LENGTH, TOP, ScaleSearch.Grids.ABSOLUTE);
      mins[s] = search.min;
      System.arraycopy(search.levels, 0, levels, s * LENGTH, LENGTH);
      maxScale = scales[s] > maxScale ? scales[s] : maxScale;
      maxMin = mins[s] > maxMin ? mins[s] : maxMin;
    }
    float inverseScale = maxScale > 0 ? SCALE_TOP / maxScale : 0;
    float inverseMin = maxMin > 0 ? SCALE_TOP / maxMin : 0;
    float d = half(to, offsetBytes + D, maxScale / SCALE_TOP);
    float dmin = half(to, offsetBytes + D + 2, maxMin / SCALE_TOP);
    for (int s = 0; s < SUBS; s++) {
      int packed =
          ScaleSearch.nearest(inverseScale * scales[s])
              | ScaleSearch.nearest(inverseMin * mins[s]) << 4;
      to.set(JAVA_BYTE, offsetBytes + s, (byte) packed);
      float scale = d * (packed & 15);
      float min = dmin * (packed >> 4 & 15);
      for (int i = s * LENGTH; scale != 0 && i < (s + 1) * LENGTH; i++) {
        levels[i] = Math.clamp(ScaleSearch.nearest((from[at + i] + min) / scale), 0, TOP);
      }
    }
    packPairs(levels, to, offsetBytes + LEVELS);
  }

  /** The low two bits of 256 levels in 64 bytes. */
  static void packPairs(int[] levels, MemorySegment to, long at) {
    for (int i = 0; i < 64; i++) {
      int first = i / 32 * 128 + i % 32;
      int pairs = 0;
      for (int k = 0; k < 4; k++) {
        pairs |= (levels[first + 32 * k] & 3) << (2 * k);
      }
      to.set(JAVA_BYTE, at + i, (byte) pairs);
    }
  }

  /** Two bits of element e, as {@link #packPairs} packs them. */
  static int pair(MemorySegment from, long at, int e) {
    return from.get(JAVA_BYTE, at + (long) (e / 128) * 32 + e % 32) >> (e % 128 / 32 * 2) & 3;
  }

  private static float half(MemorySegment to, long at, float x) {
    short bits = BlockCodecs.half(x);
    to.set(JAVA_SHORT_UNALIGNED, at, bits);
    return Float.float16ToFloat(bits);
  }

  @Override
  public void dequantizeBlock(MemorySegment from, long offsetBytes, float[] to, int at) {
    float d = Float.float16ToFloat(from.get(JAVA_SHORT_UNALIGNED, offsetBytes + D));
    float dmin = Float.float16ToFloat(from.get(JAVA_SHORT_UNALIGNED, offsetBytes + D + 2));
    for (int e = 0; e < SUBS * LENGTH; e++) {
      int packed = from.get(JAVA_BYTE, offsetBytes + e / LENGTH);
      float scale = d * (packed & 15);
      float min = dmin * (packed >> 4 & 15);
      to[at + e] = scale * pair(from, offsetBytes + LEVELS, e) - min;
    }
  }
}
