/*
 * y[i, n] = sum over p of a[i, p] * b[p, n],  n in [n0, n1): F32 by F32, both rounded to BF16, on AMX tiles: the products of
 * a backward pass under precision BF16. What gemm_split.c computes exactly.
 *
 *   a: (m, k), strides in elements, one of them 1; b: BF16 tiles, b_column bytes per column, from quern_gemm_columns_bf16 (rows
 *   of b contiguous) or quern_convert_f32_bf16_tiles (columns contiguous); n0: a multiple of 32; y: (m, N) row-major, ldy;
 *   scratch: quern_scratch_bytes(k), 64-byte aligned. gemm_bf16_f32_across stores y as (N, m).
 *
 * a is the left operand: 32 elements of a row are a tile's row once they are narrowed. Rows that lie side by side (a is a
 * transposed view: gradients of weights) are narrowed in pairs along k and transposed, 16 rows by 32 elements at a time. b needs
 * no transposition in either product of a backward pass; results leave the tiles for where they belong.
 *
 * Loops: a by ROWS; b by COLUMNS; k by PIECE: the rows' piece goes to tiles in scratch (128 KiB, second-level cache); columns by
 * 32 (16 KiB of tiles, first-level cache); rows by 32: two tiles of a, two of b, four sums. Sums of unfinished k wait in scratch,
 * 512 KiB at most. The next columns and the next piece of a are fetched meanwhile, as in matmul_amx.c.
 *
 * An element's bits depend on its row, its column and k only. Denormal inputs count as zero (tdpbf16ps).
 */
#include "quern.h"
#include "tiles.h"

enum {
    PIECE = 256,  /* k between two visits of the sums */
    ROWS = 256,   /* rows whose tiles are in scratch at a time */
    COLUMNS = 512 /* columns whose sums are */
};

enum { NEXT_TILE = TILE_SIZE / (int)sizeof(uint16_t) };

/* Two rows of 16 as pairs of BF16: lane i holds the first's element i, then the second's. */
QUERN_INLINE __m512i narrow_rows(vf first, vf second) {
    const __m512i turns = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20,
                                           4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(turns, narrow_pair(first, second));
}

/* n floats, at most 16; none below 1. */
QUERN_INLINE vf load_some(const float *x, int64_t n) { return n > 0 ? v_load_upto(x, n) : v_zero(); }

/*
 * x (rows, k) to tiles (rows / 16, PIECE / 32), rows `row` elements apart. What fills up the last 32 rows and elements is
 * zero.
 */
QUERN_INLINE void pack_rows(const float *x, int64_t row, int64_t rows, int64_t k, uint16_t *tiles) {
    for (int64_t r = 0; r < (rows + PAIR - 1) / PAIR * PAIR; r++) {
        uint16_t *out = tiles + r / TILE * (TILE * PIECE) + r % TILE * TILE_K;
        const float *in = x + (r < rows ? r : 0) * row;
        for (int64_t p = 0; p < k; p += TILE_K, out += NEXT_TILE) {
            const int64_t n = r < rows ? k - p : 0;
            _mm512_store_si512(out, narrow_pair(load_some(in + p, n), load_some(in + p + VL, n - VL)));
        }
    }
}

/* The same of rows side by side: elements of a row are `step` apart. */
QUERN_INLINE void pack_beside(const float *x, int64_t step, int64_t rows, int64_t k, uint16_t *tiles) {
    for (int64_t r = 0; r < (rows + PAIR - 1) / PAIR * PAIR; r += TILE) {
        uint16_t *out = tiles + r * PIECE;
        for (int64_t p = 0; p < k; p += TILE_K, out += NEXT_TILE) {
            vf t[TILE];
            for (int64_t j = 0; j < TILE; j++) {
                const int64_t q = p + 2 * j;
                const float *in = x + r + q * step;
                const vf first = load_some(in, q < k ? rows - r : 0);
                const vf second = load_some(in + step, q + 1 < k ? rows - r : 0);
                t[j] = _mm512_castsi512_ps(narrow_rows(first, second));
            }
            v_transpose(t);
            for (int64_t j = 0; j < TILE; j++) {
                v_store((float *)(void *)(out + j * TILE_K), t[j]);
            }
        }
    }
}

/* Four tiles of sums: floats from row to row, to the tile on the right and to the one below. */
typedef struct sum_tiles {
    float *at;
    int64_t ld;
    int64_t right;
    int64_t below;
} sum_tiles;

/* to = (from or zeros) + 32 rows of a times 32 columns of b, or 16 of either, over `steps` tiles along k. */
QUERN_INLINE void multiply(const int below, const int right, const uint8_t *a, const uint8_t *b, const sum_tiles *from,
                           const sum_tiles *to, int64_t steps) {
    const uint8_t *lower = a + TILE * PIECE * (int64_t)sizeof(uint16_t);
    fence();
    if (from) {
        _tile_loadd(0, from->at, from->ld * 4);
        if (right) {
            _tile_loadd(1, from->at + from->right, from->ld * 4);
        }
        if (below) {
            _tile_loadd(2, from->at + from->below, from->ld * 4);
        }
        if (below && right) {
            _tile_loadd(3, from->at + from->below + from->right, from->ld * 4);
        }
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t t = 0; t < steps; t++, a += TILE_SIZE, lower += TILE_SIZE, b += 2 * TILE_SIZE) {
        _tile_loadd(4, a, TILE_BYTES);
        _tile_loadd(6, b, TILE_BYTES);
        _tile_dpbf16ps(0, 4, 6);
        if (right) {
            _tile_loadd(7, b + TILE_SIZE, TILE_BYTES);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (below) {
            _tile_loadd(5, lower, TILE_BYTES);
            _tile_dpbf16ps(2, 5, 6);
        }
        if (below && right) {
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, to->at, to->ld * 4);
    if (right) {
        _tile_stored(1, to->at + to->right, to->ld * 4);
    }
    if (below) {
        _tile_stored(2, to->at + to->below, to->ld * 4);
    }
    if (below && right) {
        _tile_stored(3, to->at + to->below + to->right, to->ld * 4);
    }
    fence();
}

/* A finished tile to y, of which rows x columns exist. across: y is (columns, rows). */
QUERN_INLINE void store_part(const int across, const float *tile, float *y, int64_t ldy, int64_t rows, int64_t columns) {
    if (rows <= 0 || columns <= 0) {
        return;
    }
    vf t[TILE];
    for (int i = 0; i < TILE; i++) {
        t[i] = v_load(tile + i * TILE);
    }
    if (across) {
        v_transpose(t);
    }
    const int64_t vectors = across ? columns : rows;
    for (int i = 0; i < TILE && i < vectors; i++) {
        v_store_upto(y + i * ldy, t[i], across ? rows : columns);
    }
}

/* Lines that are brought nearer while tiles multiply: `count` runs of `lines` lines, `apart` bytes between them. */
typedef struct fetcher {
    const char *at;
    int64_t apart;
    int64_t lines;
    int64_t count;
} fetcher;

/* Part number `part` of `parts`. */
QUERN_INLINE void fetch_part(const fetcher *f, int64_t part, int64_t parts) {
    for (int64_t i = f->count * part / parts; i < f->count * (part + 1) / parts; i++) {
        for (int64_t line = 0; line < f->lines; line++) {
            _mm_prefetch(f->at + i * f->apart + line * 64, _MM_HINT_T1);
        }
    }
}

typedef struct product {
    const float *a;
    int64_t row;  /* of a, elements */
    int64_t step;
    const uint8_t *b; /* at the first column */
    int64_t column;   /* bytes */
    float *y;
    int64_t ldy;
    int64_t m;
    int64_t n;
    int64_t k;
} product;

/* Where a piece of a starts, and what of it to fetch. */
QUERN_INLINE fetcher piece_lines(const product *g, int64_t i, int64_t p) {
    const int64_t rows = g->m - i < ROWS ? g->m - i : ROWS;
    const int64_t depth = g->k - p < PIECE ? g->k - p : PIECE;
    const int beside = g->step != 1;
    const int64_t run = beside ? rows : depth;
    return (fetcher){(const char *)(g->a + i * g->row + p * g->step), (beside ? g->step : g->row) * 4, (run * 4 + 63) / 64,
                     beside ? depth : rows};
}

/* Rows i and following, columns j and following, k from p on: sums, and y if k ends here. */
QUERN_INLINE void multiply_piece(const int across, const product *g, int64_t i, int64_t j, int64_t p, const uint16_t *tiles,
                                 float *sums, const fetcher *next) {
    const int64_t rows = g->m - i < ROWS ? g->m - i : ROWS;
    const int64_t columns = g->n - j < COLUMNS ? g->n - j : COLUMNS;
    const int64_t depth = g->k - p < PIECE ? g->k - p : PIECE;
    const int64_t steps = (depth + TILE_K - 1) / TILE_K;
    const int64_t row_groups = (rows + PAIR - 1) / PAIR;
    const int64_t parts = row_groups * ((columns + PAIR - 1) / PAIR);
    const int last = p + depth == g->k;
    const uint8_t *b = g->b + j * g->column + p / TILE_K * 2 * TILE_SIZE;
    for (int64_t c = 0; c < columns; c += PAIR, b += PAIR * g->column) {
        const fetcher ahead = {(const char *)b + PAIR * g->column, 64, 1, c + PAIR < columns ? steps * 2 * TILE_SIZE / 64 : 0};
        for (int64_t r = 0; r < rows; r += PAIR) {
            const uint8_t *a = (const uint8_t *)(tiles + r * PIECE);
            float *sum = sums + (c / PAIR * (ROWS / PAIR) + r / PAIR) * 4 * TILE * TILE;
            const sum_tiles kept = {sum, TILE, TILE * TILE, 2 * TILE * TILE};
            fetch_part(&ahead, r / PAIR, row_groups);
            fetch_part(next, c / PAIR * row_groups + r / PAIR, parts);
            const int64_t high = rows - r;
            const int64_t wide = columns - c;
            float *y = g->y + (across ? (j + c) * g->ldy + i + r : (i + r) * g->ldy + j + c);
            const sum_tiles result = {y, g->ldy, TILE, TILE * g->ldy};
            const int direct = !across && last && high >= PAIR && wide >= PAIR;
            const sum_tiles *to = direct ? &result : &kept;
            const sum_tiles *from = p > 0 ? &kept : NULL;
            if (high > TILE && wide > TILE) {
                multiply(1, 1, a, b, from, to, steps);
            } else if (high > TILE) {
                multiply(1, 0, a, b, from, to, steps);
            } else if (wide > TILE) {
                multiply(0, 1, a, b, from, to, steps);
            } else {
                multiply(0, 0, a, b, from, to, steps);
            }
            if (last && !direct) {
                const int64_t below = TILE * (across ? 1 : g->ldy);
                const int64_t right = TILE * (across ? g->ldy : 1);
                store_part(across, sum, y, g->ldy, high, wide);
                store_part(across, sum + 256, y + right, g->ldy, high, wide - TILE);
                store_part(across, sum + 512, y + below, g->ldy, high - TILE, wide);
                store_part(across, sum + 768, y + below + right, g->ldy, high - TILE, wide - TILE);
            }
        }
    }
}

QUERN_INLINE void multiply_all(const int across, const product *g, uint8_t *scratch) {
    uint16_t *tiles = (uint16_t *)(void *)scratch;                                          /* (ROWS, PIECE) */
    float *sums = (float *)(void *)(scratch + ROWS * PIECE * (int64_t)sizeof(uint16_t));    /* (COLUMNS, ROWS) */
    configure();
    for (int64_t i = 0; i < g->m; i += ROWS) {
        for (int64_t j = 0; j < g->n; j += COLUMNS) {
            for (int64_t p = 0; p < g->k || p == 0; p += PIECE) { /* once even if k is 0: sums of nothing are stored */
                const int64_t rows = g->m - i < ROWS ? g->m - i : ROWS;
                const int64_t depth = g->k - p < PIECE ? g->k - p : PIECE;
                const float *a = g->a + i * g->row + p * g->step;
                if (g->step == 1) {
                    pack_rows(a, g->row, rows, depth, tiles);
                } else {
                    pack_beside(a, g->step, rows, depth, tiles);
                }
                fetcher next = {0};
                if (p + PIECE < g->k) {
                    next = piece_lines(g, i, p + PIECE);
                } else if (j + COLUMNS >= g->n && i + ROWS < g->m) {
                    next = piece_lines(g, i + ROWS, 0);
                }
                multiply_piece(across, g, i, j, p, tiles, sums, &next);
            }
        }
    }
    _tile_release();
}

#define GEMM(name, across)                                                                                                   \
    void QN(name)(const float *a, int64_t a_row, int64_t a_k, const void *b, int64_t b_k, int64_t b_column, float *y,        \
                  int64_t ldy, int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch) {                                \
        (void)b_k;                                                                                                           \
        const product g = {a, a_row, a_k, (const uint8_t *)b + n0 * b_column, b_column, y + n0 * ((across) ? ldy : 1), ldy, m, \
                           n1 - n0, k};                                                                                      \
        multiply_all(across, &g, scratch);                                                                                   \
    }

GEMM(gemm_bf16_f32, 0)
GEMM(gemm_bf16_f32_across, 1)

/*
 * x (k, columns) F32, ldx bytes from row to row, to BF16 tiles: groups of 32 columns, each (k / 32, 2 halves of 16 columns, 16
 * pairs along k, 16 columns, 2). ldy: 2 * (k rounded up to 32) bytes per column. What fills up the last columns and rows is
 * zero; a right half without any column is left alone.
 */
void QN(gemm_columns_bf16)(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t columns, int64_t k) {
    const int64_t ld = ldx / (int64_t)sizeof(float);
    for (int64_t c = 0; c < columns; c += PAIR) {
        uint8_t *out = (uint8_t *)y + c * ldy;
        for (int64_t p = 0; p < k; p += TILE_K, out += 2 * TILE_SIZE) {
            for (int64_t j = 0; j < TILE; j++) {
                const int64_t q = p + 2 * j;
                for (int64_t half = 0; half < PAIR && c + half < columns; half += TILE) {
                    const float *in = (const float *)x + q * ld + c + half;
                    const vf first = load_some(in, q < k ? columns - c - half : 0);
                    const vf second = load_some(in + ld, q + 1 < k ? columns - c - half : 0);
                    _mm512_storeu_si512(out + half / TILE * TILE_SIZE + j * TILE_BYTES, narrow_rows(first, second));
                }
            }
        }
    }
}
