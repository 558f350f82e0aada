/*
 * y[i, n] = sum over p of x[i, p] * w[n, p],  n in [n0, n1): BF16 by BF16 for few rows, as matmul_blocks.c has it for blocks.
 *
 * Four streams of weights side by side: with AVX-512 and both cores of a Zen 5 every number of streams from one to four reads
 * what the memory gives, eight a sixth less. matvec_streams.c has what AMX's processors take for a single row.
 */
#ifndef QUERN_MATVEC_PAIRS_H
#define QUERN_MATVEC_PAIRS_H

#include "dequant.h"
#include "quern.h"

enum {
    PAIR_ROWS = 4,
    PAIR_AHEAD = 2048 /* bytes */
};

#if defined(QUERN_TIER_AVX512) || defined(QUERN_TIER_AMX)

/*
 * BF16 pairs: vdpbf16ps adds two products per lane (denormals count as zero). Two chains per element, as in
 * matmul_f32.c; k's tail through masked loads.
 */
QUERN_INLINE __m512bh load_pairs(const uint16_t *p) { return (__m512bh)_mm512_loadu_si512(p); }

QUERN_INLINE __m512bh load_pairs_n(const uint16_t *p, int64_t n) {
    __mmask32 mask = n >= 32 ? 0xffffffffu : (1u << n) - 1u;
    return (__m512bh)_mm512_maskz_loadu_epi16(mask, p);
}

/* Rows of w are lw elements apart, results ly. */
QUERN_INLINE void dot_bf16(const int rows, const uint16_t *w, int64_t lw, const uint16_t *x, int64_t k, float *y,
                           int64_t ly) {
    vf acc[PAIR_ROWS][2];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
        acc[r][0] = v_zero();
        acc[r][1] = v_zero();
    }
    int64_t p = 0;
    for (; p + 64 <= k; p += 64) {
        __m512bh x0 = load_pairs(x + p);
        __m512bh x1 = load_pairs(x + p + 32);
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            __builtin_prefetch((const uint8_t *)(w + r * lw + p) + PAIR_AHEAD);
            __builtin_prefetch((const uint8_t *)(w + r * lw + p) + PAIR_AHEAD + 64);
            acc[r][0] = _mm512_dpbf16_ps(acc[r][0], load_pairs(w + r * lw + p), x0);
            acc[r][1] = _mm512_dpbf16_ps(acc[r][1], load_pairs(w + r * lw + p + 32), x1);
        }
    }
    for (int chain = 0; p < k; p += 32, chain++) {
        __m512bh xv = load_pairs_n(x + p, k - p);
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            __m512bh wv = load_pairs_n(w + r * lw + p, k - p);
            if (chain == 0) {
                acc[r][0] = _mm512_dpbf16_ps(acc[r][0], wv, xv);
            } else {
                acc[r][1] = _mm512_dpbf16_ps(acc[r][1], wv, xv);
            }
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
        y[r * ly] = v_sum(acc[r][0] + acc[r][1]);
    }
}

#else

QUERN_INLINE void dot_bf16(const int rows, const uint16_t *w, int64_t lw, const uint16_t *x, int64_t k, float *y,
                           int64_t ly) {
    vf acc[PAIR_ROWS];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
        acc[r] = v_zero();
    }
    int64_t p = 0;
    for (; p + VL <= k; p += VL) {
        vf xv = v_load_bf16(x + p);
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            acc[r] = v_fma(v_load_bf16(w + r * lw + p), xv, acc[r]);
        }
    }
    for (int r = 0; r < rows; r++) {
        float tail = 0.0f;
        for (int64_t q = p; q < k; q++) {
            tail += bf16_to_f32(w[r * lw + q]) * bf16_to_f32(x[q]);
        }
        y[r * ly] = v_sum(acc[r]) + tail;
    }
}

#endif

/* Weight rows four at a time, one of each quarter of the slice. */
QUERN_INLINE void matvec_pairs(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y, int64_t ldy, int64_t m,
                               int64_t n0, int64_t n1, int64_t k) {
    const int64_t lw = ldw / (int64_t)sizeof(uint16_t);
    const uint8_t *xb = x;
    const uint16_t *w16 = w;
    const int64_t quarter = (n1 - n0) / PAIR_ROWS;
    for (int64_t n = n0; n < n0 + quarter; n++) {
        for (int64_t i = 0; i < m; i++) {
            const uint16_t *xi = (const uint16_t *)(const void *)(xb + i * ldx);
            dot_bf16(PAIR_ROWS, w16 + n * lw, quarter * lw, xi, k, y + i * ldy + n, quarter);
        }
    }
    for (int64_t n = n0 + PAIR_ROWS * quarter; n < n1; n++) {
        for (int64_t i = 0; i < m; i++) {
            dot_bf16(1, w16 + n * lw, 0, (const uint16_t *)(const void *)(xb + i * ldx), k, y + i * ldy + n, 0);
        }
    }
}

#endif
