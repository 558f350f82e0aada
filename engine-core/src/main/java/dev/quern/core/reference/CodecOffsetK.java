package dev.quern.core.reference;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.quern.core.type.BlockType;
import java.lang.foreign.MemorySegment;

/**
 * Q4_K and Q5_K: 8 sub-blocks of 32, x = d·scale·q − dmin·min with 6-bit scale and min.
 *
 * <p>In memory: d, dmin (F16), 12 bytes of scales and mins, of Q5_K 32 bytes of fifth bits, 128
 * bytes of levels. Byte j &lt; 4 of the twelve has scale j, byte j + 4 min j, in their low 6 bits;
 * byte j + 8 has the low nibbles of scale j + 4 and min j + 4, whose upper two bits are on top of
 * bytes j and j + 4. Level byte i of each 32 has element i of an even sub-block in its low nibble
 * and of the next one in its high; bit s of byte i of the fifth bits is element i of sub-block s.
 */
final class CodecOffsetK implements BlockCodec {
  private static final int SUBS = 8;
  private static final int LENGTH = 32;
  private static final int SCALES = 4;
  private static final int UPPER = 16;
  private static final int SCALE_TOP = 63;

  private final BlockType type;
  private final boolean five;
  private final int top;
  private final int levels;

  /** Q4_K or Q5_K. */
  CodecOffsetK(BlockType type) {
    this.type = type;
    this.five = type == BlockType.Q5_K;
    this.top = five ? 31 : 15;
    this.levels = five ? UPPER + LENGTH : UPPER;
  }

  @Override
  public BlockType type() {
    return type;
  }

  @Override
  public void quantizeBlock(float[] from, int at, MemorySegment to, long offsetBytes) {
    ScaleSearch search = new ScaleSearch(LENGTH);
    ScaleSearch.Grids grids = five ? ScaleSearch.Grids.HALF : ScaleSearch.Grids.WHOLE;
    int[][] found = new int[SUBS][];
    float[] scales = new float[SUBS];
    float[] mins = new float[SUBS];
    float maxScale = 0;
    float maxMin = 0;
    for (int s = 0; s < SUBS; s++) {
      scales[s] = search.offset(from, at + s * LENGTH, top, grids);
      mins[s] = search.min;
      found[s] = search.levels.clone();
      maxScale = Math.max(maxScale, scales[s]);
      maxMin = Math.max(maxMin, mins[s]);
    }
    float inverseScale = maxScale > 0 ? SCALE_TOP / maxScale : 0;
    float inverseMin = maxMin > 0 ? SCALE_TOP / maxMin : 0;
    float d = half(to, offsetBytes, maxScale / SCALE_TOP);
    float dmin = half(to, offsetBytes + 2, maxMin / SCALE_TOP);
    int[] packed = new int[3 * SUBS / 2];
    for (int s = 0; s < SUBS; s++) {
      // as an unsigned byte first: a scale can come out negative, and then wraps as in ggml
      int scale = Math.min(SCALE_TOP, ScaleSearch.nearest(inverseScale * scales[s]) & 0xff);
      int min = Math.min(SCALE_TOP, ScaleSearch.nearest(inverseMin * mins[s]) & 0xff);
      if (s < 4) {
        packed[s] = scale;
        packed[s + 4] = min;
      } else {
        packed[s + 4] = (scale & 15) | (min & 15) << 4;
        packed[s - 4] |= scale >> 4 << 6;
        packed[s] |= min >> 4 << 6;
      }
      relevel(from, at + s * LENGTH, found[s], d * scale, dmin * min);
    }
    for (int i = 0; i < packed.length; i++) {
      to.set(JAVA_BYTE, offsetBytes + SCALES + i, (byte) packed[i]);
    }
    for (int s = 0; s < SUBS; s += 2) {
      long q = offsetBytes + levels + (s / 2) * (long) LENGTH;
      for (int i = 0; i < LENGTH; i++) {
        to.set(JAVA_BYTE, q + i, (byte) ((found[s][i] & 15) | (found[s + 1][i] & 15) << 4));
      }
    }
    for (int i = 0; five && i < LENGTH; i++) {
      int upper = 0;
      for (int s = 0; s < SUBS; s++) {
        upper |= found[s][i] >> 4 << s;
      }
      to.set(JAVA_BYTE, offsetBytes + UPPER + i, (byte) upper);
    }
  }

  /** The levels for the scale and min as they were stored; kept as searched if the scale is 0. */
  private void relevel(float[] x, int at, int[] levels, float scale, float min) {
    if (scale != 0) {
      for (int i = 0; i < LENGTH; i++) {
        levels[i] = Math.clamp(ScaleSearch.nearest((x[at + i] + min) / scale), 0, top);
      }
    }
  }

  private static float half(MemorySegment to, long at, float x) {
    short bits = BlockCodecs.half(x);
    to.set(JAVA_SHORT_UNALIGNED, at, bits);
    return Float.float16ToFloat(bits);
  }

  @Override
  public void dequantizeBlock(MemorySegment from, long offsetBytes, float[] to, int at) {
    float d = Float.float16ToFloat(from.get(JAVA_SHORT_UNALIGNED, offsetBytes));
    float dmin = Float.float16ToFloat(from.get(JAVA_SHORT_UNALIGNED, offsetBytes + 2));
    long p = offsetBytes + SCALES;
    for (int s = 0; s < SUBS; s++) {
      int scale;
      int min;
      if (s < 4) {
        scale = from.get(JAVA_BYTE, p + s) & SCALE_TOP;
        min = from.get(JAVA_BYTE, p + s + 4) & SCALE_TOP;
      } else {
        int low = from.get(JAVA_BYTE, p + s + 4) & 0xff;
        scale = (low & 15) | (from.get(JAVA_BYTE, p + s - 4) & 0xc0) >> 2;
        min = low >> 4 | (from.get(JAVA_BYTE, p + s) & 0xc0) >> 2;
      }
      float step = d * scale;
      float offset = dmin * min;
      long q = offsetBytes + levels + (s / 2) * (long) LENGTH;
      int shift = s % 2 * 4;
      for (int i = 0; i < LENGTH; i++) {
        int upper = five ? from.get(JAVA_BYTE, offsetBytes + UPPER + i) >> s & 1 : 0;
        int level = (from.get(JAVA_BYTE, q + i) >> shift & 15) | upper << 4;
        to[at + s * LENGTH + i] = step * level - offset;
      }
    }
  }
}
