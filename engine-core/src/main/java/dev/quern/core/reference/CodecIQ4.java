package dev.quern.core.reference;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.quern.core.type.BlockType;
import java.lang.foreign.MemorySegment;

/**
 * IQ4_NL and IQ4_XS: x = d·value[q], or d·(scale − 32)·value[q] with a 6-bit scale for each of 8
 * runs of 32. The sixteen values stand closer together near zero, where most weights are.
 *
 * <p>In memory: d (F16); of IQ4_XS the upper pairs of the scales (16 bits, from the lowest on) and
 * their low nibbles (4 bytes, low nibble first); for each run 16 bytes whose low nibbles are its
 * elements 0..15 and whose high ones are 16..31.
 */
final class CodecIQ4 implements BlockCodec {
  private static final int[] VALUES = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };
  private static final int LENGTH = 32;
  private static final int HALF = LENGTH / 2;
  private static final int TRIALS = 7;
  private static final int SCALE_MIDDLE = 32;
  private static final int UPPER_SCALES = 2;
  private static final int LOWER_SCALES = 4;
  private static final float TINY = 1e-15f;

  private final BlockType type;
  private final int runs;
  private final int nibbles;

  /** IQ4_NL or IQ4_XS. */
  CodecIQ4(BlockType type) {
    this.type = type;
    this.runs = type.blockLength() / LENGTH;
    this.nibbles = runs == 1 ? 2 : 8;
  }

  @Override
  public BlockType type() {
    return type;
  }

  @Override
  public void quantizeBlock(float[] from, int at, MemorySegment to, long offsetBytes) {
    float[] scales = new float[runs];
    float extreme = 0;
    for (int r = 0; r < runs; r++) {
      scales[r] = scale(from, at + r * LENGTH);
      extreme = Math.abs(scales[r]) > Math.abs(extreme) ? scales[r] : extreme;
    }
    if (runs == 1) {
      to.set(JAVA_SHORT_UNALIGNED, offsetBytes, BlockCodecs.half(scales[0]));
      run(from, at, scales[0], to, offsetBytes + nibbles);
      return;
    }
    float d = -extreme / SCALE_MIDDLE;
    float inverse = d == 0 ? 0 : 1 / d;
    to.set(JAVA_SHORT_UNALIGNED, offsetBytes, BlockCodecs.half(d));
    int upper = 0;
    int lower = 0;
    for (int r = 0; r < runs; r++) {
      int rounded = ScaleSearch.nearest(inverse * scales[r]);
      int scale = Math.clamp(rounded, -SCALE_MIDDLE, SCALE_MIDDLE - 1);
      upper |= ((scale + SCALE_MIDDLE) >> 4) << (2 * r);
      lower |= ((scale + SCALE_MIDDLE) & 15) << (4 * r);
      run(from, at + r * LENGTH, d * scale, to, offsetBytes + nibbles + (long) r * HALF);
    }
    to.set(JAVA_SHORT_UNALIGNED, offsetBytes + UPPER_SCALES, (short) upper);
    for (int i = 0; i < 4; i++) {
      to.set(JAVA_BYTE, offsetBytes + LOWER_SCALES + i, (byte) (lower >> (8 * i)));
    }
  }

  /** The scale of least squared errors, weighted by x², of several grids. */
  private static float scale(float[] x, int at) {
    float extreme = 0;
    for (int i = at; i < at + LENGTH; i++) {
      extreme = Math.abs(x[i]) > Math.abs(extreme) ? x[i] : extreme;
    }
    if (Math.abs(extreme) < TINY) {
      return 0;
    }
    float d = 0;
    float best = 0;
    for (int k = -TRIALS - 1; k <= TRIALS; k++) {
      boolean first = k < -TRIALS; // the extreme as the lowest value, with the other sign
      float inverse = first ? 1 / (-extreme / VALUES[0]) : (k + VALUES[0]) / extreme;
      float qx = 0;
      float qq = 0;
      for (int i = at; i < at + LENGTH; i++) {
        float q = VALUES[nearest(inverse * x[i])];
        float w = x[i] * x[i];
        qx += w * q * x[i];
        qq += w * q * q;
      }
      if (qq > 0 && (first || qx * qx > best * qq)) {
        d = qx / qq;
        best = d * qx;
      }
    }
    return d;
  }

  private static void run(float[] x, int at, float scale, MemorySegment to, long q) {
    float inverse = scale == 0 ? 0 : 1 / scale;
    for (int i = 0; i < HALF; i++) {
      int low = nearest(inverse * x[at + i]);
      int high = nearest(inverse * x[at + HALF + i]);
      to.set(JAVA_BYTE, q + i, (byte) (low | high << 4));
    }
  }

  /** The index of the nearest value, the larger one on a tie. */
  private static int nearest(float x) {
    int i = 0;
    while (i < VALUES.length - 1 && !(x - VALUES[i] < VALUES[i + 1] - x)) {
      i++;
    }
    return i;
  }

  @Override
  public void dequantizeBlock(MemorySegment from, long offsetBytes, float[] to, int at) {
    float d = Float.float16ToFloat(from.get(JAVA_SHORT_UNALIGNED, offsetBytes));
    for (int r = 0; r < runs; r++) {
      float scale = d;
      if (runs > 1) {
        int low = from.get(JAVA_BYTE, offsetBytes + LOWER_SCALES + r / 2) >> (r % 2 * 4) & 15;
        int high = from.get(JAVA_SHORT_UNALIGNED, offsetBytes + UPPER_SCALES) >> (2 * r) & 3;
        scale = d * ((low | high << 4) - SCALE_MIDDLE);
      }
      for (int i = 0; i < LENGTH; i++) {
        int q = from.get(JAVA_BYTE, offsetBytes + nibbles + (long) r * HALF + i % HALF);
        to[at + r * LENGTH + i] = scale * VALUES[q >> (i / HALF * 4) & 15];
      }
    }
  }
}
