/*
 * Elementwise kernels on parts of F32 tensors; whole tensors: maps.c.
 *
 *   add            y = a + b                        n elements, contiguous; y may be an input
 *   add_bias       y[i, n] += bias[n], n in [n0, n1), i in [0, m)
 *   add_rows       y[i, n] += r[i, n], r with y's stride
 *   swiglu         y = silu(gate) * up              (rows, c) with row strides in elements
 *   geglu_tanh     y = gelu_tanh(gate) * up         gelu_tanh(x) = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
 *   geglu_erf      y = gelu_erf(gate) * up          gelu_erf(x) = x / 2 (1 + erf(x / sqrt 2))
 *   rope_half      for i in [0, R/2): (y[i], y[i + R/2]) = rotate(x[i], x[i + R/2]);  R = rotary_dim <= head_dim
 *   rope_interleaved                (y[2i], y[2i + 1])   = rotate(x[2i], x[2i + 1])
 *                  rotate(a, b) = (a cos - b sin, a sin + b cos); the rest of the head is copied. y may be x.
 *                  x, y: (heads, head_dim), strides ldx, ldy; cosine, sine: (R/2) of this position.
 *
 * One pass each, VL lanes; the tail through partial loads. These are bound by memory or by exp (about 12 instructions).
 */
#include "quern.h"
#include "vmath.h"

void QN(add)(const float *a, const float *b, float *y, int64_t n) {
    for (int64_t i = 0; i < n; i += VL) {
        v_store_upto(y + i, v_load_upto(a + i, n - i) + v_load_upto(b + i, n - i), n - i);
    }
}

void QN(add_bias)(float *y, int64_t ldy, const float *bias, int64_t m, int64_t n0, int64_t n1) {
    for (int64_t i = 0; i < m; i++) {
        QN(add)(y + i * ldy + n0, bias + n0, y + i * ldy + n0, n1 - n0);
    }
}

void QN(add_rows)(float *y, int64_t ldy, const float *r, int64_t m, int64_t n0, int64_t n1) {
    for (int64_t i = 0; i < m; i++) {
        QN(add)(y + i * ldy + n0, r + i * ldy + n0, y + i * ldy + n0, n1 - n0);
    }
}

#define GATED(name, function)                                                                                   \
    void QN(name)(const float *gate, int64_t ldg, const float *up, int64_t ldu, float *y, int64_t ldy,          \
                  int64_t rows, int64_t c) {                                                                    \
        for (int64_t r = 0; r < rows; r++) {                                                                    \
            for (int64_t i = 0; i < c; i += VL) {                                                               \
                vf g = v_load_upto(gate + r * ldg + i, c - i);                                                  \
                vf u = v_load_upto(up + r * ldu + i, c - i);                                                    \
                v_store_upto(y + r * ldy + i, function(g) * u, c - i);                                          \
            }                                                                                                   \
        }                                                                                                       \
    }

GATED(swiglu, v_silu)
GATED(geglu_tanh, v_gelu_tanh)
GATED(geglu_erf, v_gelu_erf)

void QN(rope_half)(const float *x, float *y, const float *cosine, const float *sine, int64_t heads, int64_t ldx,
                   int64_t ldy, int64_t head_dim, int64_t rotary_dim) {
    const int64_t half = rotary_dim / 2;
    for (int64_t h = 0; h < heads; h++) {
        const float *xh = x + h * ldx;
        float *yh = y + h * ldy;
        for (int64_t i = 0; i < half; i += VL) {
            vf a = v_load_upto(xh + i, half - i);
            vf b = v_load_upto(xh + half + i, half - i);
            vf c = v_load_upto(cosine + i, half - i);
            vf s = v_load_upto(sine + i, half - i);
            v_store_upto(yh + i, a * c - b * s, half - i);
            v_store_upto(yh + half + i, a * s + b * c, half - i);
        }
        for (int64_t i = 2 * half; i < head_dim; i++) {
            yh[i] = xh[i];
        }
    }
}

void QN(rope_interleaved)(const float *x, float *y, const float *cosine, const float *sine, int64_t heads, int64_t ldx,
                          int64_t ldy, int64_t head_dim, int64_t rotary_dim) {
    const int64_t half = rotary_dim / 2;
    for (int64_t h = 0; h < heads; h++) {
        const float *xh = x + h * ldx;
        float *yh = y + h * ldy;
        for (int64_t i = 0; i < half; i++) {
            const float a = xh[2 * i];
            const float b = xh[2 * i + 1];
            yh[2 * i] = a * cosine[i] - b * sine[i];
            yh[2 * i + 1] = a * sine[i] + b * cosine[i];
        }
        for (int64_t i = 2 * half; i < head_dim; i++) {
            yh[i] = xh[i];
        }
    }
}
