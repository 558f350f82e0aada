/*
 * Gradients of layerNorm and rmsNorm over rows. With xn = (x - mean) inverse and gw = g weight:
 *
 *   dx       = inverse (gw - mean over c of gw - xn (mean over c of gw xn)) (+ r)   rmsNorm: without mean and mean of gw
 *   d_weight = sum over rows of g xn
 *   d_bias   = sum over rows of g
 *
 * g, x, r, dx: (rows, c) F32 without gaps, r or null; weight: (c); mean: (rows), null for rmsNorm; inverse: (rows); d_weight, d_bias: (c), sums
 * over the rows of this call, each may be null. dx may be g or r. r is the gradient that goes past the norm, a residual
 * connection's.
 *
 * join_parts: y[i] = sum over p < count of parts[p ld + i], i < n, in the order of p: what calls on fixed pieces of the rows left
 * becomes the whole sum, whatever the number of threads.
 *
 * Loops: rows; a pass for the two means (two chains of VL lanes each), a pass that writes. Both read the row from cache after the
 * first; the sums over rows stay in the first-level cache, up to 4096 columns.
 *
 * Floor: 12 bytes an element from and to memory; in cache two loads and three stores per VL elements of the second pass.
 * Measured (quern_bench_gradients, one core of a Xeon at 2.1 GHz, AVX-512, layerNorm): 768 x 128 24 us, 768 x 512 0.2 ms, 4096 x 384
 * 0.8 ms, which is 48, 23 and 24 GB/s.
 */
#include "quern.h"
#include "simd.h"

/* Means over a row of gw and gw xn. */
typedef struct means {
    float plain;
    float product;
} means;

QUERN_INLINE means row_means(const float *g, const float *x, const float *weight, int64_t c, vf shift, vf factor) {
    vf a[2] = {v_zero(), v_zero()};
    vf b[2] = {v_zero(), v_zero()};
    int64_t i = 0;
    for (; i + 2 * VL <= c; i += 2 * VL) {
#pragma GCC unroll 2
        for (int j = 0; j < 2; j++) {
            const vf gw = v_load(g + i + j * VL) * v_load(weight + i + j * VL);
            a[j] = a[j] + gw;
            b[j] = v_fma(gw, (v_load(x + i + j * VL) - shift) * factor, b[j]);
        }
    }
    for (; i < c; i += VL) { /* g is 0 beyond the end */
        const vf gw = v_load_upto(g + i, c - i) * v_load_upto(weight + i, c - i);
        a[0] = a[0] + gw;
        b[0] = v_fma(gw, (v_load_upto(x + i, c - i) - shift) * factor, b[0]);
    }
    return (means){v_sum(a[0] + a[1]) / (float)c, v_sum(b[0] + b[1]) / (float)c};
}

QUERN_INLINE void write_row(const float *g, const float *x, const float *weight, const float *r, float *dx, float *d_weight,
                            float *d_bias, int64_t c, vf shift, vf factor, means m, int centred) {
    const vf plain = v_set1(centred ? m.plain : 0.0f);
    const vf product = v_set1(m.product);
    for (int64_t i = 0; i < c; i += VL) {
        const int64_t left = c - i;
        const vf gi = v_load_upto(g + i, left);
        const vf xn = (v_load_upto(x + i, left) - shift) * factor;
        const vf gw = gi * v_load_upto(weight + i, left) - plain;
        if (d_weight) {
            v_store_upto(d_weight + i, v_fma(gi, xn, v_load_upto(d_weight + i, left)), left);
        }
        if (d_bias) {
            v_store_upto(d_bias + i, gi + v_load_upto(d_bias + i, left), left);
        }
        vf y = factor * (gw - xn * product);
        if (r) {
            y += v_load_upto(r + i, left);
        }
        v_store_upto(dx + i, y, left);
    }
}

void QN(norm_grad)(const float *g, const float *x, const float *weight, const float *mean, const float *inverse, const float *r,
                   float *dx, float *d_weight, float *d_bias, int64_t rows, int64_t c) {
    if (d_weight) {
        memset(d_weight, 0, (size_t)c * sizeof *d_weight);
    }
    if (d_bias) {
        memset(d_bias, 0, (size_t)c * sizeof *d_bias);
    }
    for (int64_t i = 0; i < rows; i++, g += c, x += c, dx += c, r = r ? r + c : r) {
        const vf shift = v_set1(mean ? mean[i] : 0.0f);
        const vf factor = v_set1(inverse[i]);
        const means m = row_means(g, x, weight, c, shift, factor);
        if (d_weight && d_bias) {
            write_row(g, x, weight, r, dx, d_weight, d_bias, c, shift, factor, m, mean != 0);
        } else {
            write_row(g, x, weight, r, dx, d_weight, 0, c, shift, factor, m, mean != 0);
        }
    }
}

void QN(join_parts)(const float *parts, int64_t ld, int64_t count, float *y, int64_t n) {
    for (int64_t i = 0; i < n; i += VL) {
        vf sum = v_zero();
        for (int64_t p = 0; p < count; p++) {
            sum = sum + v_load_upto(parts + p * ld + i, n - i);
        }
        v_store_upto(y + i, sum, n - i);
    }
}
