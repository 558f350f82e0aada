/*
 * y[i, n] = sum over p of x[i, p] * w[n, p],  n in [n0, n1): F32 and 16-bit weights on BF16 tiles with the accuracy of
 * F32 (split_product.h), for many rows.
 *
 *   x: terms of F32 activations in tiles, from quern_convert_f32_bf16x2_tiles (rounded to 17 bits) or
 *   ..._bf16x3_tiles (exact), starting at a multiple of 32 rows; w: (N, k), ldw bytes per row, at row 0; y: (m, N) F32,
 *   ldy floats. scratch: quern_scratch_bytes(k), 64-byte aligned.
 *
 * The weights are the left operand: their rows are tiles as they are stored, and only activations, converted once per
 * product, and results are transposed.
 */
#include "dequant.h"
#include "quern.h"
#include "split_product.h"

/* 32 floats, zeros beyond n. */
QUERN_INLINE split_row cut_f32(const uint8_t *in, int64_t step, int64_t n) {
    (void)step;
    const vf scale = v_set1(SPLIT_SCALE);
    const float *x = (const float *)(const void *)in;
    if (__builtin_expect(n >= TILE_K, 1)) {
        return split(3, 1, v_load(x) * scale, v_load(x + VL) * scale);
    }
    const vf b = n > VL ? v_load_upto(x + VL, n - VL) : v_zero();
    return split(3, 1, v_load_upto(x, n) * scale, b * scale);
}

QUERN_INLINE __m512i load_halves(const uint8_t *in, int64_t n) {
    return n >= TILE_K ? _mm512_loadu_si512(in) : _mm512_maskz_loadu_epi16((1u << n) - 1u, in);
}

QUERN_INLINE split_row cut_f16(const uint8_t *in, int64_t step, int64_t n) {
    (void)step;
    const __m512i halves = load_halves(in, n);
    const vf a = _mm512_cvtph_ps(_mm512_castsi512_si256(halves));
    const vf b = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1));
    return split(2, 1, a, b);
}

QUERN_INLINE split_row cut_bf16(const uint8_t *in, int64_t step, int64_t n) {
    (void)step;
    const vf scale = v_set1(SPLIT_SCALE);
    const __m512i halves = load_halves(in, n);
    const __m512i a = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(halves)), 16);
    const __m512i b = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(halves, 1)), 16);
    return split(1, 1, _mm512_castsi512_ps(a) * scale, _mm512_castsi512_ps(b) * scale);
}

#define LOAD(format)                                                                              \
    static void load_##format(const uint8_t *in, int64_t step, int64_t n, float *out) {           \
        (void)step;                                                                               \
        load_row_##format(in, 0, out, n);                                                         \
    }
LOAD(f32)
LOAD(f16)
LOAD(bf16)

/* left_scale: what the cut multiplies weights by. */
#define WEIGHTS(format, width, left, right, left_scale)                                                                     \
    void QN(matmul_bf16x##right##_##format)(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y,         \
                                            int64_t ldy, int64_t m, int64_t n0, int64_t n1, int64_t k,                \
                                            void *scratch) {                                                          \
        static const split_kind kind = {left, right, TILE_K * (width), 1.0f / (SPLIT_SCALE * (left_scale)), cut_##format, load_##format}; \
        const split_product_args a = {{w, ldw, width}, x, ldx, y, ldy, m, n0, n1, k, scratch};                            \
        split_product(&kind, 1, &a);                                                                                  \
    }

WEIGHTS(f32, 4, 3, 3, SPLIT_SCALE)
WEIGHTS(f16, 2, 2, 2, 1.0f)
WEIGHTS(f16, 2, 2, 3, 1.0f)
WEIGHTS(bf16, 2, 1, 3, SPLIT_SCALE)

/*
 * x (rows, k) F32 to terms in tiles: groups of 32 rows, each (k / 32, terms, 2 halves of 16 rows, 16 pairs, 16 rows).
 * ldy: 2 * terms * (k rounded up to 32) bytes per row. What fills up the last rows and columns is zero; a right half
 * without any row is left alone.
 */
#define TILES(terms)                                                                                                  \
    void QN(convert_f32_bf16x##terms##_tiles)(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t rows, int64_t k) { \
        for (int64_t r = 0; r < rows; r += TILE) {                                                                    \
            const uint8_t *in = (const uint8_t *)x + r * ldx;                                                         \
            uint8_t *out = (uint8_t *)y + r / PAIR * PAIR * ldy + r % PAIR / TILE * TILE_SIZE;                        \
            for (int64_t p = 0; p < k; p += TILE_K, out += (terms) * 2 * TILE_SIZE) {                                 \
                split_columns(terms, in, ldx, rows - r, p, k - p, out);                                               \
            }                                                                                                         \
        }                                                                                                             \
    }
TILES(2)
TILES(3)
