/*
 * y[i, n] = sum over p of x[i, p] * w[n, p],  n in [n0, n1): activations rounded to 8-bit blocks or to BF16, weights
 * as stored; for few rows (FAST precision, decode).
 *
 *   x: (m, k) Q8_0 | Q8_K | BF16, ldx bytes per row; w: (N, k), ldw bytes per row, at row 0; y: (m, N) F32, ldy floats.
 *
 * Loops: weight rows four at a time, one of each quarter of the slice; activation rows; blocks along k.
 * Integer products within a block are exact; a block's sum is scaled and added in F32, blocks in order, lanes reduced
 * once per element. Cuts in n and m do not change a bit. Weights come from memory once: four rows of 8192 elements
 * are 35 KiB in Q8_0 and stay in the first-level cache while the activation rows pass.
 *
 * Four quarters: each is one long stream of its own, 2 KiB of which are fetched ahead. The hardware's prefetcher gives
 * up at every page, and four independent streams hide that (measured, two cores, 4 KiB pages, GB/s: four neighbouring
 * rows 18.1 in Q8_0, 12.7 in Q4_0, 15.1 in Q4_K, 17.7 in Q6_K; four streams 22.3, 21.6, 21.6, 22.9; a plain reading
 * loop 23).
 *
 * Q4_K and Q6_K keep their sub-block scales in integers (products of 6- or 8-bit scales and 16-bit pair sums), so
 * one float multiplication serves 256 elements; minima and offsets go through the sums of 16 activations. Q4_0 in AVX-512
 * has loops of its own, in blockdot_q4_0_avx512.h.
 */
#include "dequant.h"
#include "matvec_pairs.h"
#include "quern.h"

#if defined(QUERN_TIER_AVX512) || defined(QUERN_TIER_AVX2)
#include "blockdot_x86.h"
#else
#include "blockdot_baseline.h"
#endif

enum {
    ROWS = 4,
    AHEAD = 2048 /* bytes */
};

typedef va block_dot(va acc, const uint8_t *w, const uint8_t *x);

QUERN_INLINE void matvec_blocks(const uint8_t *x, int64_t ldx, const uint8_t *w, int64_t ldw, float *y, int64_t ldy,
                                int64_t m, int64_t n0, int64_t n1, int64_t blocks, int64_t w_bytes, int64_t x_bytes,
                                block_dot *dot) {
    const int64_t quarter = (n1 - n0) / ROWS;
    const int64_t far = quarter * ldw;
    for (int64_t n = n0; n < n0 + quarter; n++) {
        for (int64_t i = 0; i < m; i++) {
            const uint8_t *xb = x + i * ldx;
            const uint8_t *wb = w + n * ldw;
            va acc[ROWS] = {va_zero(), va_zero(), va_zero(), va_zero()};
            for (int64_t b = 0; b < blocks; b++, xb += x_bytes, wb += w_bytes) {
#pragma GCC unroll 4
                for (int r = 0; r < ROWS; r++) {
                    for (int64_t line = 0; line < w_bytes; line += 64) {
                        __builtin_prefetch(wb + r * far + AHEAD + line);
                    }
                    acc[r] = dot(acc[r], wb + r * far, xb);
                }
            }
#pragma GCC unroll 4
            for (int r = 0; r < ROWS; r++) {
                y[i * ldy + n + r * quarter] = va_sum(acc[r]);
            }
        }
    }
    for (int64_t n = n0 + ROWS * quarter; n < n1; n++) {
        for (int64_t i = 0; i < m; i++) {
            va acc = va_zero();
            for (int64_t b = 0; b < blocks; b++) {
                acc = dot(acc, w + n * ldw + b * w_bytes, x + i * ldx + b * x_bytes);
            }
            y[i * ldy + n] = va_sum(acc);
        }
    }
}

#define BLOCKS(activation, weight, length, x_bytes, w_bytes)                                                        \
    void QN(matvec_##activation##_##weight)(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y,       \
                                            int64_t ldy, int64_t m, int64_t n0, int64_t n1, int64_t k,              \
                                            void *scratch) {                                                        \
        (void)scratch;                                                                                              \
        matvec_blocks(x, ldx, w, ldw, y, ldy, m, n0, n1, k / (length), w_bytes, x_bytes, dot_##weight);             \
    }

BLOCKS(q8_0, q8_0, QUERN_BLOCK, QUERN_Q8_0_BYTES, QUERN_Q8_0_BYTES)

#if defined(QUERN_TIER_AVX512)
#include "blockdot_q4_0_avx512.h"

void QN(matvec_q8_0_q4_0)(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y, int64_t ldy, int64_t m,
                          int64_t n0, int64_t n1, int64_t k, void *scratch) {
    (void)scratch;
    q4_0_slice(x, ldx, w, ldw, y, ldy, m, n0, n1, k);
}
#else
BLOCKS(q8_0, q4_0, QUERN_BLOCK, QUERN_Q8_0_BYTES, QUERN_Q4_0_BYTES)
#endif
BLOCKS(q8_k, q4_k, QUERN_SUPER, QUERN_Q8_K_BYTES, QUERN_Q4_K_BYTES)
BLOCKS(q8_k, q6_k, QUERN_SUPER, QUERN_Q8_K_BYTES, QUERN_Q6_K_BYTES)

void QN(matvec_bf16_bf16)(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y, int64_t ldy, int64_t m,
                          int64_t n0, int64_t n1, int64_t k, void *scratch) {
    (void)scratch;
    matvec_pairs(x, ldx, w, ldw, y, ldy, m, n0, n1, k);
}
