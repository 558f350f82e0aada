package dev.quern.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Functions of floats, a vector at a time, within 2 units in the last place.
 *
 * <p>Own polynomials, not the API's {@code lanewise(EXP)}: that one calls a native library where
 * the JDK brings one, loops over scalars where not, and differs in its last bits between the two
 * and between interpreted and compiled code. These are the same bits everywhere. Coefficients are
 * minimax fits in the variable and on the interval that each method names.
 */
final class VectorMath {
  static final float LOG2_E = 1.442695f;
  static final float LN2_HIGH = 0.6933594f;
  static final float LN2_LOW = -2.1219444e-4f;

  /** Adding 1.5 · 2²³ leaves the nearest integer in the low bits. */
  static final float ROUND = 12582912f;

  static final int ROUND_BITS = Float.floatToRawIntBits(ROUND);

  static final float EXP_LEAST = -104f;
  static final float EXP_MOST = 89f;

  /** eʳ ≈ 1 + r + r² · (EXP_2 + EXP_3 · r + EXP_4 · r² + …). */
  static final float EXP_2 = 0.49999994f;

  static final float EXP_3 = 0.16666521f;
  static final float EXP_4 = 0.04166839f;
  static final float EXP_5 = 0.008368731f;
  static final float EXP_6 = 0.0013814572f;

  private static final int MANTISSA = 0x007fffff;
  private static final int SQRT_HALF = 0x3f3504f3;
  private static final float SMALLEST_NORMAL = 0x1p-126f;
  private static final float GELU_LINEAR = 1.5957692f;
  private static final float GELU_CUBIC = 0.071354814f;

  private VectorMath() {}

  /**
   * eˣ = 2ⁿ · eʳ, n the integer nearest to x / ln 2, eʳ ≈ 1 + r + r² · p(r) for |r| ≤ ln 2 / 2.
   * Overflows to ∞ and underflows gradually to 0; NaN stays NaN.
   */
  static FloatVector exp(FloatVector x) {
    FloatVector c = x.blend(EXP_LEAST, x.lt(EXP_LEAST));
    c = c.blend(EXP_MOST, x.compare(VectorOperators.GT, EXP_MOST));
    FloatVector t = c.fma(Simd.all(LOG2_E), Simd.all(ROUND));
    FloatVector n = t.sub(ROUND);
    FloatVector r = n.fma(Simd.all(-LN2_HIGH), c);
    r = n.fma(Simd.all(-LN2_LOW), r);
    FloatVector p = expTail(r).fma(r.mul(r), r).add(1f);
    return scale(p, t.reinterpretAsInts().sub(ROUND_BITS));
  }

  private static FloatVector expTail(FloatVector r) {
    FloatVector p = r.fma(Simd.all(EXP_6), Simd.all(EXP_5));
    p = p.fma(r, Simd.all(EXP_4));
    p = p.fma(r, Simd.all(EXP_3));
    return p.fma(r, Simd.all(EXP_2));
  }

  /** p · 2ⁿ in two steps, so that the result may be subnormal or ∞. */
  private static FloatVector scale(FloatVector p, IntVector n) {
    IntVector half = n.lanewise(VectorOperators.ASHR, 1);
    IntVector rest = n.sub(half);
    FloatVector a = half.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
    FloatVector b = rest.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
    return p.mul(a).mul(b);
  }

  /**
   * ln x = e · ln 2 + ln(1 + f), x = 2ᵉ · (1 + f), √½ ≤ 1 + f &lt; √2, ln(1 + f) ≈ f − f²/2 + f³ ·
   * q(f). ln 0 = −∞, of negative numbers NaN.
   */
  static FloatVector log(FloatVector x) {
    VectorMask<Float> small = x.lt(SMALLEST_NORMAL);
    FloatVector normal = x.blend(x.mul(0x1p23f), small);
    IntVector bits = normal.reinterpretAsInts().sub(SQRT_HALF);
    IntVector e = bits.lanewise(VectorOperators.ASHR, 23);
    FloatVector f = bits.and(MANTISSA).add(SQRT_HALF).reinterpretAsFloats().sub(1f);
    FloatVector n = Simd.floats(e).sub(Simd.all(0f).blend(23f, small));
    FloatVector f2 = f.mul(f);
    FloatVector low = n.fma(Simd.all(LN2_LOW), logTail(f).mul(f).mul(f2));
    FloatVector r = f2.fma(Simd.all(-0.5f), low).add(f);
    r = n.fma(Simd.all(LN2_HIGH), r);
    FloatVector y = r.blend(Float.NaN, x.lt(0f)).blend(Float.NEGATIVE_INFINITY, x.eq(0f));
    return y.blend(x, x.compare(VectorOperators.LT, Float.POSITIVE_INFINITY).not());
  }

  private static FloatVector logTail(FloatVector f) {
    FloatVector q = f.fma(Simd.all(0.069163874f), Simd.all(-0.11791594f));
    q = q.fma(f, Simd.all(0.11873475f));
    q = q.fma(f, Simd.all(-0.12384099f));
    q = q.fma(f, Simd.all(0.14218564f));
    q = q.fma(f, Simd.all(-0.16669261f));
    q = q.fma(f, Simd.all(0.20002231f));
    q = q.fma(f, Simd.all(-0.24999987f));
    return q.fma(f, Simd.all(0.3333331f));
  }

  /** |positive| with the sign of x. */
  static FloatVector withSign(FloatVector positive, FloatVector x) {
    return positive
        .reinterpretAsInts()
        .or(x.reinterpretAsInts().and(Integer.MIN_VALUE))
        .reinterpretAsFloats();
  }

  /** 1 / (1 + e^−x), for negative x as eˣ / (1 + eˣ), which keeps its relative accuracy. */
  static FloatVector sigmoid(FloatVector x) {
    FloatVector e = exp(x.abs().mul(-1f));
    return e.blend(1f, x.compare(VectorOperators.GE, 0f)).div(e.add(1f));
  }

  /** x · sigmoid(x). */
  static FloatVector silu(FloatVector x) {
    return x.mul(sigmoid(x));
  }

  /** 0.5 · x · (1 + tanh u) = x · sigmoid(2u), u = √(2/π) · (x + 0.044715 · x³). */
  static FloatVector geluTanh(FloatVector x) {
    FloatVector twice = x.mul(x).fma(Simd.all(GELU_CUBIC), Simd.all(GELU_LINEAR)).mul(x);
    return x.mul(sigmoid(twice));
  }
}
