/*
 * y[i, n] = sum over p of x[i, p] * w[n, p] for BF16 weights and up to some hundred rows, with the weights' tiles loaded
 * from where they are stored. Operands as in matmul_tiles.c, whose bits these are.
 *
 * A left operand's tile is 16 pieces of 64 bytes, one from each of 16 rows, so a tile load gathers it and nothing is
 * unpacked. The rows are 32 streams that the hardware's prefetcher follows by itself: fetching ahead by hand, to either
 * level, from the same rows or from the next ones, costs a tenth to a quarter (32 rows: 720 GFLOP/s without, 540 to 646
 * with).
 *
 * Loops: weight rows by 32; activation rows by 32; all of k, so that sums never leave their tiles. Activations come from
 * the second-level cache and must fit there beside the weights. Steps are pipelined: the next tiles are loaded between
 * the products of these, each as soon as its register is free (5 to 12% faster than loads first).
 *
 * One core, 2048 x 2048, weights in the third level, GFLOP/s, this way and unpacked: 8 rows 199, 112; 32 rows 781, 353;
 * 64 rows 985, 643; 128 rows 1,119, 797; 256 rows 1,097, 959; 512 rows, where activations no longer fit, 1,010, 1,060; with
 * k = 8192 and 512 rows 640, 1,000. Rows that start in the middle of a cache line: 628 at 32 rows.
 */
#ifndef QUERN_TILE_STORED_H
#define QUERN_TILE_STORED_H

#include "tile_dots.h"
#include "tile_product.h"

enum { STORED_ELEMENTS = 512 * 1024 }; /* of activations: half of a 2 MiB second-level cache */

QUERN_INLINE int stored_pays(int64_t m, int64_t k) { return (m + PAIR - 1) / PAIR * PAIR * k <= STORED_ELEMENTS; }

/* A group of weights, all of k. A tile that lacks rows is configured so; one without any repeats the upper one. */
typedef struct stored_group {
    const uint8_t *upper;
    const uint8_t *lower;
    int64_t ld;
    int64_t upper_rows;
    int64_t lower_rows;
    int64_t steps;                                             /* whole tiles along k */
    int64_t rest;                                              /* elements beyond */
    uint8_t rest_tiles[2 * TILE_SIZE] __attribute__((aligned(64))); /* what fills them up is zero */
} stored_group;

/* The rest of k is copied, because a tile may not read past a row. */
static void stored_rest(stored_group *g) {
    const __mmask32 mask = (1u << g->rest) - 1u;
    const int64_t at = g->steps * TILE_BYTES;
    for (int64_t r = 0; r < TILE; r++) {
        const __mmask32 upper = r < g->upper_rows ? mask : 0;
        const __mmask32 lower = r < g->lower_rows ? mask : 0;
        uint8_t *to = g->rest_tiles + r * TILE_BYTES;
        _mm512_store_si512(to, _mm512_maskz_loadu_epi16(upper, g->upper + r * g->ld + at));
        _mm512_store_si512(to + TILE_SIZE, _mm512_maskz_loadu_epi16(lower, g->lower + r * g->ld + at));
    }
}

QUERN_INLINE int64_t stored_rows(int64_t rows) { return rows < TILE ? rows : TILE; }

/* The group that starts at weight row n. */
QUERN_INLINE void stored_at(const weights *w, int64_t n, int64_t k, stored_group *g) {
    const int64_t rows = w->columns - n;
    const int64_t below = rows - (w->group - TILE);
    g->upper = w->upper + n * w->ld;
    g->lower = below > 0 ? w->lower + n * w->ld : g->upper;
    g->ld = w->ld;
    g->upper_rows = stored_rows(rows);
    g->lower_rows = stored_rows(below > 0 ? below : rows);
    g->steps = k / TILE_K;
    g->rest = k % TILE_K;
    if (g->rest) {
        stored_rest(g);
    }
}

#if defined(QUERN_TIER_AMX)

#define STORED_UPPER(t) _tile_loadd(4, g->upper + (t) * TILE_BYTES, g->ld);
#define STORED_LOWER(t) _tile_loadd(5, g->lower + (t) * TILE_BYTES, g->ld);
#define STORED_LEFT(t) _tile_loadd(6, x + (t) * 2 * TILE_SIZE, TILE_BYTES);
#define STORED_RIGHT(t)                                                \
    if (both) {                                                        \
        _tile_loadd(7, x + (t) * 2 * TILE_SIZE + TILE_SIZE, TILE_BYTES); \
    }

/* The products of what is loaded; `load_...`: what is loaded for the next ones meanwhile. */
#define STORED_PRODUCTS(load_upper, load_left, load_last) \
    _tile_dpbf16ps(0, 4, 6);                              \
    if (both) {                                           \
        _tile_dpbf16ps(1, 4, 7);                          \
    }                                                     \
    load_upper                                            \
    _tile_dpbf16ps(2, 5, 6);                              \
    load_left                                             \
    if (both) {                                           \
        _tile_dpbf16ps(3, 5, 7);                          \
    }                                                     \
    load_last

/* sums (4 tiles) = a group of weights times up to 32 rows of x. */
QUERN_INLINE void stored_multiply(const int both, const stored_group *g, const uint8_t *x, float *sums) {
    fence();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    if (g->steps > 0) {
        STORED_UPPER(0)
        STORED_LOWER(0)
        STORED_LEFT(0)
        STORED_RIGHT(0)
        for (int64_t t = 1; t < g->steps; t++) {
            STORED_PRODUCTS(STORED_UPPER(t), STORED_LEFT(t), STORED_LOWER(t) STORED_RIGHT(t))
        }
        STORED_PRODUCTS(, , )
    }
    if (g->rest) {
        _tile_loadd(4, g->rest_tiles, TILE_BYTES);
        _tile_loadd(5, g->rest_tiles + TILE_SIZE, TILE_BYTES);
        STORED_LEFT(g->steps)
        STORED_RIGHT(g->steps)
        STORED_PRODUCTS(, , )
    }
    _tile_stored(0, sums, TILE_BYTES);
    _tile_stored(1, sums + 256, TILE_BYTES);
    _tile_stored(2, sums + 512, TILE_BYTES);
    _tile_stored(3, sums + 768, TILE_BYTES);
    fence();
}

/* The same of a group that lacks rows, as the tiles' configuration has it. */
static void stored_multiply_some(int both, const stored_group *g, const uint8_t *x, float *sums) {
    configure_rows(g->upper_rows, g->lower_rows);
    stored_multiply(both, g, x, sums);
    configure();
}

#else

/* sums (4 tiles) = a group of weights times up to 32 rows of x. */
QUERN_INLINE void stored_multiply(const int both, const stored_group *g, const uint8_t *x, float *sums) {
    const left_rows left = {g->upper, g->lower, g->ld, TILE_BYTES};
    dot_tiles(&left, x, g->steps, sums, 1, both);
    if (g->rest) {
        const left_rows rest = {g->rest_tiles, g->rest_tiles + TILE_SIZE, TILE_BYTES, 0};
        dot_tiles(&rest, x + g->steps * 2 * TILE_SIZE, 1, sums, 0, both);
    }
}

/* The same of a group that lacks rows: row by row. */
static void stored_multiply_some(int both, const stored_group *g, const uint8_t *x, float *sums) {
    const uint8_t *rest = x + g->steps * 2 * TILE_SIZE;
    for (int64_t r = 0; r < PAIR; r++) {
        const int64_t i = r % TILE;
        if (i >= (r < TILE ? g->upper_rows : g->lower_rows)) {
            continue;
        }
        const uint8_t *row = (r < TILE ? g->upper : g->lower) + i * g->ld;
        for (int h = 0; h <= both; h++) {
            float *sum = sums + r / TILE * 512 + h * 256 + i * TILE;
            dot_rows(1, 1, row, 0, TILE_BYTES, x + h * TILE_SIZE, g->steps, sum, 1);
            if (g->rest) {
                dot_rows(1, 1, g->rest_tiles + r * TILE_BYTES, 0, 0, rest + h * TILE_SIZE, 1, sum, 0);
            }
        }
    }
}

#endif

/* Columns [n0, n1) of m rows; w, x and y at the first. */
QUERN_INLINE void multiply_stored(const uint8_t *x, int64_t ldx, const weights *w, const results *y, int64_t m, int64_t n0,
                                  int64_t n1, int64_t k) {
    float sums[4 * TILE * TILE] __attribute__((aligned(64)));
    const int64_t groups = m > 0 && n1 > n0 ? group_count(w, n1 - n0) : 0;
    const results out = {y->y + n0 * result_bytes(y), y->ld, y->kind};
    configure();
    stored_group g;
    for (int64_t j = 0; j < groups; j++) {
        const int64_t n = n0 + j * w->group;
        const int there = n < n1; /* matrices with a gate are filled up to 32 columns */
        if (there) {
            stored_at(w, n, k, &g);
        }
        const int whole = there && g.upper_rows == TILE && g.lower_rows == TILE;
        if (!whole) {
            memset(sums, 0, sizeof sums); /* what is left of rows that are not there: a gate reads it */
        }
        for (int64_t i = 0; i < m; i += PAIR) {
            const int both = m - i > TILE;
            if (whole && both) {
                stored_multiply(1, &g, x + i * ldx, sums);
            } else if (whole) {
                stored_multiply(0, &g, x + i * ldx, sums);
            } else if (there) {
                stored_multiply_some(both, &g, x + i * ldx, sums);
            }
            store_group(sums, &out, i, m - i, j, n1 - n0);
        }
    }
    release();
}

#endif
