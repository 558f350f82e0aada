/*
 * What a pair of tiles times a pair of tiles is without AMX: AVX-512's BF16 dot products (vdpbf16ps, which like tdpbf16ps counts
 * denormals as zero), on operands in the order of tiles.
 *
 * A row of the right operand's tile is a vector: a pair along k of 16 columns. The left operand's pairs are broadcast from where its
 * rows lie. Registers hold ROWS x 2 sums (16, and 2 + 1 operands), all of a call's k long: 10 loads feed 16 products, and two of each
 * go per cycle on a Zen 5. With a single right tile there are 16 x 1: as many chains, which hide the products' latency.
 */
#ifndef QUERN_TILE_DOTS_H
#define QUERN_TILE_DOTS_H

#include "tiles.h"

/* Rows of a left operand: where row r of 32 starts, as 16 and 16 rows `ld` apart, and from one tile along k to the next. */
typedef struct left_rows {
    const uint8_t *upper;
    const uint8_t *lower;
    int64_t ld;
    int64_t step;
} left_rows;

QUERN_INLINE __m512bh pair_everywhere(const uint8_t *pair) {
    int32_t bits;
    memcpy(&bits, pair, sizeof bits);
    return (__m512bh)_mm512_set1_epi32(bits);
}

/* sums + 16 j + 256 h (+)= `rows` left rows times the right tiles h < tiles, which are TILE_SIZE apart. */
QUERN_INLINE void dot_rows(const int rows, const int tiles, const uint8_t *left, int64_t ld, int64_t left_step,
                           const uint8_t *right, int64_t steps, float *sums, int first) {
    vf acc[TILE][2];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
        for (int h = 0; h < tiles; h++) {
            acc[i][h] = first ? v_zero() : v_load(sums + i * TILE + h * 256);
        }
    }
    for (int64_t t = 0; t < steps; t++, left += left_step, right += 2 * TILE_SIZE) {
        for (int p = 0; p < TILE; p++) {
            __m512bh b[2];
#pragma GCC unroll 2
            for (int h = 0; h < tiles; h++) {
                b[h] = (__m512bh)_mm512_load_si512(right + h * TILE_SIZE + p * TILE_BYTES);
            }
#pragma GCC unroll 16
            for (int i = 0; i < rows; i++) {
                const __m512bh a = pair_everywhere(left + i * ld + p * 4);
#pragma GCC unroll 2
                for (int h = 0; h < tiles; h++) {
                    acc[i][h] = _mm512_dpbf16_ps(acc[i][h], a, b[h]);
                }
            }
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
        for (int h = 0; h < tiles; h++) {
            v_store(sums + i * TILE + h * 256, acc[i][h]);
        }
    }
}

/* sums (4 tiles: left operand's upper and lower, right one's left and right) (+)= left times right; both: whether there is a right tile. */
QUERN_INLINE void dot_tiles(const left_rows *left, const uint8_t *right, int64_t steps, float *sums, int first, int both) {
    for (int half = 0; half < 2; half++) {
        const uint8_t *rows = half ? left->lower : left->upper;
        float *sum = sums + half * 512;
        if (both) {
            dot_rows(8, 2, rows, left->ld, left->step, right, steps, sum, first);
            dot_rows(8, 2, rows + 8 * left->ld, left->ld, left->step, right, steps, sum + 8 * TILE, first);
        } else {
            dot_rows(16, 1, rows, left->ld, left->step, right, steps, sum, first);
        }
    }
}

#endif
