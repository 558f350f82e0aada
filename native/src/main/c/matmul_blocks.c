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

#if defined(QUERN_TIER_AVX512)

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
    vf acc[ROWS][2];
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
            __builtin_prefetch((const uint8_t *)(w + r * lw + p) + AHEAD);
            __builtin_prefetch((const uint8_t *)(w + r * lw + p) + AHEAD + 64);
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

/*
 * A single row meets STREAMS rows of w, each LAG elements behind the one before: rows are often whole pages long, and eight
 * streams that end their pages at the same time leave the memory waiting (measured, two cores, 2 MiB pages, 1 MiB slices,
 * GB/s: four streams side by side 23.3, eight 23.5, four with a lag 25.2, eight 26.6; a plain reading loop 26.2). The lag
 * costs a beginning and an end with fewer streams, so slices are longer than the others'. Chains and their order are those of dot_bf16, so are the bits.
 */
enum { STREAMS = 8, LAG = 256 };

/* LAG elements of `streams` streams from `first` on; stream r stands at its piece t - r. */
QUERN_INLINE void advance(const int streams, int first, vf acc[][2], const uint16_t *w, int64_t far, const uint16_t *x,
                          int64_t pieces, int64_t t) {
    const uint16_t *wr[STREAMS];
    const uint16_t *xr[STREAMS];
    for (int r = 0; r < streams; r++) {
        const int64_t piece = t - first - r;
        wr[r] = w + (first + r) * far + piece * LAG;
        xr[r] = x + piece % pieces * LAG;
    }
    for (int64_t p = 0; p < LAG; p += 64) {
#pragma GCC unroll 8
        for (int r = 0; r < streams; r++) {
            __builtin_prefetch((const uint8_t *)(wr[r] + p) + AHEAD);
            __builtin_prefetch((const uint8_t *)(wr[r] + p) + AHEAD + 64);
            vf *a = acc[first + r];
            a[0] = _mm512_dpbf16_ps(a[0], load_pairs(wr[r] + p), load_pairs(xr[r] + p));
            a[1] = _mm512_dpbf16_ps(a[1], load_pairs(wr[r] + p + 32), load_pairs(xr[r] + p + 32));
        }
    }
}

/* y[n] for STREAMS * rows rows; x and each row have `pieces` whole pieces of LAG elements. */
static void stream_bf16(const uint16_t *w, const uint16_t *x, int64_t pieces, float *y, int64_t rows) {
    const int64_t end = rows * pieces;
    vf acc[STREAMS][2];
    for (int r = 0; r < STREAMS; r++) {
        acc[r][0] = v_zero();
        acc[r][1] = v_zero();
    }
    for (int64_t t = 0; t < end + STREAMS - 1; t++) {
        const int begun = t < STREAMS ? (int)t + 1 : STREAMS;
        const int ended = t < end ? 0 : (int)(t - end) + 1;
        if (ended == 0 && begun == STREAMS) {
            advance(STREAMS, 0, acc, w, end * LAG, x, pieces, t);
        } else {
            for (int r = ended; r < begun; r++) {
                advance(1, r, acc, w, end * LAG, x, pieces, t);
            }
        }
        for (int r = ended; r < begun; r++) {
            if ((t - r + 1) % pieces == 0) {
                y[r * rows + (t - r) / pieces] = v_sum(acc[r][0] + acc[r][1]);
                acc[r][0] = v_zero();
                acc[r][1] = v_zero();
            }
        }
    }
}

#else

QUERN_INLINE void dot_bf16(const int rows, const uint16_t *w, int64_t lw, const uint16_t *x, int64_t k, float *y,
                           int64_t ly) {
    vf acc[ROWS];
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

void QN(matvec_bf16_bf16)(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y, int64_t ldy, int64_t m,
                          int64_t n0, int64_t n1, int64_t k, void *scratch) {
    (void)scratch;
    const int64_t lw = ldw / (int64_t)sizeof(uint16_t);
    const uint8_t *xb = x;
    const uint16_t *w16 = w;
#if defined(QUERN_TIER_AVX512)
    const int64_t rows = (n1 - n0) / STREAMS;
    if (m == 1 && lw == k && k > 0 && k % LAG == 0 && rows > 0) {
        stream_bf16(w16 + n0 * lw, x, k / LAG, y + n0, rows);
        n0 += STREAMS * rows;
    }
#endif
    const int64_t quarter = (n1 - n0) / ROWS;
    for (int64_t n = n0; n < n0 + quarter; n++) {
        for (int64_t i = 0; i < m; i++) {
            const uint16_t *xi = (const uint16_t *)(const void *)(xb + i * ldx);
            dot_bf16(ROWS, w16 + n * lw, quarter * lw, xi, k, y + i * ldy + n, quarter);
        }
    }
    for (int64_t n = n0 + ROWS * quarter; n < n1; n++) {
        for (int64_t i = 0; i < m; i++) {
            dot_bf16(1, w16 + n * lw, 0, (const uint16_t *)(const void *)(xb + i * ldx), k, y + i * ldy + n, 0);
        }
    }
}
