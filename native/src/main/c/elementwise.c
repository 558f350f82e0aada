/*
 * Elementwise kernels on parts of F32 tensors; whole tensors: maps.c.
 *
 *   add            y = a + b                        n elements, contiguous; y may be an input
 *   add_bias       y[i, n] += bias[n], n in [n0, n1), i in [0, m)
 *   add_rows       y[i, n] += r[i, n], r with y's stride
 *   swiglu         y = silu(gate) * up              (rows, c) with row strides in elements
 *   geglu_tanh     y = gelu_tanh(gate) * up         gelu_tanh(x) = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
 *   geglu_erf      y = gelu_erf(gate) * up          gelu_erf(x) = x / 2 (1 + erf(x / sqrt 2))
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
