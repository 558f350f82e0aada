package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.I16;
import static dev.quern.kernels.cpu.Simd.B;
import static dev.quern.kernels.cpu.Simd.BL;
import static dev.quern.kernels.cpu.Simd.B_PARTS;
import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.I;
import static dev.quern.kernels.cpu.Simd.L;
import static dev.quern.kernels.cpu.Simd.LE;
import static jdk.incubator.vector.VectorOperators.B2I;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2I;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Dot products of four rows of Q8_0 or Q4_0, {@code far} bytes apart, with one F32 x: the lanes of
 * Σ over blocks of d · Σⱼ q[j] · x[j].
 *
 * <p>Loop: over blocks of 32; over the bytes of a block, a vector at a time: widen to floats,
 * multiply-add to the block's sum; then add d times that to the row's sum. The inner loops have
 * constant bounds and are unrolled whole.
 *
 * <p>Activations stay F32. Without an int8 dot product in the Vector API, bytes have to be widened
 * to shorts, multiplied, and the products widened to ints and to floats: eight instructions on the
 * vector ports for a block of Q8_0 in 512 bits, against seven here (20 GB/s of weights a core from
 * the cache either way, twice what the memory delivers). Scales come from a table ({@link Half}).
 * For slices and bounds see {@link DotFloats}; for the lack of helpers, {@link MicroKernel}.
 */
final class DotBlocks32 {
  private DotBlocks32() {}

  static void q80(
      MemorySegment w, long at, long far, MemorySegment x, long xAt, int blocks, float[] t) {
    MemorySegment v = x.asSlice(xAt, blocks * 128L);
    MemorySegment w0 = w.asSlice(at, blocks * 34L);
    MemorySegment w1 = w.asSlice(at + far, blocks * 34L);
    MemorySegment w2 = w.asSlice(at + 2 * far, blocks * 34L);
    MemorySegment w3 = w.asSlice(at + 3 * far, blocks * 34L);
    FloatVector zero = FloatVector.zero(F);
    FloatVector s0 = zero;
    FloatVector s1 = zero;
    FloatVector s2 = zero;
    FloatVector s3 = zero;
    for (int b = 0; b < blocks; b++) {
      FloatVector t0 = zero;
      FloatVector t1 = zero;
      FloatVector t2 = zero;
      FloatVector t3 = zero;
      for (int j = 0; j < 32; j += BL) {
        ByteVector b0 = ByteVector.fromMemorySegment(B, w0, b * 34L + 2 + j, LE);
        ByteVector b1 = ByteVector.fromMemorySegment(B, w1, b * 34L + 2 + j, LE);
        ByteVector b2 = ByteVector.fromMemorySegment(B, w2, b * 34L + 2 + j, LE);
        ByteVector b3 = ByteVector.fromMemorySegment(B, w3, b * 34L + 2 + j, LE);
        for (int p = 0; p < B_PARTS; p++) {
          long e = b * 128L + 4L * (j + p * L);
          FloatVector a = FloatVector.fromMemorySegment(F, v, e, LE);
          t0 = ((FloatVector) b0.convertShape(B2I, I, p).convertShape(I2F, F, 0)).fma(a, t0);
          t1 = ((FloatVector) b1.convertShape(B2I, I, p).convertShape(I2F, F, 0)).fma(a, t1);
          t2 = ((FloatVector) b2.convertShape(B2I, I, p).convertShape(I2F, F, 0)).fma(a, t2);
          t3 = ((FloatVector) b3.convertShape(B2I, I, p).convertShape(I2F, F, 0)).fma(a, t3);
        }
      }
      s0 = t0.fma(FloatVector.broadcast(F, Half.FLOATS[w0.get(I16, b * 34L) & 0xffff]), s0);
      s1 = t1.fma(FloatVector.broadcast(F, Half.FLOATS[w1.get(I16, b * 34L) & 0xffff]), s1);
      s2 = t2.fma(FloatVector.broadcast(F, Half.FLOATS[w2.get(I16, b * 34L) & 0xffff]), s2);
      s3 = t3.fma(FloatVector.broadcast(F, Half.FLOATS[w3.get(I16, b * 34L) & 0xffff]), s3);
    }
    s0.intoArray(t, 0);
    s1.intoArray(t, L);
    s2.intoArray(t, 2 * L);
    s3.intoArray(t, 3 * L);
  }

  static void q40(
      MemorySegment w, long at, long far, MemorySegment x, long xAt, int blocks, float[] t) {
    MemorySegment v = x.asSlice(xAt, blocks * 128L);
    MemorySegment w0 = w.asSlice(at, blocks * 18L);
    MemorySegment w1 = w.asSlice(at + far, blocks * 18L);
    MemorySegment w2 = w.asSlice(at + 2 * far, blocks * 18L);
    MemorySegment w3 = w.asSlice(at + 3 * far, blocks * 18L);
    FloatVector zero = FloatVector.zero(F);
    FloatVector s0 = zero;
    FloatVector s1 = zero;
    FloatVector s2 = zero;
    FloatVector s3 = zero;
    for (int b = 0; b < blocks; b++) {
      FloatVector t0 = zero;
      FloatVector t1 = zero;
      FloatVector t2 = zero;
      FloatVector t3 = zero;
      for (int j = 0; j < 16; j += BL) {
        ByteVector b0 = ByteVector.fromMemorySegment(B, w0, b * 18L + 2 + j, LE);
        ByteVector b1 = ByteVector.fromMemorySegment(B, w1, b * 18L + 2 + j, LE);
        ByteVector b2 = ByteVector.fromMemorySegment(B, w2, b * 18L + 2 + j, LE);
        ByteVector b3 = ByteVector.fromMemorySegment(B, w3, b * 18L + 2 + j, LE);
        for (int p = 0; p < B_PARTS; p++) {
          long e = b * 128L + 4L * (j + p * L);
          FloatVector lo = FloatVector.fromMemorySegment(F, v, e, LE);
          FloatVector hi = FloatVector.fromMemorySegment(F, v, e + 64, LE);
          IntVector q = (IntVector) b0.convertShape(ZERO_EXTEND_B2I, I, p);
          t0 = ((FloatVector) q.and(15).sub(8).convertShape(I2F, F, 0)).fma(lo, t0);
          t0 = ((FloatVector) q.lanewise(LSHR, 4).sub(8).convertShape(I2F, F, 0)).fma(hi, t0);
          q = (IntVector) b1.convertShape(ZERO_EXTEND_B2I, I, p);
          t1 = ((FloatVector) q.and(15).sub(8).convertShape(I2F, F, 0)).fma(lo, t1);
          t1 = ((FloatVector) q.lanewise(LSHR, 4).sub(8).convertShape(I2F, F, 0)).fma(hi, t1);
          q = (IntVector) b2.convertShape(ZERO_EXTEND_B2I, I, p);
          t2 = ((FloatVector) q.and(15).sub(8).convertShape(I2F, F, 0)).fma(lo, t2);
          t2 = ((FloatVector) q.lanewise(LSHR, 4).sub(8).convertShape(I2F, F, 0)).fma(hi, t2);
          q = (IntVector) b3.convertShape(ZERO_EXTEND_B2I, I, p);
          t3 = ((FloatVector) q.and(15).sub(8).convertShape(I2F, F, 0)).fma(lo, t3);
          t3 = ((FloatVector) q.lanewise(LSHR, 4).sub(8).convertShape(I2F, F, 0)).fma(hi, t3);
        }
      }
      s0 = t0.fma(FloatVector.broadcast(F, Half.FLOATS[w0.get(I16, b * 18L) & 0xffff]), s0);
      s1 = t1.fma(FloatVector.broadcast(F, Half.FLOATS[w1.get(I16, b * 18L) & 0xffff]), s1);
      s2 = t2.fma(FloatVector.broadcast(F, Half.FLOATS[w2.get(I16, b * 18L) & 0xffff]), s2);
      s3 = t3.fma(FloatVector.broadcast(F, Half.FLOATS[w3.get(I16, b * 18L) & 0xffff]), s3);
    }
    s0.intoArray(t, 0);
    s1.intoArray(t, L);
    s2.intoArray(t, 2 * L);
    s3.intoArray(t, 3 * L);
  }
}
