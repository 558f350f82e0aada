package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * y[i] = a[i]^b[i] as IEEE 754 defines it (1^b = 1 and a⁰ = 1, NaN or not).
 *
 * <p>Two passes over a run that is in the first-level cache. First |a|^b = 2^(b · log₂|a|) in F64,
 * which leaves room for a product of up to 150 with all of a float's digits behind the point. Then
 * the sign, by whether b is odd, and NaN where a is negative and b no integer. A vector with an
 * infinity, a NaN or an exponent from 2²² on is done one by one.
 */
final class PowLoops {
  /** Half as many floats as fit. */
  private static final VectorSpecies<Float> HALF =
      VectorSpecies.of(float.class, VectorShape.forBitSize(Math.max(64, Simd.VB * 4)));

  /** As many doubles. */
  private static final VectorSpecies<Double> D =
      VectorSpecies.of(double.class, VectorShape.forBitSize(HALF.length() * Double.SIZE));

  private static final int N = HALF.length();

  /** Adding 1.5 · 2²³ leaves the nearest integer in the low bits. */
  private static final float ROUND = 12582912f;

  /** The same for doubles, 1.5 · 2⁵². */
  private static final double WIDE_ROUND = 0x1.8p52;

  private static final float LARGE = 0x1p22f;
  private static final double MOST = 200;
  private static final double LN2 = 0.6931471805599453;
  private static final double TWO_BY_LN2 = 2.8853900817779268;
  private static final long SQRT_HALF = 0x3fe6a09e667f3bcdL;
  private static final long MANTISSA = (1L << 52) - 1;
  private static final long EXPONENT_BIAS = 1024;

  /** The bits of 2⁵²: with an integer in its low bits, 2⁵² more than that integer. */
  private static final long BITS_2_52 = 0x4330000000000000L;

  private PowLoops() {}

  static void pow(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    magnitudes(p, pAt, q, qAt, y, yAt, n);
    signs(p, pAt, q, qAt, y, yAt, n);
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i).abs();
      FloatVector b = Simd.load(q, qAt + 4L * i).abs();
      if (!a.lt(Float.POSITIVE_INFINITY).and(b.lt(LARGE)).allTrue()) {
        special(p, pAt + 4L * i, q, qAt + 4L * i, y, yAt + 4L * i);
      }
    }
  }

  /**
   * 2^(b · log₂|a|).
   *
   * <p>log₂ x = e + log₂ m, x = 2ᵉ · m, √½ ≤ m &lt; √2, by the series of the area hyperbolic
   * tangent of s = (m − 1) / (m + 1), |s| &lt; 0.172. A float is a normal number as a double, or 0.
   * 2^z = 2ⁿ · e^(r · ln 2), n the integer nearest to z; far beyond what a float holds, 2^±200.
   *
   * <p>All in the loop's own method, the calls of helpers first: C2 stops inlining them once a
   * method has grown long, and then boxes the vectors that go in and out.
   */
  private static void magnitudes(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += N) {
      DoubleVector x = wide(p, pAt + 4L * i).abs();
      DoubleVector b = wide(q, qAt + 4L * i);
      LongVector bits = x.reinterpretAsLongs().sub(SQRT_HALF);
      LongVector e = bits.add(EXPONENT_BIAS << 52).lanewise(VectorOperators.LSHR, 52);
      DoubleVector m = bits.and(MANTISSA).add(SQRT_HALF).reinterpretAsDoubles();
      DoubleVector s = m.sub(1).div(m.add(1));
      DoubleVector u = s.mul(s);
      DoubleVector v = u.mul(1.0 / 13).add(1.0 / 11).mul(u).add(1.0 / 9).mul(u).add(1.0 / 7);
      v = v.mul(u).add(1.0 / 5).mul(u).add(1.0 / 3).mul(u).add(1).mul(s).mul(TWO_BY_LN2);
      DoubleVector log = e.or(BITS_2_52).reinterpretAsDoubles().sub(0x1p52 + EXPONENT_BIAS);
      log = log.add(v).blend(Double.NEGATIVE_INFINITY, x.eq(0));
      DoubleVector z = b.mul(log);
      z = z.blend(-MOST, z.lt(-MOST)).blend(MOST, z.compare(VectorOperators.GT, MOST));
      DoubleVector t = z.add(WIDE_ROUND);
      DoubleVector r = z.sub(t.sub(WIDE_ROUND)).mul(LN2);
      DoubleVector w = r.mul(1.0 / 362880).add(1.0 / 40320).mul(r).add(1.0 / 5040);
      w = w.mul(r).add(1.0 / 720).mul(r).add(1.0 / 120).mul(r).add(1.0 / 24);
      w = w.mul(r).add(1.0 / 6).mul(r).add(0.5).mul(r).add(1).mul(r).add(1);
      LongVector scale = t.reinterpretAsLongs().add(1023).lanewise(VectorOperators.LSHL, 52);
      DoubleVector power = w.mul(scale.reinterpretAsDoubles());
      ((FloatVector) power.convertShape(VectorOperators.D2F, HALF, 0))
          .intoMemorySegment(y, yAt + 4L * i, Simd.LE);
    }
  }

  private static DoubleVector wide(MemorySegment s, long at) {
    return (DoubleVector)
        FloatVector.fromMemorySegment(HALF, s, at, Simd.LE).convertShape(VectorOperators.F2D, D, 0);
  }

  /** Minus for an odd b, NaN for a broken one, where a is negative; 1 where b is 0. */
  private static void signs(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      FloatVector magnitude = Simd.load(y, yAt + 4L * i);
      FloatVector t = b.add(ROUND);
      VectorMask<Float> whole = t.sub(ROUND).eq(b);
      IntVector minus =
          t.reinterpretAsInts().lanewise(VectorOperators.LSHL, 31).and(a.reinterpretAsInts());
      FloatVector flipped =
          magnitude.reinterpretAsInts().lanewise(VectorOperators.XOR, minus).reinterpretAsFloats();
      FloatVector r = magnitude.blend(flipped, whole).blend(Float.NaN, a.lt(0f).andNot(whole));
      Simd.store(r.blend(1f, b.eq(0f)), y, yAt + 4L * i);
    }
  }

  private static void special(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt) {
    for (int i = 0; i < Simd.L; i++) {
      float a = p.get(F32, pAt + 4L * i);
      float b = q.get(F32, qAt + 4L * i);
      boolean one = a == 1 || (a == -1 && Float.isInfinite(b));
      y.set(F32, yAt + 4L * i, one ? 1 : (float) StrictMath.pow(a, b));
    }
  }
}
