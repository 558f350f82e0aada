/*
 * Norms and softmax over rows of F32, F16 or BF16, computed in F32. x: (rows, c), ldx elements from row to row; y the same
 * with ldy and in the same format; y may be x.
 *
 *   rms_norm      y = x / sqrt(mean(x^2) + eps) * weight
 *   add_rms_norm  sum = x + r;  y = rms_norm(sum): a residual connection and the norm after it in one pass; F32
 *   layer_norm    y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias, variance over c (biased), two passes
 *   softmax       y = exp(x - max(x)) / sum(exp(x - max(x)));  a row of -inf only gives NaN, as the formula does
 *   log_softmax   y = x - max(x) - log(sum(exp(x - max(x))))
 *
 * weight and bias: (c) in the format of x, or null. inverse: (rows) F32 or null, receives what x is multiplied by, 1 / sqrt(...);
 * mean: (rows) F32, of layer_norm; null with inverse.
 *
 * Loops: rows; two or three passes over a row, which stays in cache. Passes but the last run in four chains of VL lanes,
 * reduced once: a row's bits depend on the row alone. Unless flow is QUERN_NEAR, the next row is fetched into the second-level
 * cache during a row's last pass but one, so that memory is never idle; with QUERN_THROUGH the last pass, which alone writes,
 * stores past the caches. Exponentials wait in `kept` between the last two passes of softmax; a longer row has its exponentials
 * computed twice, which costs less than a pass through memory.
 */
#include "elements.h"
#include "vmath.h"

#include <math.h>

enum { KEPT = 4096 };

/* Elements [i, i + 2 VL) of a row, of which `left` are real. */
typedef struct piece {
    pair x;
    int64_t i;
    int64_t left;
} piece;

/* What a pass knows besides: a maximum or a mean, and room for exponentials. */
typedef struct context {
    vf shift;
    float *kept;
    int64_t room; /* floats at kept */
} context;

typedef pair step_fn(pair chain, piece p, const context *with, int32_t format);

typedef struct chains {
    pair even;
    pair odd;
} chains;

/* A pass over a row, from `start`; elements beyond its end are `fill`; next: a row to fetch, or null. */
QUERN_INLINE chains pass(const void *x, const void *next, int64_t c, int32_t format, float start, float fill,
                         const context *with, step_fn step) {
    const pair first = {v_set1(start), v_set1(start)};
    chains s = {first, first};
    int64_t i = 0;
    for (; i + 4 * VL <= c; i += 4 * VL) {
        if (next) {
            for (int64_t b = 0; b < 4 * VL * element_bytes(format); b += 64) {
                __builtin_prefetch((const char *)element_at(next, i, format) + b, 0, 2);
            }
        }
        s.even = step(s.even, (piece){load_pair(x, i, format), i, 2 * VL}, with, format);
        s.odd = step(s.odd, (piece){load_pair(x, i + 2 * VL, format), i + 2 * VL, 2 * VL}, with, format);
    }
    if (i + 2 * VL <= c) {
        s.even = step(s.even, (piece){load_pair(x, i, format), i, 2 * VL}, with, format);
        i += 2 * VL;
    }
    if (i < c) {
        s.odd = step(s.odd, (piece){load_pair_n(x, i, format, c - i, fill), i, c - i}, with, format);
    }
    return s;
}

QUERN_INLINE float sum_of(chains s) { return v_sum((s.even.a + s.odd.a) + (s.even.b + s.odd.b)); }

QUERN_INLINE pair add_squares(pair s, piece p, const context *with, int32_t format) {
    (void)with;
    (void)format;
    return (pair){v_fma(p.x.a, p.x.a, s.a), v_fma(p.x.b, p.x.b, s.b)};
}

QUERN_INLINE pair add_elements(pair s, piece p, const context *with, int32_t format) {
    (void)with;
    (void)format;
    return (pair){s.a + p.x.a, s.b + p.x.b};
}

/* Squares of what is left after the mean; none of what fills up the last piece. */
QUERN_INLINE pair add_deviations(pair s, piece p, const context *with, int32_t format) {
    pair d = {p.x.a - with->shift, p.x.b - with->shift};
    if (p.left < 2 * VL) {
        for (int64_t k = 0; k < VL; k++) {
            d.a[k] = (format == QUERN_BF16 ? 2 * k : k) < p.left ? d.a[k] : 0.0f;
            d.b[k] = (format == QUERN_BF16 ? 2 * k + 1 : VL + k) < p.left ? d.b[k] : 0.0f;
        }
    }
    return (pair){v_fma(d.a, d.a, s.a), v_fma(d.b, d.b, s.b)};
}

/* NaN are passed over; they reappear in the sum of exponentials. */
QUERN_INLINE pair highest(pair s, piece p, const context *with, int32_t format) {
    (void)with;
    (void)format;
    return (pair){v_max(p.x.a, s.a), v_max(p.x.b, s.b)};
}

QUERN_INLINE pair add_exponentials(pair s, piece p, const context *with, int32_t format) {
    const pair e = {v_exp(p.x.a - with->shift), v_exp(p.x.b - with->shift)};
    if (with->kept && p.i + 2 * VL <= with->room) {
        store_pair(with->kept, p.i, QUERN_F32, e, 0);
    } else if (with->kept) {
        store_pair_n(with->kept, p.i, QUERN_F32, e, p.left);
    }
    (void)format;
    return (pair){s.a + e.a, s.b + e.b};
}

QUERN_INLINE int stores_through(const void *y, int64_t ldy, int32_t format, int64_t flow) {
    return flow == QUERN_THROUGH && (uintptr_t)y % 64 == 0 && ldy * element_bytes(format) % 64 == 0;
}

QUERN_INLINE const void *row_after(const void *x, int64_t ldx, int64_t r, int64_t rows, int32_t format, int64_t flow) {
    return flow != QUERN_NEAR && r + 1 < rows ? element_at(x, ldx, format) : 0;
}

/*
 * Writes a row, piece by piece: expression of v, elements of `from`. What fills up the last piece is `fill`, or, if from is
 * padded, what is there.
 */
#define WRITE_ROW(from, from_format, padded, fill, expression)                                                   \
    for (int64_t i = 0; i < c; i += 2 * VL) {                                                                    \
        if (i + 2 * VL <= c) {                                                                                   \
            const pair v = load_pair(from, i, from_format);                                                      \
            store_pair(yr, i, format, expression, through);                                                      \
        } else {                                                                                                 \
            const pair v = padded ? load_pair(from, i, from_format) : load_pair_n(from, i, from_format, c - i, fill); \
            store_pair_n(yr, i, format, expression, c - i);                                                      \
        }                                                                                                        \
    }

/* The elements of weight or bias that belong to piece i. */
QUERN_INLINE pair parameters(const void *p, int64_t i, int64_t c, int32_t format) {
    return i + 2 * VL <= c ? load_pair(p, i, format) : load_pair_n(p, i, format, c - i, 0.0f);
}

QUERN_INLINE pair scaled(pair v, vf shift, vf factor, const void *weight, const void *bias, int64_t i, int64_t c,
                         int32_t format) {
    pair y = {(v.a - shift) * factor, (v.b - shift) * factor};
    if (weight) {
        const pair w = parameters(weight, i, c, format);
        y.a = y.a * w.a;
        y.b = y.b * w.b;
    }
    if (bias) {
        const pair b = parameters(bias, i, c, format);
        y.a = y.a + b.a;
        y.b = y.b + b.b;
    }
    return y;
}

QUERN_INLINE void rms_rows(const void *x, int64_t ldx, const void *weight, void *y, int64_t ldy, float *inverse,
                           int64_t rows, int64_t c, float eps, int32_t format, int64_t flow) {
    const int through = stores_through(y, ldy, format, flow);
    for (int64_t r = 0; r < rows; r++) {
        const void *xr = element_at(x, r * ldx, format);
        void *yr = (char *)y + r * ldy * element_bytes(format);
        const void *next = row_after(xr, ldx, r, rows, format, flow);
        const float squares = sum_of(pass(xr, next, c, format, 0.0f, 0.0f, 0, add_squares));
        const float factor = 1.0f / sqrtf(squares / (float)c + eps);
        const vf f = v_set1(factor);
        WRITE_ROW(xr, format, 0, 0.0f, scaled(v, v_zero(), f, weight, 0, i, c, format))
        if (inverse) {
            inverse[r] = factor;
        }
    }
    if (through) {
        v_stream_end();
    }
}

QUERN_INLINE void layer_rows(const void *x, int64_t ldx, const void *weight, const void *bias, void *y, int64_t ldy,
                             float *mean, float *inverse, int64_t rows, int64_t c, float eps, int32_t format, int64_t flow) {
    const int through = stores_through(y, ldy, format, flow);
    for (int64_t r = 0; r < rows; r++) {
        const void *xr = element_at(x, r * ldx, format);
        void *yr = (char *)y + r * ldy * element_bytes(format);
        const void *next = row_after(xr, ldx, r, rows, format, flow);
        const float middle = sum_of(pass(xr, 0, c, format, 0.0f, 0.0f, 0, add_elements)) / (float)c;
        const context with = {v_set1(middle), 0, 0};
        const float squares = sum_of(pass(xr, next, c, format, 0.0f, 0.0f, &with, add_deviations));
        const float factor = 1.0f / sqrtf(squares / (float)c + eps);
        const vf f = v_set1(factor);
        WRITE_ROW(xr, format, 0, 0.0f, scaled(v, with.shift, f, weight, bias, i, c, format))
        if (inverse) {
            mean[r] = middle;
            inverse[r] = factor;
        }
    }
    if (through) {
        v_stream_end();
    }
}

QUERN_INLINE float row_max(const void *x, int64_t c, int32_t format) {
    const chains s = pass(x, 0, c, format, -INFINITY, -INFINITY, 0, highest);
    return v_hmax(v_max(v_max(s.even.a, s.odd.a), v_max(s.even.b, s.odd.b)));
}

QUERN_INLINE pair exponentials(pair v, vf shift, vf factor) {
    return (pair){v_exp(v.a - shift) * factor, v_exp(v.b - shift) * factor};
}

QUERN_INLINE void softmax_rows(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t rows, int64_t c, int32_t format,
                               int64_t flow) {
    const int through = stores_through(y, ldy, format, flow);
    float buffer[KEPT] __attribute__((aligned(64)));
    for (int64_t r = 0; r < rows; r++) {
        const void *xr = element_at(x, r * ldx, format);
        void *yr = (char *)y + r * ldy * element_bytes(format);
        const void *next = row_after(xr, ldx, r, rows, format, flow);
        const int in_place = format == QUERN_F32 && !through && c > KEPT;
        const context with = {v_set1(row_max(xr, c, format)), c <= KEPT ? buffer : in_place ? yr : 0, c <= KEPT ? KEPT : c};
        const float total = sum_of(pass(xr, next, c, format, 0.0f, -INFINITY, &with, add_exponentials));
        const vf factor = v_set1(1.0f / total);
        if (c <= KEPT) {
            WRITE_ROW(buffer, QUERN_F32, 1, 0.0f, scaled(v, v_zero(), factor, 0, 0, i, c, format))
        } else if (in_place) {
            WRITE_ROW(yr, format, 0, 0.0f, scaled(v, v_zero(), factor, 0, 0, i, c, format))
        } else {
            WRITE_ROW(xr, format, 0, -INFINITY, exponentials(v, with.shift, factor))
        }
    }
    if (through) {
        v_stream_end();
    }
}

QUERN_INLINE void log_softmax_rows(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t rows, int64_t c,
                                   int32_t format, int64_t flow) {
    const int through = stores_through(y, ldy, format, flow);
    for (int64_t r = 0; r < rows; r++) {
        const void *xr = element_at(x, r * ldx, format);
        void *yr = (char *)y + r * ldy * element_bytes(format);
        const void *next = row_after(xr, ldx, r, rows, format, flow);
        const context with = {v_set1(row_max(xr, c, format)), 0, 0};
        const vf total = v_set1(logf(sum_of(pass(xr, next, c, format, 0.0f, -INFINITY, &with, add_exponentials))));
        WRITE_ROW(xr, format, 0, -INFINITY, ((pair){v.a - with.shift - total, v.b - with.shift - total}))
    }
    if (through) {
        v_stream_end();
    }
}

/* call: a statement for each format, with a constant in its place. */
#define BY_FORMAT(call)                \
    if (format == QUERN_F32) {         \
        call(QUERN_F32);               \
    } else if (format == QUERN_F16) {  \
        call(QUERN_F16);               \
    } else {                           \
        call(QUERN_BF16);              \
    }

void QN(rms_norm)(const void *x, int64_t ldx, const void *weight, void *y, int64_t ldy, float *inverse, int64_t rows,
                  int64_t c, float eps, int64_t format, int64_t flow) {
#define RMS_NORM(f) rms_rows(x, ldx, weight, y, ldy, inverse, rows, c, eps, f, flow)
    BY_FORMAT(RMS_NORM)
}

void QN(add_rms_norm)(const float *x, int64_t ldx, const float *r, int64_t ldr, const float *weight, float *sum,
                      int64_t lds, float *y, int64_t ldy, int64_t rows, int64_t c, float eps) {
    for (int64_t row = 0; row < rows; row++) {
        float *s = sum + row * lds;
        for (int64_t i = 0; i < c; i += VL) {
            v_store_upto(s + i, v_load_upto(x + row * ldx + i, c - i) + v_load_upto(r + row * ldr + i, c - i), c - i);
        }
        rms_rows(s, lds, weight, y + row * ldy, ldy, 0, 1, c, eps, QUERN_F32, QUERN_NEAR);
    }
}

void QN(layer_norm)(const void *x, int64_t ldx, const void *weight, const void *bias, void *y, int64_t ldy, float *mean,
                    float *inverse, int64_t rows, int64_t c, float eps, int64_t format, int64_t flow) {
#define LAYER_NORM(f) layer_rows(x, ldx, weight, bias, y, ldy, mean, inverse, rows, c, eps, f, flow)
    BY_FORMAT(LAYER_NORM)
}

void QN(softmax)(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t rows, int64_t c, int64_t format, int64_t flow) {
#define SOFTMAX(f) softmax_rows(x, ldx, y, ldy, rows, c, f, flow)
    BY_FORMAT(SOFTMAX)
}

void QN(log_softmax)(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t rows, int64_t c, int64_t format,
                     int64_t flow) {
#define LOG_SOFTMAX(f) log_softmax_rows(x, ldx, y, ldy, rows, c, f, flow)
    BY_FORMAT(LOG_SOFTMAX)
}
