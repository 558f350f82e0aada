/*
 * Vectorised exp and what activations need of it.
 *
 * exp(x) = 2^n * exp(r), n = round(x / ln 2), r = x - n ln 2 with ln 2 in two parts (the first has 9 significant bits,
 * so n * part is exact), exp(r) = 1 + r + r^2 g(r), g of degree 4 through Chebyshev nodes on |r| <= 0.3475: relative
 * error 1.0e-8 before rounding. Measured over every 2111th float in [-104, 89]: at most 1 ulp in every tier
 * (results below 2^-126 lose bits as any denormal does). exp(-inf) = 0, exp(+inf) = inf, NaN stays NaN.
 */
#ifndef QUERN_VMATH_H
#define QUERN_VMATH_H

#include "simd.h"

QUERN_INLINE vf v_exp(vf x) {
    x = v_max(v_set1(-110.0f), x);
    x = v_min(v_set1(90.0f), x);
    vf n = v_round(x * v_set1(0x1.715476p+0f));
    vf r = v_fma(n, v_set1(-0x1.63p-1f), x);
    r = v_fma(n, v_set1(0x1.bd0106p-13f), r);
    vf g = v_set1(0x1.6d44b6p-10f);
    g = v_fma(g, r, v_set1(0x1.120cbep-7f));
    g = v_fma(g, r, v_set1(0x1.5554e8p-5f));
    g = v_fma(g, r, v_set1(0x1.5554dcp-3f));
    g = v_fma(g, r, v_set1(0.5f));
    vf p = v_fma(r * r, g, r) + v_set1(1.0f);
    return v_scale2(p, n);
}

/*
 * 2^x for x <= 0, -inf included, as 2^n 2^r, n = round(x): degree 5 through Chebyshev nodes on |r| <= 0.5, relative error
 * 2.0e-07 before rounding. What is below 2^-150 is 0. Attention's: its scores are in units of log 2, and their own errors are larger.
 */
QUERN_INLINE vf v_exp2_negative(vf x) {
    x = v_max(v_set1(-160.0f), x);
    const vf n = v_round(x);
    const vf r = x - n;
    vf p = v_set1(0x1.5ec866p-10f);
    p = v_fma(p, r, v_set1(0x1.3cbf60p-7f));
    p = v_fma(p, r, v_set1(0x1.c6afeep-5f));
    p = v_fma(p, r, v_set1(0x1.ebfa4cp-3f));
    p = v_fma(p, r, v_set1(0x1.62e430p-1f));
    p = v_fma(p, r, v_set1(1.0f));
    return v_scale2(p, n);
}

/* 1 / (1 + exp(-x)), for negative x as exp(x) / (1 + exp(x)): results down to the denormals keep their digits. */
QUERN_INLINE vf v_sigmoid(vf x) {
    vf e = v_exp(v_zero() - v_abs(x));
    vf one = v_set1(1.0f);
    return v_if_less(x, v_zero(), e, one) * v_reciprocal(one + e);
}

QUERN_INLINE vf v_silu(vf x) { return x * v_sigmoid(x); }

/* Odd polynomial (Taylor, five terms: 1e-8) below 0.25, else sign(x) (1 - 2 / (exp(2|x|) + 1)): no cancellation. */
QUERN_INLINE vf v_tanh(vf x) {
    vf t = v_abs(x);
    vf s = x * x;
    vf g = v_set1(62.0f / 2835.0f);
    g = v_fma(g, s, v_set1(-17.0f / 315.0f));
    g = v_fma(g, s, v_set1(2.0f / 15.0f));
    g = v_fma(g, s, v_set1(-1.0f / 3.0f));
    vf small = v_fma(x * s, g, x);
    vf large = v_set1(1.0f) - v_set1(2.0f) / (v_exp(t + t) + v_set1(1.0f));
    large = v_if_less(x, v_zero(), v_zero() - large, large);
    return v_if_less(t, v_set1(0.25f), small, large);
}

/* x / 2 (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3) */
QUERN_INLINE vf v_gelu_tanh(vf x) {
    vf cube = v_fma(x * x, v_set1(0.044715f), v_set1(1.0f)) * x;
    return x * v_sigmoid(cube * v_set1(1.5957691216f));
}

/*
 * Phi(x), and in *e exp(-x^2 / 2): Phi(-t) = erfc(t / sqrt 2) / 2 and erfc(s) = exp(-s^2) h(q) / (1 + 2s), q = (s - 2) / (s + 2):
 * h of degree 9 through Chebyshev nodes on s in [0, 10], relative error 3.1e-8 before rounding. The square is rounded
 * before exp, so relative error grows to 2e-6 at x = -5, where x Phi(x) is below 2e-6: absolutely nothing is lost.
 */
QUERN_INLINE vf v_normal(vf x, vf *e) {
    vf s = v_abs(x) * v_set1(0x1.6a09e6p-1f);
    s = v_min(v_set1(11.0f), s); /* where exp(-s^2) is 0 */
    vf q = (s - v_set1(2.0f)) / (s + v_set1(2.0f));
    vf h = v_set1(-0x1.adfc26p-12f);
    h = v_fma(h, q, v_set1(-0x1.45b402p-10f));
    h = v_fma(h, q, v_set1(0x1.5a2fd0p-10f));
    h = v_fma(h, q, v_set1(0x1.1b3c6cp-7f));
    h = v_fma(h, q, v_set1(-0x1.082862p-7f));
    h = v_fma(h, q, v_set1(-0x1.bc125ap-5f));
    h = v_fma(h, q, v_set1(0x1.4ffc52p-3f));
    h = v_fma(h, q, v_set1(-0x1.540818p-3f));
    h = v_fma(h, q, v_set1(-0x1.7bf618p-4f));
    h = v_fma(h, q, v_set1(0x1.46e80ep+0f));
    *e = v_exp(v_zero() - s * s);
    vf lower = v_set1(0.5f) * *e * h / (v_fma(s, v_set1(2.0f), v_set1(1.0f)));
    return v_if_less(v_zero(), x, v_set1(1.0f) - lower, lower);
}

QUERN_INLINE vf v_gelu_erf(vf x) {
    vf e;
    return x * v_normal(x, &e);
}

/* Derivatives. silu' = s (1 + x (1 - s)), s = sigmoid(x) */
QUERN_INLINE vf v_silu_slope(vf x) {
    const vf s = v_sigmoid(x);
    return s * v_fma(x, v_set1(1.0f) - s, v_set1(1.0f));
}

/* s + x s (1 - s) u', s = sigmoid(u), u = 2 sqrt(2 / pi) (x + 0.044715 x^3) */
QUERN_INLINE vf v_gelu_tanh_slope(vf x) {
    const vf square = x * x;
    const vf s = v_sigmoid(v_fma(square, v_set1(0.044715f), v_set1(1.0f)) * x * v_set1(1.5957691216f));
    const vf du = v_fma(square, v_set1(0.134145f), v_set1(1.0f)) * v_set1(1.5957691216f);
    return v_fma(x * s * (v_set1(1.0f) - s), du, s);
}

/* Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi) */
QUERN_INLINE vf v_gelu_erf_slope(vf x) {
    vf e;
    const vf phi = v_normal(x, &e);
    return v_fma(x * e, v_set1(0.3989422804f), phi);
}

#endif
