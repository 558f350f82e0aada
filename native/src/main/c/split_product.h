/*
 * The loops of split products: y[l, r] = sum over p of left[l, p] * right[p, r], l in [l0, l1), r in [0, m).
 *
 * Products of terms are added from the largest down to what is 2^-16 of it; what is left out is below 2^-25 |x| |w|, less
 * than the rounding of one F32 addition, and 32 products enter a sum between two such roundings.
 *
 *   left x right   products (h high, m middle, l low)    for
 *   3 x 3          hl hm hh lh mh mm                     F32 by F32
 *   2 x 2          hl hh lh                              F16 by F32 rounded to 17 bits
 *   2 x 3          hl hh hm lm lh                        F16 by F32
 *   1 x 3          hl hm hh                              BF16 by F32
 *
 * Neighbours in that order share an operand, so that only one pair of tiles is loaded for each four products: 14 loads
 * for 24 products of 3 x 3, where plain BF16 (matmul_tiles.c) has a load for each. Predicted from what the tiles reach
 * (2,500 GFLOP/s a core from registers, 1,600 with a load each from the second level): 250 to 350 GFLOP/s for F32, 400
 * to 600 for F16. Measured: 2,230 GFLOP/s of products in this loop alone, 370 and 720 of the user's; whole products:
 * quern.h.
 *
 * A left operand whose rows lie side by side, a transposed view, is cut in pairs along k and turned over tile by tile.
 *
 * Loops: left rows COLUMNS at a time; right columns by ROWS; k by PIECE: the left rows' piece is cut into tiles in
 * scratch; right columns by 32 (24 KiB of tiles in three terms, half the first level); left rows by 32. Sums of
 * unfinished k wait in scratch as tiles.
 *
 * An element's bits depend on its row, its column and k only.
 */
#ifndef QUERN_SPLIT_PRODUCT_H
#define QUERN_SPLIT_PRODUCT_H

#include "split.h"

enum {
    SPLIT_PIECE = 128,   /* k between two visits of the sums */
    SPLIT_COLUMNS = 256, /* left rows that share a visit of the right columns */
    SPLIT_ROWS = 512     /* right columns whose sums are in scratch at a time: 512 KiB */
};

enum { TERM = TILE_SIZE / (int)sizeof(uint16_t) }; /* elements of a tile */

/* The left operand: strides in bytes. */
typedef struct split_left {
    const uint8_t *at;
    int64_t row;
    int64_t step;
} split_left;

/* The terms of n elements from `in` on, `step` bytes apart, at most 32; what fills them up is zero. */
typedef split_row split_cut(const uint8_t *in, int64_t step, int64_t n);

/* n elements from `in` on to F32. */
typedef void split_load(const uint8_t *in, int64_t step, int64_t n, float *out);

/* What a product is made of; terms of the left and of the right operand. */
typedef struct split_kind {
    int left;
    int right;
    int width;   /* bytes of 32 elements of a left row, to be fetched ahead; 0 for none */
    float scale; /* of the sums */
    split_cut *cut; /* null for F32 rows side by side */
    split_load *load;
} split_kind;

/* Pairs of tiles that are loaded in one step along k. */
QUERN_INLINE int64_t split_loads(const split_kind *kind) {
    return kind->left == 3 ? 6 : kind->left == 1 || kind->right == 2 ? 3 : 5;
}

/* 32 left rows, k from p to p + n. */
typedef struct split_block {
    const uint8_t *at; /* null after the last */
    int64_t rows;      /* that exist */
    int64_t n;
} split_block;

/* What is done while the tiles multiply: the next block is cut, the one after it and right columns are fetched. */
typedef struct split_ahead {
    split_left left;   /* strides */
    split_block next;
    const uint8_t *after;
    uint16_t *tiles;   /* of the next block */
    int64_t row;       /* where cutting has come to: row and step */
    int64_t t;
    int64_t cuts;      /* how many to do at a time */
    const uint8_t *right;
    int64_t lines;     /* to be fetched from there */
    int64_t fetches;   /* how many at a time */
} split_ahead;

/* Transposes tiles of pairs, one for each term. */
static __attribute__((noinline)) void split_turn(uint16_t *tile, int terms) {
    for (int t = 0; t < terms; t++) {
        float *rows = (float *)(void *)(tile + t * TERM);
        vf turned[TILE];
        for (int i = 0; i < TILE; i++) {
            turned[i] = v_load(rows + i * TILE);
        }
        v_transpose(turned);
        for (int i = 0; i < TILE; i++) {
            v_store(rows + i * TILE, turned[i]);
        }
    }
}

/*
 * Rows side by side: one pair of k for 16 rows is a row of the tiles' transposes, which are turned over when all 16 pairs are
 * there. Pairs of a tile, tiles along k, then the lower rows.
 */
QUERN_INLINE void split_cut_beside(const split_kind *kind, split_ahead *a) {
    const int64_t half = a->row / TILE * TILE;
    const int64_t pair = a->row % TILE;
    const int64_t p = a->t * TILE_K + pair;
    const int64_t offset = half * a->left.row + p * a->left.step;
    const int64_t far = TILE * a->left.step;
    const int64_t width = a->next.rows - half;
    uint16_t *tile = a->tiles + (half / TILE * (SPLIT_PIECE / TILE_K) + a->t) * kind->left * TERM;
    vf first = v_zero();
    vf second = v_zero();
    if (width > 0 && p < a->next.n) {
        first = v_load_upto((const float *)(const void *)(a->next.at + offset), width);
        _mm_prefetch((const char *)a->after + offset, _MM_HINT_T1);
    }
    if (width > 0 && p + TILE < a->next.n) {
        second = v_load_upto((const float *)(const void *)(a->next.at + offset + far), width);
        _mm_prefetch((const char *)a->after + offset + far, _MM_HINT_T1);
    }
    const vf scale = v_set1(SPLIT_SCALE);
    const split_row s = split(kind->left, 1, first * scale, second * scale);
    for (int t = 0; t < kind->left; t++) {
        _mm512_store_si512(tile + t * TERM + pair * TILE_K, s.term[t]);
    }
    a->row++;
    if (pair < TILE - 1) {
        return;
    }
    split_turn(tile, kind->left);
    if ((a->t + 1) * TILE_K < a->next.n) {
        a->t++;
        a->row = half;
    } else {
        a->t = 0;
    }
}

QUERN_INLINE void split_cut_next(const split_kind *kind, split_ahead *a) {
    if (!kind->cut) {
        split_cut_beside(kind, a);
        return;
    }
    const int64_t r = a->row;
    const int64_t done = a->t * TILE_K;
    const int64_t offset = r * a->left.row + done * a->left.step;
    uint16_t *out = a->tiles + (r / TILE * (SPLIT_PIECE / TILE_K) + a->t) * kind->left * TERM + r % TILE * TILE_K;
    split_row s = {{_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()}};
    if (r < a->next.rows) {
        s = kind->cut(a->next.at + offset, a->left.step, a->next.n - done);
        for (int64_t line = 0; line < kind->width; line += 64) {
            _mm_prefetch((const char *)a->after + offset + line, _MM_HINT_T1);
        }
    }
#pragma GCC unroll 3
    for (int t = 0; t < kind->left; t++) {
        _mm512_store_si512(out + t * TERM, s.term[t]);
    }
    if (done + TILE_K < a->next.n) {
        a->t++;
    } else {
        a->t = 0;
        a->row++;
    }
}

QUERN_INLINE void split_meanwhile(const split_kind *kind, split_ahead *a) {
    for (int64_t i = 0; i < a->cuts && a->row < PAIR; i++) {
        split_cut_next(kind, a);
    }
    for (int64_t i = 0; i < a->fetches && a->lines > 0; i++, a->lines--, a->right += 64) {
        _mm_prefetch((const char *)a->right, _MM_HINT_T1);
    }
}

/* A new right tile pair, and a new left one, multiplied with what is loaded. */
#define SPLIT_RIGHT(term)                                                       \
    _tile_loadd(6, right + (term) * 2 * TILE_SIZE, TILE_BYTES);                 \
    _tile_dpbf16ps(0, 4, 6);                                                    \
    _tile_dpbf16ps(2, 5, 6);                                                    \
    if (both) {                                                                 \
        _tile_loadd(7, right + (term) * 2 * TILE_SIZE + TILE_SIZE, TILE_BYTES); \
        _tile_dpbf16ps(1, 4, 7);                                                \
        _tile_dpbf16ps(3, 5, 7);                                                \
    }                                                                           \
    split_meanwhile(kind, ahead);
#define SPLIT_LEFT(term)                                                        \
    _tile_loadd(4, left + (term) * TERM, TILE_BYTES);                           \
    _tile_dpbf16ps(0, 4, 6);                                                    \
    if (both) {                                                                 \
        _tile_dpbf16ps(1, 4, 7);                                                \
    }                                                                           \
    _tile_loadd(5, lower + (term) * TERM, TILE_BYTES);                          \
    _tile_dpbf16ps(2, 5, 6);                                                    \
    if (both) {                                                                 \
        _tile_dpbf16ps(3, 5, 7);                                                \
    }                                                                           \
    split_meanwhile(kind, ahead);
#define SPLIT_BOTH(left_term, right_term)                                                 \
    _tile_loadd(6, right + (right_term) * 2 * TILE_SIZE, TILE_BYTES);                     \
    if (both) {                                                                           \
        _tile_loadd(7, right + (right_term) * 2 * TILE_SIZE + TILE_SIZE, TILE_BYTES);     \
    }                                                                                     \
    SPLIT_LEFT(left_term)

/* sums (4 tiles) += 32 left rows times up to 32 right columns, over `steps` tiles along k. */
QUERN_INLINE void split_multiply(const split_kind *kind, const int both, const uint16_t *left, const uint8_t *right,
                                 float *sums, int64_t steps, int first, split_ahead *ahead) {
    const uint16_t *lower = left + SPLIT_PIECE / TILE_K * kind->left * TERM;
    fence();
    if (first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, sums, TILE_BYTES);
        _tile_loadd(1, sums + 256, TILE_BYTES);
        _tile_loadd(2, sums + 512, TILE_BYTES);
        _tile_loadd(3, sums + 768, TILE_BYTES);
    }
    for (int64_t t = 0; t < steps; t++) {
        if (kind->left == 3) {
            SPLIT_BOTH(0, 2)
            SPLIT_RIGHT(1)
            SPLIT_RIGHT(0)
            SPLIT_LEFT(2)
            SPLIT_LEFT(1)
            SPLIT_RIGHT(1)
        } else if (kind->left == 1) {
            SPLIT_BOTH(0, 2)
            SPLIT_RIGHT(1)
            SPLIT_RIGHT(0)
        } else if (kind->right == 3) {
            SPLIT_BOTH(0, 2)
            SPLIT_RIGHT(0)
            SPLIT_RIGHT(1)
            SPLIT_LEFT(1)
            SPLIT_RIGHT(0)
        } else {
            SPLIT_BOTH(0, 1)
            SPLIT_RIGHT(0)
            SPLIT_LEFT(1)
        }
        left += kind->left * TERM;
        lower += kind->left * TERM;
        right += (int64_t)kind->right * 2 * TILE_SIZE;
    }
    _tile_stored(0, sums, TILE_BYTES);
    _tile_stored(1, sums + 256, TILE_BYTES);
    _tile_stored(2, sums + 512, TILE_BYTES);
    _tile_stored(3, sums + 768, TILE_BYTES);
    fence();
}

/* sum over p of left[r, p] * column[p] in F32 FMA; lanes run along k, two chains. column: k rounded up to 32. */
QUERN_INLINE float split_dot(const split_kind *kind, const split_left *left, int64_t r, const float *column, int64_t k) {
    float piece[SPLIT_PIECE] __attribute__((aligned(64)));
    vf even = v_zero();
    vf odd = v_zero();
    for (int64_t p = 0; p < k; p += SPLIT_PIECE) {
        const int64_t n = k - p < SPLIT_PIECE ? k - p : SPLIT_PIECE;
        kind->load(left->at + r * left->row + p * left->step, left->step, n, piece);
        for (int64_t q = 0; q < n; q += 2 * VL) {
            even = v_fma(v_load_upto(piece + q, n - q), v_load_upto(column + p + q, n - q), even);
            if (n - q > VL) {
                odd = v_fma(v_load_upto(piece + q + VL, n - q - VL), v_load_upto(column + p + q + VL, n - q - VL), odd);
            }
        }
    }
    return v_sum(even + odd);
}

/*
 * Computes those elements of a finished tile again that are infinite or NaN. r: left row of the tile's first row; group
 * and column: the right operand's, of the tile's first column; numbers: k rounded up to 32 floats.
 */
QUERN_INLINE void split_repair(const split_kind *kind, float *tile, const split_left *left, int64_t r, int64_t rows,
                               const uint8_t *group, int64_t column, int64_t columns, int64_t k, float *numbers) {
    for (int64_t c = 0; c < TILE && c < columns; c++) {
        int read = 0;
        for (int64_t i = 0; i < TILE && i < rows; i++) {
            float *y = tile + i * TILE + c;
            if ((f32_to_bits(*y) & 0x7f800000u) == 0x7f800000u) {
                if (!read) {
                    split_read(kind->right, group, column + c, (k + TILE_K - 1) / TILE_K, numbers);
                    read = 1;
                }
                *y = split_dot(kind, left, r + i, numbers, k);
            }
        }
    }
}

/* What is the same for all tiles of a product. */
typedef struct split_product_args {
    split_left left;
    const uint8_t *right; /* ldr bytes per column */
    int64_t ldr;
    float *y;             /* at left row 0, right column 0 */
    int64_t ldy;
    int64_t m;            /* right columns */
    int64_t l0;
    int64_t l1;
    int64_t k;
    uint8_t *scratch;     /* quern_scratch_bytes(k) */
} split_product_args;

/* A tile of sums to y. across: y is stored as (right, left). */
QUERN_INLINE void split_store(const split_kind *kind, const int across, const split_product_args *a, float *tile, int64_t r,
                              int64_t column, float *numbers) {
    const int64_t rows = a->l1 - r;
    const int64_t columns = a->m - column;
    if (rows <= 0 || columns <= 0) {
        return;
    }
    vf t[TILE];
    __mmask16 special = 0;
    const vf scale = v_set1(kind->scale);
    for (int i = 0; i < TILE; i++) {
        t[i] = v_load(tile + i * TILE) * scale;
        special |= _mm512_fpclass_ps_mask(t[i], 0x99); /* quiet and signalling NaN, infinities */
    }
    if (__builtin_expect(special, 0)) {
        for (int i = 0; i < TILE; i++) {
            v_store(tile + i * TILE, t[i]);
        }
        split_repair(kind, tile, &a->left, r, rows, a->right + column / PAIR * PAIR * a->ldr, column % PAIR, columns, a->k,
                     numbers);
        for (int i = 0; i < TILE; i++) {
            t[i] = v_load(tile + i * TILE);
        }
    }
    float *y = a->y + (across ? column * a->ldy + r : r * a->ldy + column);
    const int64_t vectors = across ? columns : rows;
    const int64_t width = across ? rows : columns;
    if (across) {
        v_transpose(t);
    }
    if (vectors >= TILE && width >= TILE) {
        for (int i = 0; i < TILE; i++) {
            v_store(y + i * a->ldy, t[i]);
        }
    } else {
        for (int i = 0; i < TILE && i < vectors; i++) {
            v_store_upto(y + i * a->ldy, t[i], width);
        }
    }
}

/* Where the loops are: left rows by COLUMNS from l, right columns by ROWS from i, k by PIECE from p, and 32 rows from g. */
typedef struct split_place {
    int64_t l;
    int64_t i;
    int64_t p;
    int64_t g;
} split_place;

QUERN_INLINE int64_t split_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* The next place; l is l1 after the last one. */
QUERN_INLINE split_place split_step(const split_product_args *a, split_place at) {
    at.g += PAIR;
    if (at.g < split_least(a->l1 - at.l, SPLIT_COLUMNS)) {
        return at;
    }
    at.g = 0;
    at.p += SPLIT_PIECE;
    if (at.p < a->k) {
        return at;
    }
    at.p = 0;
    at.i += SPLIT_ROWS;
    if (at.i < a->m) {
        return at;
    }
    at.i = 0;
    at.l = split_least(at.l + SPLIT_COLUMNS, a->l1);
    return at;
}

QUERN_INLINE split_block split_block_at(const split_product_args *a, split_place at) {
    const int64_t r = at.l + at.g;
    return (split_block){a->left.at + r * a->left.row + at.p * a->left.step, split_least(a->l1 - r, PAIR),
                         split_least(a->k - at.p, SPLIT_PIECE)};
}

/* 32 left rows, whose tiles are given, times the right columns at one place. */
QUERN_INLINE void split_visit(const split_kind *kind, const int across, const split_product_args *a, split_place at,
                              split_place next, const uint16_t *tiles, uint16_t *next_tiles, float *sums, float *numbers) {
    const int64_t columns = split_least(a->m - at.i, SPLIT_ROWS);
    const int64_t n = split_least(a->k - at.p, SPLIT_PIECE);
    const int64_t steps = (n + TILE_K - 1) / TILE_K;
    const int64_t step_bytes = (int64_t)kind->right * 2 * TILE_SIZE;
    const int64_t blocks = (split_least(a->l1 - at.l, SPLIT_COLUMNS) + PAIR - 1) / PAIR;
    const int64_t loads = split_loads(kind) * steps;
    const int64_t times = (columns + PAIR - 1) / PAIR * loads;
    split_ahead ahead = {.left = a->left, .tiles = next_tiles, .row = PAIR};
    if (next.l < a->l1) {
        ahead.next = split_block_at(a, next);
        ahead.after = split_block_at(a, split_step(a, next)).at;
        ahead.row = 0;
        ahead.cuts = (PAIR * ((ahead.next.n + TILE_K - 1) / TILE_K) + times - 1) / times;
    }
    /* The right columns' next piece is fetched by all blocks, each its share. */
    const int last = at.p + n == a->k;
    const int64_t following = last ? 0 : split_least(a->k - at.p - n, SPLIT_PIECE);
    const int64_t lines = (following + TILE_K - 1) / TILE_K * step_bytes / 64 / blocks;
    ahead.fetches = (lines + loads - 1) / loads;
    const uint8_t *right = a->right + at.i * a->ldr + at.p / TILE_K * step_bytes;
    for (int64_t i = 0; i < columns; i += PAIR, right += PAIR * a->ldr) {
        float *sum = sums + (at.g / PAIR * (SPLIT_ROWS / PAIR) + i / PAIR) * 4 * TILE * TILE;
        ahead.right = right + steps * step_bytes + at.g / PAIR * lines * 64;
        ahead.lines = lines;
        if (columns - i > TILE) {
            split_multiply(kind, 1, tiles, right, sum, steps, at.p == 0, &ahead);
        } else {
            split_multiply(kind, 0, tiles, right, sum, steps, at.p == 0, &ahead);
        }
        if (last) {
            const int64_t r = at.l + at.g;
            split_store(kind, across, a, sum, r, at.i + i, numbers);
            split_store(kind, across, a, sum + 256, r, at.i + i + TILE, numbers);
            split_store(kind, across, a, sum + 512, r + TILE, at.i + i, numbers);
            split_store(kind, across, a, sum + 768, r + TILE, at.i + i + TILE, numbers);
        }
    }
    while (ahead.row < PAIR) {
        split_cut_next(kind, &ahead);
    }
}

QUERN_INLINE void split_zero(const int across, const split_product_args *a) {
    const int64_t rows = across ? a->m : a->l1 - a->l0;
    const int64_t columns = across ? a->l1 - a->l0 : a->m;
    for (int64_t i = 0; i < rows; i++) {
        memset(a->y + (across ? i * a->ldy + a->l0 : (a->l0 + i) * a->ldy), 0, (size_t)columns * sizeof *a->y);
    }
}

QUERN_INLINE void split_product(const split_kind *kind, const int across, const split_product_args *a) {
    const int64_t block = PAIR * SPLIT_PIECE * kind->left;
    uint16_t *tiles = (uint16_t *)(void *)a->scratch;                                     /* 2 x (PAIR, PIECE, terms) */
    float *sums = (float *)(void *)(a->scratch + 2 * PAIR * SPLIT_PIECE * 3 * (int64_t)sizeof *tiles); /* (COLUMNS, ROWS) */
    float *numbers = sums + (int64_t)SPLIT_COLUMNS * SPLIT_ROWS;                          /* (k rounded up to 32) */
    if (a->k == 0 || a->m == 0) {
        split_zero(across, a);
        return;
    }
    configure();
    split_place at = {a->l0, 0, 0, 0};
    split_ahead first = {.left = a->left, .next = split_block_at(a, at), .tiles = tiles};
    first.after = first.next.at;
    while (first.row < PAIR) {
        split_cut_next(kind, &first);
    }
    for (int64_t turn = 0; at.l < a->l1; turn ^= 1) {
        const split_place next = split_step(a, at);
        split_visit(kind, across, a, at, next, tiles + turn * block, tiles + (turn ^ 1) * block, sums, numbers);
        at = next;
    }
    _tile_release();
}

#endif
