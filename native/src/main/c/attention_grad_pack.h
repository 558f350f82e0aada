/*
 * Operands of attention_grad_amx.c as tiles. q, g and k are needed in two orders: as they are multiplied over their own elements,
 * and over rows or keys. Both come from the same rounded rows: a transposition of pairs, and an interleaving of two rows.
 *
 * Interleaving is done within 128 bits (one instruction), which leaves 32 elements in two tiles as SPREAD says: element 8 i + c
 * (c < 4) in the left one, 8 i + 4 + c in the right one, at 4 i + c. Who reads the sums puts them right.
 */
#ifndef QUERN_ATTENTION_GRAD_PACK_H
#define QUERN_ATTENTION_GRAD_PACK_H

#include "attention_tiles.h"

enum {
    KEYS = 256, /* whose tiles are in scratch at a time */
    ROWS = 128, /* query rows, likewise */
    KEY_GROUPS = KEYS / PAIR,
    ROW_GROUPS = ROWS / PAIR,
    AHEAD = 64,    /* rows between prefetch and use */
    FETCH_RATE = 3 /* rows, for each pair of keys that 32 rows meet */
};

/* Element of 32 that is in lane `lane` of half `half` once two rows are interleaved. */
#define SPREAD(lane, half) ((lane) / 4 * 8 + (lane) % 4 + 4 * (half))

typedef struct workspace {
    uint8_t *k;       /* tiles (KEYS / 16, head_dim / 32) of (16 keys, 32) */
    uint8_t *k_turned; /* tiles (head_dim / 16, KEYS / 32) of (16, 32 keys) */
    uint8_t *v;       /* tiles (KEYS / 16, value_dim / 32) of (16 keys, 32) */
    uint8_t *q;       /* tiles (ROWS / 32, head_dim / 32, 2 halves) of (16 pairs, 16 rows, 2) */
    uint8_t *g;       /* tiles (ROWS / 32, value_dim / 32, 2 halves) of (16 pairs, 16 rows, 2) */
    uint8_t *q_rows;  /* tiles (head_dim / 32, ROWS / 32, 2 halves) of (16 pairs of rows, 16, 2) */
    uint8_t *g_rows;  /* tiles (value_dim / 32, ROWS / 32, 2 halves) of (16 pairs of rows, 16, 2) */
    uint8_t *p;       /* twice tiles (2, ROWS / 32) of (16 keys, 32 rows): exponentials of 32 keys */
    uint8_t *ds;      /* twice tiles (2, ROWS / 32) of (16 keys, 32 rows): gradients of scores of 32 keys */
    uint8_t *ds_keys; /* tiles (ROWS / 32, KEYS / 32, 2 halves) of (16 pairs of keys, 16 rows, 2) */
    float *dk;        /* (KEYS / 32, head_dim / 32) times 2 x 2 tiles of (16 keys, 16) */
    float *dv;        /* (KEYS / 32, value_dim / 32) times 2 x 2 tiles of (16 keys, 16) */
    float *s;         /* twice 2 x 2 tiles of (16 keys, 16 rows): scores */
    float *dp;        /* twice 2 x 2 tiles of (16 keys, 16 rows): g . v */
    float *slope;     /* 2 x 2 tiles of (16 keys, 16 rows): of the soft cap */
    float *dq;        /* (ROWS / 32, head_dim / 32) times 2 x 2 tiles of (16 of head_dim, 16 rows) */
    float *log;       /* (ROWS) log-sum-exp in units of log 2, inf where a row sees nothing */
    float *dot;       /* (ROWS) g . y */
    int64_t d;        /* head_dim, rounded up to 32 */
    int64_t dv_width; /* value_dim, rounded up to 32 */
} workspace;

static workspace divide(uint8_t *scratch, const quern_attention_args *a) {
    const int64_t half = (int64_t)sizeof(uint16_t);
    workspace w;
    w.d = round_up(a->head_dim, TILE_K);
    w.dv_width = round_up(a->value_dim, TILE_K);
    w.k = scratch;
    w.k_turned = w.k + KEYS * w.d * half;
    w.v = w.k_turned + KEYS * w.d * half;
    w.q = w.v + KEYS * w.dv_width * half;
    w.g = w.q + ROWS * w.d * half;
    w.q_rows = w.g + ROWS * w.dv_width * half;
    w.g_rows = w.q_rows + ROWS * w.d * half;
    w.p = w.g_rows + ROWS * w.dv_width * half;
    w.ds = w.p + 2 * PAIR * ROWS * half;
    w.ds_keys = w.ds + 2 * PAIR * ROWS * half;
    w.dk = (float *)(void *)(w.ds_keys + KEYS * ROWS * half);
    w.dv = w.dk + KEYS * w.d;
    w.s = w.dv + KEYS * w.dv_width;
    w.dp = w.s + 2 * PAIR * PAIR;
    w.slope = w.dp + 2 * PAIR * PAIR;
    w.dq = w.slope + PAIR * PAIR;
    w.log = w.dq + ROWS * w.d;
    w.dot = w.log + ROWS;
    return w;
}

/* 32 elements from c on of a row of d, times `factor`, rounded; zero beyond d. */
QUERN_INLINE __m512i narrow_row(const float *row, int64_t c, int64_t d, vf factor) {
    return narrow_pair(load_masked(row, c, QUERN_F32, d - c) * factor, load_masked(row, c + VL, QUERN_F32, d - c - VL) * factor);
}

/* Rows 2 i and 2 i + 1, interleaved: row i of the left and of the right tile, see SPREAD. */
QUERN_INLINE void interleave_rows(__m512i even, __m512i odd, uint8_t *left, int64_t i) {
    _mm512_store_si512(left + i * TILE_BYTES, _mm512_unpacklo_epi16(even, odd));
    _mm512_store_si512(left + TILE_SIZE + i * TILE_BYTES, _mm512_unpackhi_epi16(even, odd));
}

/* 16 rows of 32 rounded elements to (16 pairs, 16 rows, 2). */
QUERN_INLINE void turn_rows(const __m512i *row, uint8_t *tile) {
    vf t[TILE];
    for (int i = 0; i < TILE; i++) {
        t[i] = _mm512_castsi512_ps(row[i]);
    }
    v_transpose(t);
    for (int i = 0; i < TILE; i++) {
        v_store((float *)(void *)(tile + i * TILE_BYTES), t[i]);
    }
}

/* Keys [j0, j0 + n) of x to tiles (n / 16, d / 32) as they are; those that fill up the last 32 are zero. */
static void pack_plain(const float *x, int64_t ld, int64_t n, int64_t head_dim, int64_t d, uint8_t *tiles) {
    for (int64_t j = 0; j < round_up(n, PAIR); j++) {
        uint8_t *out = tiles + j / TILE * TILE * d * 2 + j % TILE * TILE_BYTES;
        for (int64_t c = 0; c < d; c += TILE_K, out += TILE_SIZE) {
            _mm512_store_si512(out, narrow_row(x + j * ld, c, j < n ? head_dim : 0, v_set1(1.0f)));
        }
    }
}

/* What pack_plain left in w->k at keys [from, from + n) once more, for sums over keys. */
static void turn_keys(const workspace *w, int64_t from, int64_t n) {
    for (int64_t j = from; j < from + n; j += PAIR) {
        for (int64_t c = 0; c < w->d; c += TILE_K) {
            const uint8_t *in = w->k + j * w->d * 2 + c / TILE_K * TILE_SIZE;
            uint8_t *out = w->k_turned + (c / TILE * KEY_GROUPS + j / PAIR) * TILE_SIZE;
            vf left[TILE];
            vf right[TILE];
            for (int64_t i = 0; i < TILE; i++) {
                const uint8_t *row = in + 2 * i / TILE * TILE * w->d * 2 + 2 * i % TILE * TILE_BYTES;
                const __m512i even = _mm512_load_si512(row);
                const __m512i odd = _mm512_load_si512(row + TILE_BYTES);
                left[i] = _mm512_castsi512_ps(_mm512_unpacklo_epi16(even, odd));
                right[i] = _mm512_castsi512_ps(_mm512_unpackhi_epi16(even, odd));
            }
            v_transpose(left);
            v_transpose(right);
            for (int i = 0; i < TILE; i++) {
                const int to = SPREAD(i, 0);
                uint8_t *tile = out + to / TILE * KEY_GROUPS * TILE_SIZE;
                v_store((float *)(void *)(tile + to % TILE * TILE_BYTES), left[i]);
                v_store((float *)(void *)(tile + (to % TILE + 4) * TILE_BYTES), right[i]);
            }
        }
    }
}

/*
 * `rows` rows, at most 32, of q or g in both orders; row[i]: row i. plain: of these rows, by pairs of elements; by_rows: (d / 32,
 * ROWS / 32) pairs of tiles, at the place of these rows. y, if there is one: dot = the rounded x . y of each row.
 */
QUERN_INLINE void pack_both(const float *const *row, const float *const *y, int64_t rows, int64_t width, int64_t d, vf factor,
                            uint8_t *plain, uint8_t *by_rows, float *dot) {
    vf sum[PAIR];
    for (int64_t c = 0; c < d; c += TILE_K) {
        __m512i pair[PAIR];
        for (int64_t i = 0; i < PAIR; i++) {
            pair[i] = i < rows ? narrow_row(row[i], c, width, factor) : _mm512_setzero_si512();
            if (dot) {
                const __m512i first = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(pair[i])), 16);
                const __m512i second = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(pair[i], 1)), 16);
                const int64_t n = i < rows ? width - c : 0;
                const vf low = load_masked(y[i], c, QUERN_F32, n);
                const vf high = load_masked(y[i], c + VL, QUERN_F32, n - VL);
                sum[i] = v_fma(_mm512_castsi512_ps(first), low, c > 0 ? sum[i] : v_zero());
                sum[i] = v_fma(_mm512_castsi512_ps(second), high, sum[i]);
            }
        }
        turn_rows(pair, plain + c / TILE_K * 2 * TILE_SIZE);
        turn_rows(pair + TILE, plain + (c / TILE_K * 2 + 1) * TILE_SIZE);
        for (int64_t i = 0; i < TILE; i++) {
            interleave_rows(pair[2 * i], pair[2 * i + 1], by_rows + c / TILE_K * ROW_GROUPS * 2 * TILE_SIZE, i);
        }
    }
    if (dot) {
        v_store(dot, v_sum_each(sum));
        v_store(dot + TILE, v_sum_each(sum + TILE));
    }
}

#endif
