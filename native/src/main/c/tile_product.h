/*
 * Where the products of matmul_tiles.c and tile_stored.h leave their sums: as rows of F32 or BF16, or through a gate as
 * BF16 in the order of tiles. Sums are transposes, because weights are the left operand: a tile is (16 columns, 16 rows of y).
 */
#ifndef QUERN_TILE_PRODUCT_H
#define QUERN_TILE_PRODUCT_H

#include "quern.h"
#include "tiles.h"
#include "vmath.h"

/*
 * Rows of weights in groups of 32, two tiles: `upper` and `lower` are the tiles' first rows in the first group, `group`
 * the rows from one group to the next: 32, or 16 if each half comes from a matrix of its own.
 */
typedef struct weights {
    const uint8_t *upper;
    const uint8_t *lower;
    int64_t ld;
    int64_t group;
    int64_t columns; /* of y: rows that there are */
} weights;

/* Row r of the groups, or null beyond the last. */
QUERN_INLINE const uint8_t *weight_row(const weights *w, int64_t r) {
    const int64_t at = r / PAIR * w->group + r % TILE;
    const int lower = r % PAIR >= TILE;
    const int64_t column = at + lower * (w->group - TILE);
    return column < w->columns ? (lower ? w->lower : w->upper) + at * w->ld : NULL;
}

/* From column n on, and `bytes` into each row. */
QUERN_INLINE weights weights_at(const weights *w, int64_t n, int64_t columns, int64_t bytes) {
    const int64_t skip = n * w->ld + bytes;
    return (weights){w->upper + skip, w->lower + skip, w->ld, w->group, columns};
}

/* Groups for so many columns: in two matrices always an even number, 32 columns. */
QUERN_INLINE int64_t group_count(const weights *w, int64_t columns) {
    return (columns + PAIR - 1) / PAIR * (PAIR / w->group);
}

/* The BF16 of two columns side by side: even in the lower halves of the lanes. */
QUERN_INLINE vf narrow_columns(vf even, vf odd) {
    const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even));
    const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd));
    return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

/* y (rows, columns), both at most 16, from its transpose in a tile. */
QUERN_INLINE void store_tile(const float *tile, float *y, int64_t ldy, int64_t rows, int64_t columns) {
    if (columns <= 0) {
        return;
    }
    vf t[TILE];
    for (int i = 0; i < TILE; i++) {
        t[i] = v_load(tile + i * TILE);
    }
    v_transpose(t);
    if (rows >= TILE && columns >= TILE) {
        for (int i = 0; i < TILE; i++) {
            v_store(y + i * ldy, t[i]);
        }
    } else {
        for (int i = 0; i < TILE && i < rows; i++) {
            v_store_upto(y + i * ldy, t[i], columns);
        }
    }
}

/*
 * y (rows at most 16, columns at most 32) in BF16 from the tiles of its first and its last 16 columns: pairs of columns
 * are narrowed first, so that one transposition does for both.
 */
QUERN_INLINE void store_narrow(const float *left, const float *right, uint8_t *y, int64_t ldy, int64_t rows, int64_t columns) {
    vf t[TILE];
    for (int i = 0; i < TILE; i++) {
        const float *pair = (i < TILE / 2 ? left : right) + i % (TILE / 2) * 2 * TILE;
        t[i] = narrow_columns(v_load(pair), v_load(pair + TILE));
    }
    v_transpose(t);
    const __mmask32 mask = columns >= PAIR ? 0xffffffffu : (1u << columns) - 1u;
    for (int i = 0; i < TILE && i < rows; i++) {
        _mm512_mask_storeu_epi16(y + i * ldy, mask, _mm512_castps_si512(t[i]));
    }
}

/* f of QUERN_GATE_... */
QUERN_INLINE vf gate_of(vf x, int64_t gate) {
    return gate == QUERN_GATE_SILU ? v_silu(x) : gate == QUERN_GATE_GELU_TANH ? v_gelu_tanh(x) : v_gelu_erf(x);
}

/* Half a tile of activations (8 pairs along k, 16 rows, 2), from the tiles of both factors (16 columns, 16 rows). */
QUERN_INLINE void store_gated(const float *gate, const float *up, uint8_t *tile, int64_t kind) {
    for (int j = 0; j < TILE; j += 2) {
        const vf even = gate_of(v_load(gate + j * TILE), kind) * v_load(up + j * TILE);
        const vf odd = gate_of(v_load(gate + (j + 1) * TILE), kind) * v_load(up + (j + 1) * TILE);
        v_store((float *)(void *)(tile + j / 2 * TILE_BYTES), narrow_columns(even, odd));
    }
}

enum { RESULT_ROWS = 0, RESULT_BF16_ROWS = -1 };

/* Where results go: rows of F32 or BF16, or (kind > 0, a gate) BF16 tiles. At the first row and column of what is computed. */
typedef struct results {
    uint8_t *y;
    int64_t ld; /* bytes */
    int64_t kind;
} results;

/* Bytes from column to column; in tiles of 32 columns' share. */
QUERN_INLINE int64_t result_bytes(const results *y) {
    return y->kind > 0 ? 2 * TILE_SIZE / PAIR : y->kind == RESULT_BF16_ROWS ? (int64_t)sizeof(uint16_t) : (int64_t)sizeof(float);
}

/* In how many parts a group's sums are stored. */
QUERN_INLINE int64_t store_parts(const results *out) { return out->kind == RESULT_ROWS ? 4 : 2; }

/*
 * A part of the sums of a group of 32 weight rows (4 tiles: left operand's upper and lower, right one's left and right) to rows i
 * and following. g: which group from `out` on; columns: that there are from there on.
 */
QUERN_INLINE void store_part(const float *sum, const results *out, int64_t i, int64_t rows, int64_t g, int64_t columns,
                             int64_t part) {
    const int64_t left = columns - g * PAIR;
    const int64_t below = part % 2 * TILE; /* rows 16 to 31 */
    const float *tile = sum + part * TILE * TILE;
    uint8_t *y = out->y + (i + below) * out->ld;
    if (rows <= below || (out->kind <= 0 && left <= 0)) {
        return;
    }
    if (out->kind > 0) {
        uint8_t *to = out->y + i * out->ld + g / 2 * 2 * TILE_SIZE + g % 2 * (TILE_SIZE / 2) + part * TILE_SIZE;
        store_gated(tile, tile + 512, to, out->kind);
    } else if (out->kind == RESULT_BF16_ROWS) {
        store_narrow(tile, tile + 512, y + g * PAIR * (int64_t)sizeof(uint16_t), out->ld, rows - below, left);
    } else {
        const int64_t right = part / 2 * TILE; /* columns 16 to 31 */
        float *to = (float *)(void *)y + g * PAIR + right;
        store_tile(tile, to, out->ld / (int64_t)sizeof(float), rows - below, left - right);
    }
}

/* All parts. */
QUERN_INLINE void store_group(const float *sum, const results *out, int64_t i, int64_t rows, int64_t g, int64_t columns) {
    for (int64_t part = 0; part < store_parts(out); part++) {
        store_part(sum, out, i, rows, g, columns, part);
    }
}

#endif
