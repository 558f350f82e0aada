/*
 * Sums of F32 over rows: what a backward pass makes of gradients whose operand was broadcast or looked up.
 *
 *   sum_columns  y[j] = sum over i of x[i, j];  x: (rows, c), ldx elements from row to row; y: (c)
 *   sum_all      y[0] = sum over i of x[i];  x: (n);  sum_squares: of x[i]^2
 *   index_add    y[ids[i], j] += x[i, j] for i in order;  x: (count, c), ldx; y: (rows, c), ldy; negative ids count from rows
 *
 * sum_columns: rows eight at a time, which are eight streams, then columns: one addition to y, which stays in the first-level
 * cache, for eight loads. Sums of eight are added pairwise, and these one after the other.
 * sum_all: eight chains of VL lanes, added pairwise.
 * index_add: rows in order, then columns; a caller that wants it on several threads cuts columns, so that no row of y has two
 * writers and the order of its additions stays that of the ids.
 *
 * An element's bits depend on rows, or n, and on its column's numbers only.
 */
#include "quern.h"
#include "simd.h"

enum { STREAMS = 8 };

/* The sum of `count` rows at column j; n of its elements exist. */
QUERN_INLINE vf add_rows(const float *x, int64_t ldx, const int count, int64_t j, int64_t n) {
    vf s[STREAMS];
#pragma GCC unroll 8
    for (int r = 0; r < count; r++) {
        s[r] = v_load_upto(x + r * ldx + j, n);
    }
    for (int step = 1; step < count; step *= 2) {
#pragma GCC unroll 8
        for (int r = 0; r + step < count; r += 2 * step) {
            s[r] = s[r] + s[r + step];
        }
    }
    return s[0];
}

QUERN_INLINE void add_to_columns(const float *x, int64_t ldx, const int count, float *y, int64_t c, int first) {
    for (int64_t j = 0; j < c; j += VL) {
        vf sum = add_rows(x, ldx, count, j, c - j);
        if (!first) {
            sum = v_load_upto(y + j, c - j) + sum;
        }
        v_store_upto(y + j, sum, c - j);
    }
}

void QN(sum_columns)(const float *x, int64_t ldx, float *y, int64_t rows, int64_t c) {
    int64_t i = 0;
    for (; i + STREAMS <= rows; i += STREAMS) {
        add_to_columns(x + i * ldx, ldx, STREAMS, y, c, i == 0);
    }
    for (; i < rows; i++) {
        add_to_columns(x + i * ldx, ldx, 1, y, c, i == 0);
    }
    if (rows == 0) {
        memset(y, 0, (size_t)c * sizeof *y);
    }
}

QUERN_INLINE vf power(vf x, const int squared) {
    if (squared) {
        x = x * x;
    }
    return x;
}

QUERN_INLINE float add_all(const float *x, int64_t n, const int squared) {
    vf s[STREAMS];
    for (int r = 0; r < STREAMS; r++) {
        s[r] = v_zero();
    }
    int64_t i = 0;
    for (; i + STREAMS * VL <= n; i += STREAMS * VL) {
#pragma GCC unroll 8
        for (int r = 0; r < STREAMS; r++) {
            s[r] = s[r] + power(v_load(x + i + r * VL), squared);
        }
    }
    for (int r = 0; i < n; i += VL, r++) {
        s[r] = s[r] + power(v_load_upto(x + i, n - i), squared);
    }
    for (int step = 1; step < STREAMS; step *= 2) {
        for (int r = 0; r < STREAMS; r += 2 * step) {
            s[r] = s[r] + s[r + step];
        }
    }
    return v_sum(s[0]);
}

void QN(sum_all)(const float *x, int64_t n, float *y) { *y = add_all(x, n, 0); }

void QN(sum_squares)(const float *x, int64_t n, float *y) { *y = add_all(x, n, 1); }

void QN(index_add)(const float *x, int64_t ldx, const void *ids, int64_t wide, float *y, int64_t ldy, int64_t count, int64_t rows,
                   int64_t c) {
    const int64_t *longs = ids;
    const int32_t *ints = ids;
    for (int64_t i = 0; i < count; i++) {
        const int64_t id = wide ? longs[i] : ints[i];
        float *to = y + (id < 0 ? id + rows : id) * ldy;
        const float *from = x + i * ldx;
        for (int64_t j = 0; j < c; j += VL) {
            v_store_upto(to + j, v_load_upto(to + j, c - j) + v_load_upto(from + j, c - j), c - j);
        }
    }
}
