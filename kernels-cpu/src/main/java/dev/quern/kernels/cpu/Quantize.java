package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.I16;
import static dev.quern.kernels.cpu.Segments.I8;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Runs of F32 to Q8_0, byte for byte what the reference writes: d = max|x| / 127 as F16, then 32
 * signed bytes round(x / d), ties away from zero.
 *
 * <p>Loop nest: over blocks; over the vectors of a block, once for the largest, once for the bytes.
 */
final class Quantize {
  private static final int LENGTH = 32;
  private static final int BLOCK_BYTES = 34;

  /** The float below one half: one half itself would carry 0.49999997 up to 1. */
  private static final float HALF = 0x1.fffffep-2f;

  private Quantize() {}

  /** {@code blocks} blocks; x and y without gaps. */
  static void q80(MemorySegment x, long from, MemorySegment y, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      block(x, from + 4L * LENGTH * b, y, to + (long) BLOCK_BYTES * b);
    }
  }

  private static void block(MemorySegment x, long from, MemorySegment y, long to) {
    FloatVector top = FloatVector.zero(Simd.F);
    for (int i = 0; i < LENGTH; i += Simd.L) {
      top = top.max(Simd.load(x, from + 4L * i).abs());
    }
    float d = Simd.max(top) / 127;
    float inverse = d == 0 ? 0 : 1 / d;
    // every NaN as one, as the reference has it
    y.set(I16, to, Float.floatToFloat16(Float.isNaN(d) ? Float.NaN : d));
    for (int i = 0; i < LENGTH; i += Simd.L) {
      bytes(Simd.load(x, from + 4L * i).mul(inverse), y, to + 2 + i);
    }
  }

  /** Rounds, NaN to 0, and cuts off at the ends of a byte. */
  private static void bytes(FloatVector x, MemorySegment y, long to) {
    IntVector sign = x.reinterpretAsInts().and(Integer.MIN_VALUE);
    IntVector half = sign.or(Float.floatToRawIntBits(HALF));
    FloatVector moved = x.add(half.reinterpretAsFloats());
    IntVector q = (IntVector) moved.convertShape(VectorOperators.F2I, Simd.I, 0);
    q = q.min(127).max(-128);
    if (Simd.BL == Simd.L) {
      ((ByteVector) q.convertShape(VectorOperators.I2B, Simd.B, 0))
          .intoMemorySegment(y, to, Simd.LE);
    } else {
      for (int i = 0; i < Simd.L; i++) {
        y.set(I8, to + i, (byte) q.lane(i));
      }
    }
  }
}
