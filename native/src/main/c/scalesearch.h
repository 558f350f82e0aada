/*
 * The searches behind the K-formats: of several candidate grids the one with the least weighted squared error, each
 * refined by least squares; the grids, weights and tie-breaks of ggml's quantisers without an importance matrix.
 *
 * One lane is one sub-block: a vector holds the same element of VL neighbouring sub-blocks. So every sum runs over its
 * sub-block in order, each operation rounds as it would alone, and bits are those of scalar code in every tier.
 * Branches become selections; a comparison with a NaN is false in both.
 */
#ifndef QUERN_SCALESEARCH_H
#define QUERN_SCALESEARCH_H

#include "simd.h"

enum {
    SIGNED_LENGTH = 16, /* elements of a sub-block of Q6_K */
    OFFSET_LENGTH = 32  /* ... of Q4_K */
};

/* The nearest integer in [0, top], ties to even; 0 for NaN. */
QUERN_INLINE vf nearest_upto(vf t, float top) { return v_round(v_min(v_max(t, v_zero()), v_set1(top))); }

/* The nearest integer in [low, high], low < 0 < high, ties to even; 0 for NaN. */
QUERN_INLINE vf nearest_within(vf t, float low, float high) {
    vf above = v_min(v_max(t, v_zero()), v_set1(high));
    vf below = v_max(v_min(t, v_zero()), v_set1(low));
    return v_round(above + below);
}

/* to[i] lane j = x[j * length + i]. */
QUERN_INLINE void load_lanes(const float *x, int length, vf *to) {
    for (int i = 0; i < length; i += VL) {
        for (int j = 0; j < VL; j++) {
            to[i + j] = v_load(x + j * length + i);
        }
        v_transpose(to + i);
    }
}

/* 0, or NaN where a sum of squares is. */
QUERN_INLINE vf nan_of(vf squares) { return v_if_less(v_set1(-1.0f), squares, v_zero(), squares); }

/* What offset_search found, an element per sub-block: x ~ scale * level - min, level = inverse * (x - low). */
typedef struct offset_fit {
    float *scale;
    float *min;
    float *inverse;
    float *low;
} offset_fit;

/* Levels 0..top for VL sub-blocks of 32; weights sqrt(mean x^2) + |x|. Results from fit's element `at` on. */
QUERN_INLINE void offset_search(const float *x, float top, const offset_fit *fit, int at) {
    enum { N = OFFSET_LENGTH };
    vf v[N];
    vf w[N];
    vf level[N];
    load_lanes(x, N, v);
    vf squares = v_zero();
    for (int i = 0; i < N; i++) {
        squares = squares + v[i] * v[i];
    }
    const vf rms = v_sqrt(squares / v_set1(N));
    vf low = v[0];
    vf high = v[0];
    vf sum_w = w[0] = rms + v_abs(v[0]);
    vf sum_x = sum_w * v[0];
    for (int i = 1; i < N; i++) {
        w[i] = rms + v_abs(v[i]);
        low = v_min(low, v[i]);
        high = v_max(high, v[i]);
        sum_w = sum_w + w[i];
        sum_x = sum_x + w[i] * v[i];
    }
    low = v_min(low, v_zero()) + nan_of(squares);
    vf inverse = v_set1(top) / (high - low);
    vf scale = v_if_less(low, high, v_set1(1.0f) / inverse, v_zero()) + nan_of(squares);
    vf from = low;
    vf bottom = low;
    vf error = v_zero();
    for (int i = 0; i < N; i++) {
        vf d = scale * nearest_upto(inverse * (v[i] - low), top) + low - v[i];
        error = error + w[i] * (d * d);
    }
    for (int step = 0; step <= 20; step++) {
        const vf trial = v_set1(-1.0f + 0.1f * (float)step + top) / (high - bottom);
        vf l1 = v_zero();
        vf l2 = v_zero();
        vf xl = v_zero();
        for (int i = 0; i < N; i++) {
            level[i] = nearest_upto(trial * (v[i] - bottom), top);
            vf wl = w[i] * level[i];
            l1 = l1 + wl;
            l2 = l2 + wl * level[i];
            xl = xl + wl * v[i];
        }
        const vf determinant = sum_w * l2 - l1 * l1;
        vf m = (l2 * sum_x - l1 * xl) / determinant;
        vf s = v_if_less(v_zero(), m, xl / l2, (sum_w * xl - sum_x * l1) / determinant);
        m = v_if_less(v_zero(), m, v_zero(), m);
        vf e = v_zero();
        for (int i = 0; i < N; i++) {
            vf d = s * level[i] + m - v[i];
            e = e + w[i] * (d * d);
        }
        e = v_if_less(v_zero(), determinant, e, v_set1(__builtin_inff()));
        scale = v_if_less(e, error, s, scale);
        inverse = v_if_less(e, error, trial, inverse);
        from = v_if_less(e, error, bottom, from);
        bottom = v_if_less(e, error, m, bottom);
        error = v_if_less(e, error, e, error);
    }
    v_store(fit->scale + at, scale);
    v_store(fit->min + at, v_zero() - bottom);
    v_store(fit->inverse + at, inverse);
    v_store(fit->low + at, from);
}

/* What signed_search found, an element per sub-block: x ~ scale * (level - half), level = inverse * x + base. */
typedef struct signed_fit {
    float *scale;
    float *inverse;
    float *base; /* half, or 0 for a sub-block of zeros */
} signed_fit;

/* Levels 0..2 half - 1 for VL sub-blocks of 16; weights x^2. */
QUERN_INLINE void signed_search(const float *x, float half, const signed_fit *fit, int at) {
    enum { N = SIGNED_LENGTH };
    vf v[N];
    vf w[N];
    vf wx[N];
    load_lanes(x, N, v);
    vf extreme = v_zero();
    for (int i = 0; i < N; i++) {
        extreme = v_if_less(v_abs(extreme), v_abs(v[i]), v[i], extreme);
        w[i] = v[i] * v[i];
        wx[i] = w[i] * v[i];
    }
    vf scale = v_zero();
    vf inverse = v_zero();
    vf best = v_zero();
    for (int k = 0; k <= 18; k++) {
        /* the unshifted grid first, then -9..-1 and 1..9 tenths of a level */
        const int step = k == 0 ? 0 : k <= 9 ? k - 10 : k - 9;
        const vf trial = v_set1(-(half + 0.1f * (float)step)) / extreme;
        vf xl = v_zero();
        vf ll = v_zero();
        for (int i = 0; i < N; i++) {
            /* of a product that is NaN any level will do: its element is not finite, and then no sum is */
            vf l = v_round(v_max(v_min(trial * v[i], v_set1(half - 1.0f)), v_set1(-half)));
            xl = xl + wx[i] * l;
            ll = ll + w[i] * l * l;
        }
        /* Compared is xl^2 / ll, the part of sum w x^2 that a grid explains. */
        const vf square = xl * xl;
        const vf bar = v_if_less(v_zero(), ll, best * ll, v_set1(__builtin_inff()));
        if (k == 0) {
            scale = v_if_less(v_zero(), ll, xl / ll, nan_of(ll));
            inverse = trial;
            best = scale * xl;
        } else {
            scale = v_if_less(bar, square, xl / ll, scale);
            inverse = v_if_less(bar, square, trial, inverse);
            best = v_if_less(bar, square, scale * xl, best);
        }
    }
    const vf size = v_abs(extreme);
    const vf tiny = v_set1(1e-15f);
    v_store(fit->scale + at, v_if_less(size, tiny, v_zero(), scale));
    v_store(fit->inverse + at, v_if_less(size, tiny, v_zero(), inverse));
    v_store(fit->base + at, v_if_less(size, tiny, v_zero(), v_set1(half)));
}

#endif
