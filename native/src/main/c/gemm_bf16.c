/*
 * y[i, n] = sum over p of a[i, p] * b[p, n] (+ bias[n]),  n in [n0, n1): F32 by F32, both rounded to BF16, on AMX tiles: linear
 * maps and the products of a backward pass under precision BF16. What gemm_split.c computes exactly. What is done to a sum on its
 * way out, s with its bias, needs a second matrix, `other`, unless that is null:
 *
 *   QUERN_ADD: y = s + other;  QUERN_MULTIPLY: y = s other;  f of QUERN_GATE_...: y = f(s), other = f'(s), which is what the backward
 *   pass multiplies with: f and f' share their exponential, and tiles that wait for one wait once (a step of the larger GPT, two
 *   cores: 364 ms instead of 372 with activations apart; f' beside the tiles of the backward pass gained nothing)
 *
 *   a: (m, k), strides in elements, one of them 1; b: BF16 tiles, b_column bytes per column, of gemm_tiles.c: right ones where
 *   a's rows are contiguous, left ones where its columns are; n0: a multiple of 32; y: (m, N) row-major, ldy; bias: (N), other as y,
 *   or null; scratch: quern_scratch_bytes(k), 64-byte aligned. gemm_bf16_f32_across stores y as (N, m), without bias.
 *
 * In neither order of a is anything transposed: 32 elements of a contiguous row are a left tile's row once they are narrowed, and
 * where rows lie side by side (gradients of weights), two elements along k of 16 rows are a right tile's row; b is then on the left.
 *
 * Operands of a training step come from memory and results go there: 12 GB/s a core, for which the tiles would not wait if
 * somebody fetched ahead. So all else is done in small parts between the tiles' products, which leave the core idle: 32 rows of a
 * are brought into tiles while the 32 before them are multiplied, and finished sums leave for y, whose lines were fetched. Rows of
 * a are read from end to end and the hardware fetches them: whole ones of 1,536 take 7.0 ms instead of 8.6 in pieces of 384
 * fetched here (4,096 rows, 384 columns, one core, everything in memory). Rows side by side it does not follow; those are.
 *
 * Loops: k by PIECE; a by 32 rows, a panel (up to 96 KiB of tiles); b by 32 columns, both streamed from the second-level cache:
 * two tiles of a, two of b, four sums. Where k has several pieces, sums wait in scratch, those of ROWS by COLUMNS.
 *
 * An element's bits depend on its row, its column and k only. Denormal inputs count as zero (tdpbf16ps).
 */
#include "quern.h"
#include "tiles.h"
#include "vmath.h"

enum {
    PIECE = 1536,         /* k between two visits of the sums */
    PIECE_BESIDE = 384,   /* where rows of a lie side by side */
    ROWS = 128,           /* of a whose sums wait in scratch */
    ROWS_BESIDE = 256,
    COLUMNS = 512,        /* of b, likewise */
    STEP = 2 * TILE_SIZE, /* bytes of 32 rows or columns and 32 of k */
    SUMS = 4 * TILE * TILE
};

typedef struct product {
    const float *a;
    int64_t row;  /* of a, elements */
    int64_t step;
    const uint8_t *b; /* at the first column */
    int64_t column;   /* bytes */
    float *y;
    int64_t ldy;
    const float *bias; /* as y, at the first column */
    float *other;
    int64_t then;
    int64_t m;
    int64_t n;
    int64_t k;
} product;

/* A panel's place: its first row, where its piece of k starts, and the first column of those whose sums are being computed. */
typedef struct place {
    int64_t j;
    int64_t i; /* a multiple of ROWS */
    int64_t p;
    int64_t r; /* from i on */
} place;

/* What is done while tiles multiply. */
typedef struct work {
    const float *at; /* the panel to be brought into tiles next */
    int64_t row;
    int64_t step;
    int64_t rows; /* that exist */
    int64_t depth;
    uint8_t *tiles;
    int64_t major; /* where cutting has come to: row and step, or step and pair */
    int64_t minor;
    int64_t left;      /* cuts to be done */
    int64_t cuts;      /* at a time */
    const float *after; /* the panel after it is fetched, or null */
    const float *sums; /* 32 x 32 finished ones */
    float *y;
    int64_t ldy;
    const float *bias;
    float *other;
    int64_t then;
    int64_t line;  /* to be stored next; 32: none */
    int64_t lines; /* at a time */
} work;

/* 32 elements of a row: a row of a left tile. */
QUERN_INLINE void cut_row(work *w) {
    const int64_t p = w->minor * TILE_K;
    const int64_t offset = w->major * w->row + p;
    const int64_t n = w->major < w->rows ? w->depth - p : 0;
    uint8_t *out = w->tiles + w->minor * STEP + w->major * TILE_BYTES;
    _mm512_store_si512(out, narrow_pair(load_some(w->at + offset, n), load_some(w->at + offset + VL, n - VL)));
    if (p + TILE_K < w->depth) {
        w->minor++;
    } else {
        w->minor = 0;
        w->major++;
    }
}

/* Two elements along k of 32 rows side by side: a row of two right tiles. */
QUERN_INLINE void cut_pair(work *w) {
    const int64_t p = w->major * TILE_K + 2 * w->minor;
    const int64_t offset = p * w->step;
    const int64_t above = p < w->depth ? w->rows : 0;
    const int64_t under = p + 1 < w->depth ? w->rows : 0;
    const float *in = w->at + offset;
    uint8_t *out = w->tiles + w->major * STEP + w->minor * TILE_BYTES;
    _mm512_store_si512(out, narrow_rows(load_some(in, above), load_some(in + w->step, under)));
    _mm512_store_si512(out + TILE_SIZE, narrow_rows(load_some(in + VL, above - VL), load_some(in + w->step + VL, under - VL)));
    if (w->after) {
        const float *next = w->after + offset;
        _mm_prefetch((const char *)next, _MM_HINT_T1);
        _mm_prefetch((const char *)(next + VL), _MM_HINT_T1);
        _mm_prefetch((const char *)(next + w->step), _MM_HINT_T1);
        _mm_prefetch((const char *)(next + w->step + VL), _MM_HINT_T1);
    }
    if (++w->minor == TILE) {
        w->minor = 0;
        w->major++;
    }
}

/* What becomes of n (at most 16) sums, whose place in the other matrix is given. */
QUERN_INLINE vf join(vf s, float *other, int64_t n, int64_t then) {
    vf slope;
    switch (then) {
    case QUERN_ADD:
        return s + v_load_upto(other, n);
    case QUERN_MULTIPLY:
        return s * v_load_upto(other, n);
    case QUERN_GATE_SILU:
        slope = v_silu_slope(s);
        s = v_silu(s);
        break;
    case QUERN_GATE_GELU_TANH:
        slope = v_gelu_tanh_slope(s);
        s = v_gelu_tanh(s);
        break;
    default:
        slope = v_gelu_erf_slope(s);
        s = v_gelu_erf(s);
    }
    v_store_upto(other, slope, n);
    return s;
}

static __attribute__((noinline)) void join_line(vf *low, vf *high, float *other, int64_t then) {
    *low = join(*low, other, VL, then);
    *high = join(*high, other + VL, VL, then);
}

/* A row of 32 finished sums to y, and its lines of the next 32 columns to the cache. */
QUERN_INLINE void store_line(work *w) {
    const float *sum = w->sums + w->line / TILE * 2 * TILE * TILE + w->line % TILE * TILE;
    const int64_t offset = w->line * w->ldy;
    vf low = v_load(sum);
    vf high = v_load(sum + TILE * TILE);
    if (w->bias) {
        low += v_load(w->bias);
        high += v_load(w->bias + VL);
    }
    if (w->other) {
        float *other = w->other + offset;
        if (w->then == QUERN_ADD) {
            low += v_load(other);
            high += v_load(other + VL);
        } else if (w->then == QUERN_MULTIPLY) {
            low *= v_load(other);
            high *= v_load(other + VL);
        } else {
            join_line(&low, &high, other, w->then);
        }
        _mm_prefetch((const char *)(other + PAIR), _MM_HINT_T0);
        _mm_prefetch((const char *)(other + PAIR + VL), _MM_HINT_T0);
    }
    v_store(w->y + offset, low);
    v_store(w->y + offset + VL, high);
    _m_prefetchw(w->y + offset + PAIR);
    _m_prefetchw(w->y + offset + PAIR + VL);
    w->line++;
}

QUERN_INLINE void proceed(const int beside, work *w) {
    for (int64_t i = 0; i < w->cuts && w->left > 0; i++, w->left--) {
        if (beside) {
            cut_pair(w);
        } else {
            cut_row(w);
        }
    }
    for (int64_t i = 0; i < w->lines && w->line < PAIR; i++) {
        store_line(w);
    }
}

static __attribute__((noinline)) void proceed_rows(work *w) { proceed(0, w); }

static __attribute__((noinline)) void proceed_beside(work *w) { proceed(1, w); }

/* Four sums = (themselves or zeros) + 32 rows of left times 32 columns of right, or 16 of either, over `steps` tiles along k. */
QUERN_INLINE void multiply(const int beside, const int below, const int wide, const uint8_t *left, const uint8_t *right,
                           float *sums, int64_t steps, int first, work *w) {
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
    for (int64_t t = 0; t < steps; t++, left += STEP, right += STEP) {
        _tile_loadd(4, left, TILE_BYTES);
        _tile_loadd(6, right, TILE_BYTES);
        _tile_dpbf16ps(0, 4, 6);
        if (wide) {
            _tile_loadd(7, right + TILE_SIZE, TILE_BYTES);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (below) {
            _tile_loadd(5, left + TILE_SIZE, TILE_BYTES);
            _tile_dpbf16ps(2, 5, 6);
        }
        if (below && wide) {
            _tile_dpbf16ps(3, 5, 7);
        }
        if (beside) {
            proceed_beside(w);
        } else {
            proceed_rows(w);
        }
        fence();
    }
    while (w->line < PAIR) { /* these sums may take the place of the last ones */
        store_line(w);
    }
    _tile_stored(0, sums, TILE_BYTES);
    _tile_stored(1, sums + 256, TILE_BYTES);
    _tile_stored(2, sums + 512, TILE_BYTES);
    _tile_stored(3, sums + 768, TILE_BYTES);
    fence();
}

/* A finished tile to y, of which rows x columns exist in memory. turned: it is their transpose. */
static void store_tile(int turned, const float *tile, const product *g, int64_t offset, int64_t n, int64_t rows, int64_t columns) {
    if (rows <= 0 || columns <= 0) {
        return;
    }
    vf t[TILE];
    for (int i = 0; i < TILE; i++) {
        t[i] = v_load(tile + i * TILE);
    }
    if (turned) {
        v_transpose(t);
    }
    const int64_t width = columns < TILE ? columns : TILE;
    for (int i = 0; i < TILE && i < rows; i++) {
        vf v = t[i];
        if (g->bias) {
            v += v_load_upto(g->bias + n, width);
        }
        if (g->other) {
            v = join(v, g->other + offset + i * g->ldy, width, g->then);
        }
        v_store_upto(g->y + offset + i * g->ldy, v, width);
    }
}

/* 32 rows and columns of finished sums, of which not all may exist, from row i and column n on. */
static void store_sums(int beside, int across, const product *g, const float *sums, int64_t i, int64_t n) {
    const int turned = beside != across;
    const int64_t at = across ? n * g->ldy + i : i * g->ldy + n;
    const int64_t rows = across ? g->n - n : g->m - i;
    const int64_t columns = across ? g->m - i : g->n - n;
    for (int64_t r = 0; r < PAIR; r += TILE) {
        for (int64_t c = 0; c < PAIR; c += TILE) {
            const int64_t tile = (turned ? c * 2 + r : r * 2 + c) * TILE;
            store_tile(turned, sums + tile, g, at + r * g->ldy + c, n + c, rows - r, columns - c);
        }
    }
}

QUERN_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

QUERN_INLINE int64_t piece(const int beside) { return beside ? PIECE_BESIDE : PIECE; }

QUERN_INLINE int64_t waiting_rows(const int beside) { return beside ? ROWS_BESIDE : ROWS; }

/* Columns whose sums are computed together: all, if none has to wait. */
QUERN_INLINE int64_t span(const int beside, const product *g) { return g->k > piece(beside) ? COLUMNS : g->n; }

QUERN_INLINE place after(const int beside, const product *g, place at) {
    at.r += PAIR;
    if (at.r >= waiting_rows(beside) || at.i + at.r >= g->m) {
        at.r = 0;
        at.p += piece(beside);
    }
    if (at.p >= g->k && at.r == 0) { /* of no k, all rows come once as well */
        at.p = 0;
        at.i += waiting_rows(beside);
    }
    if (at.i >= g->m) {
        at.i = 0;
        at.j += span(beside, g);
    }
    return at;
}

/* Its panel, or null after the last. */
QUERN_INLINE const float *panel(const product *g, place at) {
    return at.j < g->n ? g->a + (at.i + at.r) * g->row + at.p * g->step : NULL;
}

/* What there is to be cut for a place, while another is multiplied in so many steps. */
QUERN_INLINE void plan(const int beside, const product *g, place at, uint8_t *tiles, int64_t steps, work *w) {
    w->at = panel(g, at);
    w->after = beside && w->at ? panel(g, after(beside, g, at)) : NULL;
    w->rows = g->m - at.i - at.r;
    w->depth = least(g->k - at.p, piece(beside));
    w->tiles = tiles;
    w->major = w->minor = 0;
    w->left = w->at ? (w->depth + TILE_K - 1) / TILE_K * (beside ? TILE : PAIR) : 0;
    w->cuts = steps > 0 ? (w->left + steps - 1) / steps : 0;
}

/* A panel times all columns of its span. */
QUERN_INLINE void visit(const int beside, const int across, const product *g, place at, const uint8_t *tiles, float *sums,
                        int64_t steps, work *w) {
    const int64_t row = at.i + at.r;
    const int64_t end = least(g->n, at.j + span(beside, g));
    const int last = at.p + piece(beside) >= g->k;
    const int below = g->m - row > TILE;
    const uint8_t *b = g->b + at.j * g->column + at.p / TILE_K * STEP;
    for (int64_t n = at.j; n < end; n += PAIR, b += PAIR * g->column) {
        float *sum = g->k > piece(beside) ? sums + ((n - at.j) / PAIR * (waiting_rows(beside) / PAIR) + at.r / PAIR) * SUMS : sums;
        const uint8_t *left = beside ? b : tiles;
        const uint8_t *right = beside ? tiles : b;
        const int wide = g->n - n > TILE;
        const int first = at.p == 0;
        if (below && wide) {
            multiply(beside, 1, 1, left, right, sum, steps, first, w);
        } else if (beside ? wide : below) {
            multiply(beside, 1, 0, left, right, sum, steps, first, w);
        } else if (beside ? below : wide) {
            multiply(beside, 0, 1, left, right, sum, steps, first, w);
        } else {
            multiply(beside, 0, 0, left, right, sum, steps, first, w);
        }
        if (!last) {
            continue;
        }
        if (beside == across && g->m - row >= PAIR && g->n - n >= PAIR) {
            const int64_t offset = across ? n * g->ldy + row : row * g->ldy + n;
            w->sums = sum;
            w->y = g->y + offset;
            w->bias = g->bias ? g->bias + n : NULL;
            w->other = g->other ? g->other + offset : NULL;
            w->line = 0;
        } else {
            store_sums(beside, across, g, sum, row, n);
        }
    }
    while (w->left > 0) {
        w->cuts = w->left;
        w->lines = 0;
        proceed(beside, w);
    }
}

QUERN_INLINE void multiply_all(const int beside, const int across, const product *g, uint8_t *scratch) {
    const int64_t panel_bytes = piece(beside) / TILE_K * STEP;
    float *sums = (float *)(void *)(scratch + 2 * panel_bytes); /* (COLUMNS, ROWS) */
    work w = {.row = g->row, .step = g->step, .ldy = g->ldy, .then = g->then, .line = PAIR};
    if (g->m <= 0 || g->n <= 0) {
        return;
    }
    configure();
    place at = {0, 0, 0, 0};
    plan(beside, g, at, scratch, 1, &w);
    while (w.left > 0) {
        proceed(beside, &w);
    }
    for (int64_t turn = 1; at.j < g->n; turn ^= 1) {
        const place next = after(beside, g, at);
        const int64_t steps = (least(g->k - at.p, piece(beside)) + TILE_K - 1) / TILE_K;
        const int64_t columns = least(g->n - at.j, span(beside, g));
        plan(beside, g, next, scratch + turn * panel_bytes, (columns + PAIR - 1) / PAIR * steps, &w);
        w.lines = steps > 0 ? (PAIR + steps - 1) / steps : 0;
        visit(beside, across, g, at, scratch + (turn ^ 1) * panel_bytes, sums, steps, &w);
        at = next;
    }
    while (w.line < PAIR) {
        store_line(&w);
    }
    _tile_release();
}

#define GEMM(name, across)                                                                                                     \
    void QN(name)(const float *a, int64_t a_row, int64_t a_k, const void *b, int64_t b_column, float *y, int64_t ldy, int64_t m, \
                  int64_t n0, int64_t n1, int64_t k, const float *bias, float *other, int64_t then, void *scratch) {           \
        const int64_t skip = n0 * ((across) ? ldy : 1);                                                                        \
        const product g = {a,    a_row, a_k, (const uint8_t *)b + n0 * b_column, b_column, y + skip, ldy, bias ? bias + n0 : NULL, \
                           other ? other + skip : NULL, then, m, n1 - n0, k};                                                  \
        if (a_k == 1) {                                                                                                        \
            multiply_all(0, across, &g, scratch);                                                                              \
        } else {                                                                                                               \
            multiply_all(1, across, &g, scratch);                                                                              \
        }                                                                                                                      \
    }

GEMM(gemm_bf16_f32, 0)
GEMM(gemm_bf16_f32_across, 1)
