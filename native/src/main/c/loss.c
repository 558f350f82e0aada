/*
 * Cross-entropy of rows of logits against classes, and its gradient for the logits. x: (rows, v) F32, targets: (rows) I32, or
 * I64 if wide; a target is `ignored` or in [0, v): the binding has looked. e = smoothing, t = target:
 *
 *   lse[r]  = log sum over c of exp(x[r, c]);                                                0 where ignored
 *   loss[r] = (1 - e) (lse[r] - x[r, t]) + e (lse[r] - mean over c of x[r, c]);              0 where ignored
 *   y[r, c] = g[r g_step] / divisor (exp(x[r, c] - lse[r]) - e / v - (1 - e) [c = t]);       0 where ignored
 *
 * lse: (rows) or null; y: (rows, v). Losses are computed from differences to the row's maximum, which keeps their digits where
 * logits are large. QUERN_THROUGH stores y past the caches where its rows are whole lines.
 *
 * Loops: rows; a pass for the maximum, one for the sum of exponentials (a second one over a row that is then in cache), with
 * smoothing one for the mean. Four chains of VL lanes, reduced once: a row's bits depend on the row alone.
 *
 * Floors: forward 4 bytes a logit from memory and one exponential (12 instructions for 16), the gradient 8 bytes and one.
 * Measured (quern_bench_gradients, one core of a Xeon at 2.1 GHz, AVX-512), forward and gradient: 768 x 65 29 and 16 us, 4096 x 65 154
 * and 71 us, 512 x 50304 16.9 and 21.3 ms: the first pass and the second are each bound by their own, memory and exponentials.
 */
#include "quern.h"
#include "vmath.h"

#include <math.h>

static const float LANES[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* n < VL floats; the rest is -inf. */
QUERN_INLINE vf load_low(const float *p, int64_t n) {
    return v_if_less(v_load(LANES), v_set1((float)n), v_load_n(p, (int)n), v_set1(-INFINITY));
}

QUERN_INLINE float row_max(const float *x, int64_t v) {
    vf a = v_set1(-INFINITY);
    vf b = a;
    vf c = a;
    vf d = a;
    int64_t i = 0;
    for (; i + 4 * VL <= v; i += 4 * VL) {
        a = v_max(v_load(x + i), a);
        b = v_max(v_load(x + i + VL), b);
        c = v_max(v_load(x + i + 2 * VL), c);
        d = v_max(v_load(x + i + 3 * VL), d);
    }
    for (; i + VL <= v; i += VL) {
        a = v_max(v_load(x + i), a);
    }
    if (i < v) {
        b = v_max(load_low(x + i, v - i), b);
    }
    return v_hmax(v_max(v_max(a, b), v_max(c, d)));
}

QUERN_INLINE vf identity(vf x) { return x; }

/* sum over c of function(x[c] - shift); function(-inf) is 0, or elements that fill up the last vector are. */
#define ROW_SUM(name, function, tail)                                                \
    QUERN_INLINE float name(const float *x, int64_t v, float shift) {                \
        const vf s = v_set1(shift);                                                  \
        vf a = v_zero();                                                             \
        vf b = a;                                                                    \
        vf c = a;                                                                    \
        vf d = a;                                                                    \
        int64_t i = 0;                                                               \
        for (; i + 4 * VL <= v; i += 4 * VL) {                                       \
            a = a + function(v_load(x + i) - s);                                     \
            b = b + function(v_load(x + i + VL) - s);                                \
            c = c + function(v_load(x + i + 2 * VL) - s);                            \
            d = d + function(v_load(x + i + 3 * VL) - s);                            \
        }                                                                            \
        for (; i + VL <= v; i += VL) {                                               \
            a = a + function(v_load(x + i) - s);                                     \
        }                                                                            \
        if (i < v) {                                                                 \
            const vf last = function(tail);                                          \
            b = b + v_if_less(v_load(LANES), v_set1((float)(v - i)), last, v_zero()); \
        }                                                                            \
        return v_sum((a + b) + (c + d));                                             \
    }

ROW_SUM(exponentials, v_exp, load_low(x + i, v - i) - s)
ROW_SUM(differences, identity, v_load_n(x + i, (int)(v - i)) - s)

QUERN_INLINE int64_t target_of(const void *targets, int64_t wide, int64_t r) {
    return wide ? ((const int64_t *)targets)[r] : ((const int32_t *)targets)[r];
}

void QN(cross_entropy)(const float *x, const void *targets, int64_t wide, int64_t ignored, float smoothing, float *loss,
                       float *lse, int64_t rows, int64_t v) {
    for (int64_t r = 0; r < rows; r++, x += v) {
        const int64_t t = target_of(targets, wide, r);
        float own = 0.0f;
        float log_sum = 0.0f;
        if (t != ignored) {
            const float top = row_max(x, v);
            const float rest = logf(exponentials(x, v, top));
            own = rest + (top - x[t]);
            log_sum = top + rest;
            if (smoothing > 0.0f) {
                const float all = rest - differences(x, v, top) / (float)v;
                own = (1.0f - smoothing) * own + smoothing * all;
            }
        }
        loss[r] = own;
        if (lse) {
            lse[r] = log_sum;
        }
    }
}

QUERN_INLINE void grad_row(const float *x, float *y, int64_t v, float scale, float log_sum, float smooth, int through) {
    const vf shift = v_set1(log_sum);
    const vf factor = v_set1(scale);
    const vf less = v_set1(smooth);
    for (int64_t i = 0; i < v; i += VL) {
        const vf d = factor * (v_exp(v_load_upto(x + i, v - i) - shift) - less);
        if (through) {
            v_stream(y + i, d);
        } else {
            v_store_upto(y + i, d, v - i);
        }
    }
}

void QN(cross_entropy_grad)(const float *x, const void *targets, int64_t wide, int64_t ignored, float smoothing, const float *g,
                            int64_t g_step, float divisor, const float *lse, float *y, int64_t rows, int64_t v, int64_t flow) {
    const int through = flow == QUERN_THROUGH && v % VL == 0 && (uintptr_t)y % 64 == 0;
    for (int64_t r = 0; r < rows; r++, x += v, y += v) {
        const int64_t t = target_of(targets, wide, r);
        if (t == ignored) {
            memset(y, 0, (size_t)v * sizeof *y);
            continue;
        }
        const float scale = g[r * g_step] / divisor;
        const float smooth = smoothing / (float)v;
        if (through) {
            grad_row(x, y, v, scale, lse[r], smooth, 1);
            v_stream_end();
        } else {
            grad_row(x, y, v, scale, lse[r], smooth, 0);
        }
        const float p = expf(x[t] - lse[r]);
        y[t] = scale * ((p - (1.0f - smoothing)) - smooth);
    }
}
