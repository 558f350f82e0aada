package dev.quern.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Functions of floats, a vector at a time, within 2 units in the last place (GELU and erf: 4).
 *
 * <p>Own polynomials, not the API's {@code lanewise(EXP)}: that one calls a native library where
 * the JDK brings one, loops over scalars where not, and differs in its last bits between the two
 * and between interpreted and compiled code. These are the same bits everywhere. Coefficients are
 * minimax fits in the variable and on the interval that each method names.
 */
final class VectorMath {
  private static final float LOG2_E = 1.442695f;
  private static final float LN2_HIGH = 0.6933594f;
  private static final float LN2_LOW = -2.1219444e-4f;

  /** Adding 1.5 · 2²³ leaves the nearest integer in the low bits. */
  private static final float ROUND = 12582912f;

  private static final float EXP_LEAST = -104f;
  private static final float EXP_MOST = 89f;
  private static final int MANTISSA = 0x007fffff;
  private static final int SQRT_HALF = 0x3f3504f3;
  private static final float SMALLEST_NORMAL = 0x1p-126f;
  private static final float SQRT_HALF_F = 0.70710677f;
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
    return scale(p, t.reinterpretAsInts().sub(Float.floatToRawIntBits(ROUND)));
  }

  private static FloatVector expTail(FloatVector r) {
    FloatVector p = r.fma(Simd.all(0.0013814572f), Simd.all(0.008368731f));
    p = p.fma(r, Simd.all(0.04166839f));
    p = p.fma(r, Simd.all(0.16666521f));
    return p.fma(r, Simd.all(0.49999994f));
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
    FloatVector y = x.blend(x.mul(0x1p23f), small);
    IntVector bits = y.reinterpretAsInts().sub(SQRT_HALF);
    IntVector e = bits.lanewise(VectorOperators.ASHR, 23);
    FloatVector f = bits.and(MANTISSA).add(SQRT_HALF).reinterpretAsFloats().sub(1f);
    FloatVector n = Simd.floats(e).sub(Simd.all(0f).blend(23f, small));
    FloatVector f2 = f.mul(f);
    FloatVector low = n.fma(Simd.all(LN2_LOW), logTail(f).mul(f).mul(f2));
    FloatVector r = f2.fma(Simd.all(-0.5f), low).add(f);
    r = n.fma(Simd.all(LN2_HIGH), r);
    return logEdges(x, r);
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

  private static FloatVector logEdges(FloatVector x, FloatVector r) {
    FloatVector y = r.blend(Float.NaN, x.lt(0f));
    y = y.blend(Float.NEGATIVE_INFINITY, x.eq(0f));
    VectorMask<Float> same = x.compare(VectorOperators.LT, Float.POSITIVE_INFINITY).not();
    return y.blend(x, same);
  }

  /** tanh x ≈ x + x³ · p(x²) for x² ≤ 0.4, else 1 − 2 / (e^(2|x|) + 1) with the sign of x. */
  static FloatVector tanh(FloatVector x) {
    FloatVector u = x.mul(x);
    FloatVector near = tanhTail(u).mul(u).fma(x, x);
    FloatVector a = x.abs();
    FloatVector far = Simd.all(1f).sub(Simd.all(2f).div(exp(a.add(a)).add(1f)));
    return withSign(far, x).blend(near, u.compare(VectorOperators.LE, 0.4f));
  }

  private static FloatVector tanhTail(FloatVector u) {
    FloatVector p = u.fma(Simd.all(0.002122741f), Simd.all(-0.008156274f));
    p = p.fma(u, Simd.all(0.021692604f));
    p = p.fma(u, Simd.all(-0.053945377f));
    p = p.fma(u, Simd.all(0.13333195f));
    return p.fma(u, Simd.all(-0.3333333f));
  }

  private static FloatVector withSign(FloatVector positive, FloatVector x) {
    return positive
        .reinterpretAsInts()
        .or(x.reinterpretAsInts().and(Integer.MIN_VALUE))
        .reinterpretAsFloats();
  }

  /** erf x ≈ x · p(x²) for |x| ≤ 1, else 1 − erfc|x| with the sign of x. */
  static FloatVector erf(FloatVector x) {
    FloatVector u = x.mul(x);
    FloatVector near = erfTail(u).mul(x);
    FloatVector far = withSign(Simd.all(1f).sub(erfc(x.abs())), x);
    return far.blend(near, u.compare(VectorOperators.LE, 1f));
  }

  private static FloatVector erfTail(FloatVector u) {
    FloatVector p = u.fma(Simd.all(-9.680131e-6f), Simd.all(1.1270543e-4f));
    p = p.fma(u, Simd.all(-8.484711e-4f));
    p = p.fma(u, Simd.all(0.005221075f));
    p = p.fma(u, Simd.all(-0.026865445f));
    p = p.fma(u, Simd.all(0.11283783f));
    p = p.fma(u, Simd.all(-0.37612638f));
    return p.fma(u, Simd.all(1.1283792f));
  }

  /**
   * erfc a for a ≥ 0: e^(−a²) · s(t) / (1 + 2a), t = (a − 2) / (a + 2). The square is taken in two
   * parts, so that the tail keeps its relative accuracy. 0 from a = 10.2 on.
   */
  static FloatVector erfc(FloatVector a) {
    FloatVector b = a.blend(11f, a.compare(VectorOperators.GT, 11f));
    FloatVector t = b.sub(2f).div(b.add(2f));
    FloatVector high = b.mul(b);
    FloatVector minus = high.mul(-1f);
    FloatVector low = b.fma(b, minus);
    FloatVector e = exp(minus);
    e = e.sub(e.mul(low));
    return e.mul(erfcTail(t)).div(b.add(b).add(1f));
  }

  private static FloatVector erfcTail(FloatVector t) {
    FloatVector s = t.fma(Simd.all(7.916291e-5f), Simd.all(1.6880434e-4f));
    s = s.fma(t, Simd.all(-4.0086228e-4f));
    s = s.fma(t, Simd.all(-0.0014202705f));
    s = s.fma(t, Simd.all(0.0012529519f));
    s = s.fma(t, Simd.all(0.008708941f));
    s = s.fma(t, Simd.all(-0.008030957f));
    s = s.fma(t, Simd.all(-0.05421781f));
    s = s.fma(t, Simd.all(0.16405106f));
    s = s.fma(t, Simd.all(-0.16603053f));
    s = s.fma(t, Simd.all(-0.09276382f));
    return s.fma(t, Simd.all(1.2769784f));
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

  /** x · Φ(x) = x · erfc(−x/√2) / 2, from the side of the tail that does not cancel. */
  static FloatVector gelu(FloatVector x) {
    FloatVector tail = erfc(x.abs().mul(SQRT_HALF_F)).mul(0.5f);
    FloatVector phi = tail.blend(tail.mul(-1f).add(1f), x.compare(VectorOperators.GT, 0f));
    return x.mul(phi);
  }

  /** 0.5 · x · (1 + tanh u) = x · sigmoid(2u), u = √(2/π) · (x + 0.044715 · x³). */
  static FloatVector geluTanh(FloatVector x) {
    FloatVector twice = x.mul(x).fma(Simd.all(GELU_CUBIC), Simd.all(GELU_LINEAR)).mul(x);
    return x.mul(sigmoid(twice));
  }
}
