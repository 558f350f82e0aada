package dev.quern.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector shapes and the few accesses that all kernels share. Everything is little-endian and
 * addressed in bytes; nothing assumes a width between 64 and 512 bits.
 *
 * <p>Sums across lanes add halves in a fixed order. The API's own {@code reduceLanes} promises no
 * order, and interpreted and compiled code do differ in their last bits.
 */
final class Simd {
  /** The widest floats of this machine. */
  static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

  /** As many ints. */
  static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());

  /** As many shorts, in half the bits where that exists. */
  static final VectorSpecies<Short> H = VectorSpecies.of(short.class, narrower(2));

  /** As many bytes, in a quarter of the bits where that exists. */
  static final VectorSpecies<Byte> B = VectorSpecies.of(byte.class, narrower(4));

  /** Floats in a vector. */
  static final int L = F.length();

  /** Bytes in a vector of floats. */
  static final int VB = L * Float.BYTES;

  /** Shorts in {@link #H}: L, or more on narrow machines. */
  static final int HL = H.length();

  /** Bytes in {@link #B}: L, or more on narrow machines. */
  static final int BL = B.length();

  /** Vectors of floats that one {@link #H} widens to. */
  static final int H_PARTS = HL / L;

  /** Vectors of floats that one {@link #B} widens to. */
  static final int B_PARTS = BL / L;

  /** The order of everything. */
  static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

  /** Lanes, eight on; the sums below go by these four. */
  static final VectorShuffle<Float> ROTATE8 = rotate(8);

  static final VectorShuffle<Float> ROTATE4 = rotate(4);
  static final VectorShuffle<Float> ROTATE2 = rotate(2);
  static final VectorShuffle<Float> ROTATE1 = rotate(1);

  private Simd() {}

  private static VectorShape narrower(int factor) {
    return VectorShape.forBitSize(Math.max(64, F.vectorBitSize() / factor));
  }

  private static VectorShuffle<Float> rotate(int by) {
    return VectorShuffle.fromOp(F, i -> (i + by) % F.length());
  }

  /** L floats. */
  static FloatVector load(MemorySegment s, long offset) {
    return FloatVector.fromMemorySegment(F, s, offset, LE);
  }

  /** Stores L floats. */
  static void store(FloatVector v, MemorySegment s, long offset) {
    v.intoMemorySegment(s, offset, LE);
  }

  /** One float in all lanes. */
  static FloatVector all(float x) {
    return FloatVector.broadcast(F, x);
  }

  /** A float of memory in all lanes. */
  static FloatVector all(MemorySegment s, long offset) {
    return FloatVector.broadcast(F, s.get(Segments.F32, offset));
  }

  /** BL bytes. */
  static ByteVector bytes(MemorySegment s, long offset) {
    return ByteVector.fromMemorySegment(B, s, offset, LE);
  }

  /** HL shorts. */
  static ShortVector shorts(MemorySegment s, long offset) {
    return ShortVector.fromMemorySegment(H, s, offset, LE);
  }

  /** Part {@code part} of some bytes as ints, sign-extended. */
  static IntVector ints(ByteVector v, int part) {
    return (IntVector) v.convertShape(VectorOperators.B2I, I, part);
  }

  /** Part {@code part} of some shorts as ints, sign-extended. */
  static IntVector ints(ShortVector v, int part) {
    return (IntVector) v.convertShape(VectorOperators.S2I, I, part);
  }

  /** Ints as floats. */
  static FloatVector floats(IntVector v) {
    return (FloatVector) v.convertShape(VectorOperators.I2F, F, 0);
  }

  /** The sum of the lanes, by halves. */
  static float sum(FloatVector v) {
    FloatVector s = v;
    if (L >= 16) {
      s = s.add(s.rearrange(ROTATE8));
    }
    if (L >= 8) {
      s = s.add(s.rearrange(ROTATE4));
    }
    if (L >= 4) {
      s = s.add(s.rearrange(ROTATE2));
    }
    return s.add(s.rearrange(ROTATE1)).lane(0);
  }

  /**
   * The sum of a vector that was stored, in the order of {@link #sum(FloatVector)}. For long loops
   * that only store: C2 stops inlining in long methods, and a vector that is handed on is boxed;
   * written out again for the same reason.
   */
  static float sum(float[] t, int at) {
    FloatVector s = FloatVector.fromArray(F, t, at);
    if (L >= 16) {
      s = s.add(s.rearrange(ROTATE8));
    }
    if (L >= 8) {
      s = s.add(s.rearrange(ROTATE4));
    }
    if (L >= 4) {
      s = s.add(s.rearrange(ROTATE2));
    }
    return s.add(s.rearrange(ROTATE1)).lane(0);
  }

  /** The largest lane; NaN if there is one. */
  static float max(FloatVector v) {
    FloatVector s = v;
    if (L >= 16) {
      s = s.max(s.rearrange(ROTATE8));
    }
    if (L >= 8) {
      s = s.max(s.rearrange(ROTATE4));
    }
    if (L >= 4) {
      s = s.max(s.rearrange(ROTATE2));
    }
    return s.max(s.rearrange(ROTATE1)).lane(0);
  }
}
