/*
 * The operand b of gemm_bf16.c in BF16 tiles: groups of 32 columns of the product, each (k / 32, 2 halves of 16 columns, a tile).
 *
 *   x: F32, ldx bytes from row to row; y: ldy = 2 * (k rounded up to 32) bytes per column. What fills up the last columns and k
 *   is zero; a second half without any column is left alone.
 *
 *   gemm_columns_bf16        x (k, columns)    right tiles: 16 pairs along k, 16 columns, 2
 *   gemm_left_columns_bf16   x (k, columns)    left tiles: 16 columns, 32 of k; turned over in registers
 *   gemm_left_rows_bf16      x (columns, k)    left tiles: pieces of x as they are
 * The fourth, right tiles of (columns, k), is quern_convert_f32_bf16_tiles.
 *
 * x comes from memory: its rows are read from end to end, two or 32 at a time; the next ones are fetched meanwhile.
 */
#include "quern.h"
#include "tiles.h"

enum { AHEAD = 8 }; /* rows */

/* Where the tile of column c (a multiple of 16) starts, k from p on. */
QUERN_INLINE uint8_t *tile_at(void *y, int64_t ldy, int64_t c, int64_t p) {
    return (uint8_t *)y + c / PAIR * PAIR * ldy + p / TILE_K * 2 * TILE_SIZE + c % PAIR / TILE * TILE_SIZE;
}

void QN(gemm_columns_bf16)(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t columns, int64_t k) {
    const int64_t ld = ldx / (int64_t)sizeof(float);
    for (int64_t p = 0; p < k; p += TILE_K) {
        for (int64_t j = 0; j < TILE; j++) {
            const int64_t q = p + 2 * j;
            const float *in = (const float *)x + q * ld;
            for (int64_t c = 0; c < columns; c += TILE) {
                const vf first = load_some(in + c, q < k ? columns - c : 0);
                const vf second = load_some(in + ld + c, q + 1 < k ? columns - c : 0);
                _mm_prefetch((const char *)(in + AHEAD * ld + c), _MM_HINT_T0);
                _mm_prefetch((const char *)(in + (AHEAD + 1) * ld + c), _MM_HINT_T0);
                _mm512_storeu_si512(tile_at(y, ldy, c, p) + j * TILE_BYTES, narrow_rows(first, second));
            }
        }
    }
}

void QN(gemm_left_columns_bf16)(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t columns, int64_t k) {
    const int64_t ld = ldx / (int64_t)sizeof(float);
    for (int64_t p = 0; p < k; p += TILE_K) {
        for (int64_t c = 0; c < columns; c += TILE) {
            vf t[TILE];
            for (int64_t j = 0; j < TILE; j++) {
                const int64_t q = p + 2 * j;
                const float *in = (const float *)x + q * ld + c;
                const vf first = load_some(in, q < k ? columns - c : 0);
                const vf second = load_some(in + ld, q + 1 < k ? columns - c : 0);
                _mm_prefetch((const char *)(in + TILE_K * ld), _MM_HINT_T1);
                _mm_prefetch((const char *)(in + (TILE_K + 1) * ld), _MM_HINT_T1);
                t[j] = _mm512_castsi512_ps(narrow_rows(first, second));
            }
            v_transpose(t);
            uint8_t *out = tile_at(y, ldy, c, p);
            for (int64_t j = 0; j < TILE; j++) {
                v_store((float *)(void *)(out + j * TILE_BYTES), t[j]);
            }
        }
    }
}

void QN(gemm_left_rows_bf16)(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t columns, int64_t k) {
    const int64_t ld = ldx / (int64_t)sizeof(float);
    for (int64_t c = 0; c < (columns + TILE - 1) / TILE * TILE; c++) {
        uint8_t *out = tile_at(y, ldy, c / TILE * TILE, 0) + c % TILE * TILE_BYTES;
        const float *in = (const float *)x + c * ld;
        for (int64_t p = 0; p < k; p += TILE_K, out += 2 * TILE_SIZE) {
            const int64_t n = c < columns ? k - p : 0;
            _mm512_storeu_si512(out, narrow_pair(load_some(in + p, n), load_some(in + p + VL, n - VL)));
        }
    }
}
