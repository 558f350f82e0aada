/*
 * Norms and softmax over rows, F32. x: (rows, c), ldx floats from row to row; y the same with ldy; y may be x.
 *
 *   rms_norm      y = x / sqrt(mean(x^2) + eps) * weight
 *   add_rms_norm  sum = x + r;  y = rms_norm(sum): a residual connection and the norm after it in one pass
 *   layer_norm    y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias, variance over c (biased), two passes
 *   softmax       y = exp(x - max(x)) / sum(exp(x - max(x)));  a row of -inf only gives NaN, as the formula does
 *   log_softmax   y = x - max(x) - log(sum(exp(x - max(x))))
 *
 * Loops: rows; two or three passes over a row, which stays in cache. Sums run in two chains of VL lanes, reduced once:
 * a row's bits depend on the row alone. weight and bias: (c) or null. inverse: (rows) or null, receives
 * 1 / sqrt(mean(x^2) + eps).
 */
#include "quern.h"
#include "vmath.h"

#include <math.h>

QUERN_INLINE vf sum_squares_step(vf acc, vf v) { return v_fma(v, v, acc); }

QUERN_INLINE float sum_squares(const float *x, int64_t c) {
    vf a0 = v_zero();
    vf a1 = v_zero();
    int64_t i = 0;
    for (; i + 2 * VL <= c; i += 2 * VL) {
        a0 = sum_squares_step(a0, v_load(x + i));
        a1 = sum_squares_step(a1, v_load(x + i + VL));
    }
    for (; i < c; i += VL) {
        a0 = sum_squares_step(a0, v_load_upto(x + i, c - i));
    }
    return v_sum(a0 + a1);
}

QUERN_INLINE float sum_plain(const float *x, int64_t c) {
    vf a0 = v_zero();
    vf a1 = v_zero();
    int64_t i = 0;
    for (; i + 2 * VL <= c; i += 2 * VL) {
        a0 = a0 + v_load(x + i);
        a1 = a1 + v_load(x + i + VL);
    }
    for (; i < c; i += VL) {
        a0 = a0 + v_load_upto(x + i, c - i);
    }
    return v_sum(a0 + a1);
}

/* y = x * factor * weight */
QUERN_INLINE void scale_row(const float *x, const float *weight, float factor, float *y, int64_t c) {
    const vf f = v_set1(factor);
    for (int64_t i = 0; i < c; i += VL) {
        vf v = v_load_upto(x + i, c - i) * f;
        if (weight) {
            v = v * v_load_upto(weight + i, c - i);
        }
        v_store_upto(y + i, v, c - i);
    }
}

void QN(rms_norm)(const float *x, int64_t ldx, const float *weight, float *y, int64_t ldy, float *inverse, int64_t rows,
                  int64_t c, float eps) {
    for (int64_t r = 0; r < rows; r++) {
        const float *xr = x + r * ldx;
        const float factor = 1.0f / sqrtf(sum_squares(xr, c) / (float)c + eps);
        scale_row(xr, weight, factor, y + r * ldy, c);
        if (inverse) {
            inverse[r] = factor;
        }
    }
}

void QN(add_rms_norm)(const float *x, int64_t ldx, const float *r, int64_t ldr, const float *weight, float *sum,
                      int64_t lds, float *y, int64_t ldy, int64_t rows, int64_t c, float eps) {
    for (int64_t row = 0; row < rows; row++) {
        float *s = sum + row * lds;
        for (int64_t i = 0; i < c; i += VL) {
            v_store_upto(s + i, v_load_upto(x + row * ldx + i, c - i) + v_load_upto(r + row * ldr + i, c - i), c - i);
        }
        scale_row(s, weight, 1.0f / sqrtf(sum_squares(s, c) / (float)c + eps), y + row * ldy, c);
    }
}

void QN(layer_norm)(const float *x, int64_t ldx, const float *weight, const float *bias, float *y, int64_t ldy,
                    int64_t rows, int64_t c, float eps) {
    for (int64_t r = 0; r < rows; r++) {
        const float *xr = x + r * ldx;
        float *yr = y + r * ldy;
        const vf mean = v_set1(sum_plain(xr, c) / (float)c);
        vf acc = v_zero();
        int64_t i = 0;
        for (; i + VL <= c; i += VL) {
            vf v = v_load(xr + i) - mean;
            acc = v_fma(v, v, acc);
        }
        float tail = 0.0f;
        for (; i < c; i++) {
            float v = xr[i] - mean[0];
            tail += v * v;
        }
        const vf factor = v_set1(1.0f / sqrtf((v_sum(acc) + tail) / (float)c + eps));
        for (i = 0; i < c; i += VL) {
            vf v = (v_load_upto(xr + i, c - i) - mean) * factor;
            if (weight) {
                v = v * v_load_upto(weight + i, c - i);
            }
            if (bias) {
                v = v + v_load_upto(bias + i, c - i);
            }
            v_store_upto(yr + i, v, c - i);
        }
    }
}

/* Largest element; NaN are passed over (they reappear in the sum of exponentials). */
QUERN_INLINE float row_max(const float *x, int64_t c) {
    vf top = v_set1(-INFINITY);
    int64_t i = 0;
    for (; i + VL <= c; i += VL) {
        top = v_max(v_load(x + i), top);
    }
    float m = v_hmax(top);
    for (; i < c; i++) {
        m = x[i] > m ? x[i] : m;
    }
    return m;
}

/* Sum of exp(x - m); stores the exponentials when y is given. */
QUERN_INLINE float sum_exp(const float *x, float m, float *y, int64_t c) {
    const vf shift = v_set1(m);
    vf acc = v_zero();
    int64_t i = 0;
    for (; i + VL <= c; i += VL) {
        vf e = v_exp(v_load(x + i) - shift);
        acc = acc + e;
        if (y) {
            v_store(y + i, e);
        }
    }
    float tail = 0.0f;
    if (i < c) {
        vf e = v_exp(v_load_n(x + i, (int)(c - i)) - shift);
        for (int64_t j = 0; j < c - i; j++) {
            tail += e[j];
        }
        if (y) {
            v_store_n(y + i, e, (int)(c - i));
        }
    }
    return v_sum(acc) + tail;
}

void QN(softmax)(const float *x, int64_t ldx, float *y, int64_t ldy, int64_t rows, int64_t c) {
    for (int64_t r = 0; r < rows; r++) {
        const float *xr = x + r * ldx;
        float *yr = y + r * ldy;
        const float total = sum_exp(xr, row_max(xr, c), yr, c);
        scale_row(yr, 0, 1.0f / total, yr, c);
    }
}

void QN(log_softmax)(const float *x, int64_t ldx, float *y, int64_t ldy, int64_t rows, int64_t c) {
    for (int64_t r = 0; r < rows; r++) {
        const float *xr = x + r * ldx;
        float *yr = y + r * ldy;
        const float m = row_max(xr, c);
        const vf top = v_set1(m);
        const vf log_total = v_set1(logf(sum_exp(xr, m, 0, c)));
        for (int64_t i = 0; i < c; i += VL) {
            v_store_upto(yr + i, v_load_upto(xr + i, c - i) - top - log_total, c - i);
        }
    }
}
