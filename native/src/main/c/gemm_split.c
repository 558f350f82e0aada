/*
 * y[i, n] = sum over p of a[i, p] * b[p, n],  n in [n0, n1): F32 by F32 with any strides of a, on BF16 tiles with the
 * accuracy of F32 (split_product.h); what gemm.c does, for matrices of some size.
 *
 *   a: (m, k), strides in elements; b: three BF16 terms in tiles, b_column bytes per column, from quern_gemm_columns_f32
 *   (rows of b contiguous) or quern_convert_f32_bf16x3_tiles (columns contiguous); n0: a multiple of 32; y: (m, N)
 *   row-major, ldy; scratch: quern_scratch_bytes(k), 64-byte aligned. gemm_bf16x3_f32_across stores y as (N, m).
 *
 * a is the left operand: its rows are tiles as they are stored. Rows that lie side by side (a is a transposed view: gradients of
 * weights) are read 16 elements at a time and turned over in tiles, anything else is gathered; all while the tiles multiply. b is
 * cut once per product.
 */
#include "dequant.h"
#include "quern.h"
#include "split_product.h"

QUERN_INLINE split_row cut_row(const uint8_t *in, int64_t step, int64_t n) {
    (void)step;
    const vf scale = v_set1(SPLIT_SCALE);
    const float *x = (const float *)(const void *)in;
    const vf b = n > VL ? v_load_upto(x + VL, n - VL) : v_zero();
    return split(3, 1, v_load_upto(x, n) * scale, b * scale);
}

static void load_row(const uint8_t *in, int64_t step, int64_t n, float *out) {
    (void)step;
    load_row_f32(in, 0, out, n);
}

/* 16 elements `step` bytes apart, zeros beyond n. */
QUERN_INLINE vf gather(const uint8_t *in, int64_t step, int64_t n) {
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i offsets = _mm512_mullo_epi32(lanes, _mm512_set1_epi32((int)step));
    const __mmask16 there = n >= VL ? 0xffff : n > 0 ? v_mask_n((int)n) : 0;
    return _mm512_mask_i32gather_ps(v_zero(), there, offsets, in, 1);
}

QUERN_INLINE split_row cut_apart(const uint8_t *in, int64_t step, int64_t n) {
    const vf scale = v_set1(SPLIT_SCALE);
    return split(3, 1, gather(in, step, n) * scale, gather(in + VL * step, step, n - VL) * scale);
}

static void load_apart(const uint8_t *in, int64_t step, int64_t n, float *out) {
    for (int64_t i = 0; i < n; i++) {
        memcpy(out + i, in + i * step, sizeof *out);
    }
}

/* across: y is stored as (N, m). */
static void gemm(int across, const split_product_args *args) {
    static const split_kind rows = {3, 3, TILE_K * 4, 1.0f / (SPLIT_SCALE * SPLIT_SCALE), cut_row, load_row};
    static const split_kind beside = {3, 3, 0, 1.0f / (SPLIT_SCALE * SPLIT_SCALE), NULL, load_apart};
    static const split_kind apart = {3, 3, 0, 1.0f / (SPLIT_SCALE * SPLIT_SCALE), cut_apart, load_apart};
    if (args->left.step == 4) {
        split_product(&rows, across, args);
    } else if (args->left.row == 4) {
        split_product(&beside, across, args);
    } else {
        split_product(&apart, across, args);
    }
}

#define GEMM(name, across)                                                                                                  \
    void QN(name)(const float *a, int64_t a_row, int64_t a_k, const void *b, int64_t b_k, int64_t b_column, float *y,       \
                  int64_t ldy, int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch) {                               \
        (void)b_k;                                                                                                          \
        const split_product_args args = {{(const uint8_t *)a, a_row * 4, a_k * 4}, (const uint8_t *)b + n0 * b_column,      \
                                         b_column, y + n0 * ((across) ? ldy : 1), ldy, n1 - n0, 0, m, k, scratch};          \
        gemm(across, &args);                                                                                                \
    }

GEMM(gemm_bf16x3_f32, 0)
GEMM(gemm_bf16x3_f32_across, 1)

/*
 * x (k, columns) F32, ldx bytes from row to row, to three terms in tiles: groups of 32 columns, each (k / 32, terms, 2
 * halves of 16 columns, 16 pairs, 16 columns). ldy: 6 * (k rounded up to 32) bytes per column. What fills up the last
 * columns and rows is zero; a right half without any column is left alone.
 */
void QN(gemm_columns_f32)(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t columns, int64_t k) {
    for (int64_t p = 0; p < k; p += TILE_K) {
        for (int64_t j = 0; j < TILE; j++) { /* two rows of x from end to end */
            const float *first = (const float *)(const void *)((const uint8_t *)x + (p + j) * ldx);
            const float *second = (const float *)(const void *)((const uint8_t *)x + (p + j + TILE) * ldx);
            uint8_t *out = (uint8_t *)y + p / TILE_K * 3 * 2 * TILE_SIZE + j * TILE_BYTES;
            for (int64_t c = 0; c < columns; c += TILE) {
                const vf a = p + j < k ? v_load_upto(first + c, columns - c) : v_zero();
                const vf b = p + j + TILE < k ? v_load_upto(second + c, columns - c) : v_zero();
                const split_row s = split_right(3, a, b);
                uint8_t *tile = out + c / PAIR * PAIR * ldy + c % PAIR / TILE * TILE_SIZE;
                for (int t = 0; t < 3; t++) {
                    _mm512_storeu_si512(tile + 2 * t * TILE_SIZE, s.term[t]);
                }
            }
        }
    }
}
