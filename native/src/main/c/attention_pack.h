/* Queries, keys and values as tiles, for attention_amx.c. */
#ifndef QUERN_ATTENTION_PACK_H
#define QUERN_ATTENTION_PACK_H

#include "attention_tiles.h"
#include "kv.h"

enum {
    PIECE = 128, /* keys between two visits of the sums */
    BLOCK = 512  /* keys whose tiles are in scratch at a time */
};

typedef struct workspace {
    uint8_t *k;     /* tiles (2 terms, BLOCK / 16, head_dim / 32) of (16 keys, 32) */
    uint8_t *v;     /* tiles (value_dim / 16, BLOCK / 32) of (16, 32 keys) */
    uint8_t *p;     /* tiles (PIECE / 32, 2 halves) of (16 pairs of keys, 16 rows, 2) */
    float *score;   /* (2 halves, PIECE keys, 16 rows) */
    uint8_t *q;     /* (rows / 32) tiles (2 terms, head_dim / 32, 2 halves) of (16 pairs, 16 rows, 2) */
    float *sum;     /* (rows / 32) tiles (value_dim / 16, 2 halves) of (16, 16 rows): not yet divided */
    float *top;     /* (rows) running maximum */
    float *total;   /* (rows) running sum of exponentials */
    int64_t d;      /* head_dim, rounded up to 32 */
    int64_t dv;     /* value_dim, rounded up to 32 */
} workspace;

static workspace divide(uint8_t *scratch, int64_t rows, int64_t head_dim, int64_t value_dim) {
    const int64_t half = (int64_t)sizeof(uint16_t);
    const int64_t full = (int64_t)sizeof(float);
    const int64_t all = round_up(rows, PAIR);
    workspace w;
    w.d = round_up(head_dim, TILE_K);
    w.dv = round_up(value_dim, PAIR);
    w.k = scratch;
    w.v = w.k + 2 * BLOCK * w.d * half;
    w.p = w.v + BLOCK * w.dv * half;
    w.score = (float *)(void *)(w.p + PIECE * PAIR * half);
    w.q = (uint8_t *)w.score + PIECE * PAIR * full;
    w.sum = (float *)(void *)(w.q + 2 * all * w.d * half);
    w.top = w.sum + all * w.dv;
    w.total = w.top + all;
    return w;
}

/* What rounding low and high to the BF16 of `pair` left, rounded to BF16. */
QUERN_INLINE __m512i rest_pair(vf low, vf high, __m512i pair) {
    const __m512i first = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(pair)), 16);
    const __m512i second = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(pair, 1)), 16);
    return narrow_pair(low - _mm512_castsi512_ps(first), high - _mm512_castsi512_ps(second));
}

/* Lane i: the BF16 of even's lane i, then that of odd's. */
QUERN_INLINE __m512i interleave(vf even, vf odd) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                           23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, narrow_pair(even, odd));
}

/* load_masked of a row of keys or values, n at least 16 for Q8_0 unless it is 0. */
QUERN_INLINE vf kv_load_masked(const void *row, int64_t offset, int32_t format, int64_t n) {
    if (format != QUERN_Q8_0) {
        return load_masked(row, offset, format, n);
    }
    if (n <= 0) {
        return v_zero();
    }
    const uint16_t scale = load_u16((const uint8_t *)row + offset / QUERN_BLOCK * QUERN_Q8_0_BYTES);
    return kv_load_q8_0(row, offset) * _mm512_cvtph_ps(_mm256_set1_epi16((int16_t)scale));
}

/* Query rows [from, to) in tile order, times `factor`, as one or two terms; rows that fill up the last tile are zero. */
QUERN_INLINE void pack_queries(const void *q, const quern_attention_args *a, int64_t from, int64_t to, float factor,
                               int two_terms, const workspace *w) {
    const int64_t rows = a->queries * a->group;
    for (int64_t r = from; r < to && r < rows; r += TILE) {
        uint8_t *out = w->q + r / PAIR * PAIR * w->d * 4 + r % PAIR / TILE * TILE_SIZE;
        for (int64_t i = 0; i < w->d; i += TILE_K, out += 2 * TILE_SIZE) {
            vf t[TILE];
            vf u[TILE];
            for (int64_t j = 0; j < TILE; j++) {
                vf low = v_zero();
                vf high = v_zero();
                if (r + j < rows) {
                    const int64_t at = (r + j) / a->group * a->q_query + (r + j) % a->group * a->q_head + i;
                    low = load_masked(q, at, a->q_format, a->head_dim - i) * v_set1(factor);
                    high = load_masked(q, at + VL, a->q_format, a->head_dim - i - VL) * v_set1(factor);
                }
                const __m512i pair = narrow_pair(low, high);
                t[j] = _mm512_castsi512_ps(pair);
                if (two_terms) {
                    u[j] = _mm512_castsi512_ps(rest_pair(low, high, pair));
                }
            }
            v_transpose(t);
            for (int j = 0; j < TILE; j++) {
                v_store((float *)(void *)(out + j * TILE_BYTES), t[j]);
            }
            if (!two_terms) {
                continue;
            }
            v_transpose(u);
            for (int j = 0; j < TILE; j++) {
                v_store((float *)(void *)(out + PAIR * w->d * 2 + j * TILE_BYTES), u[j]);
            }
        }
    }
}

/* Keys [j0, j0 + n) as tiles, in one or two terms (19 bits of Q8_0 become 16); those that fill up the last 32 are zero. */
QUERN_INLINE void pack_keys(const void *k, const quern_attention_args *a, int64_t j0, int64_t n, int two_terms,
                            const workspace *w, int32_t format) {
    for (int64_t j = 0; j < round_up(n, PAIR); j++) {
        uint8_t *out = w->k + j / TILE * TILE * w->d * 2 + j % TILE * TILE_BYTES;
        const void *row = kv_at(k, (j0 + j) * a->k_key, format);
        const int64_t d = j < n ? a->head_dim : 0;
        kv_prefetch((const char *)row + kv_bytes(ROWS_AHEAD * a->k_key, format), format, a->head_dim);
        for (int64_t i = 0; i < w->d; i += TILE_K, out += TILE_SIZE) {
            const vf low = kv_load_masked(row, i, format, d - i);
            const vf high = kv_load_masked(row, i + VL, format, d - i - VL);
            const __m512i pair = narrow_pair(low, high);
            _mm512_store_si512(out, pair);
            if (two_terms) {
                _mm512_store_si512(out + BLOCK * w->d * 2, rest_pair(low, high, pair));
            }
        }
    }
}

QUERN_INLINE void pack_values(const void *v, const quern_attention_args *a, int64_t j0, int64_t n, const workspace *w,
                              int32_t format) {
    for (int64_t j = 0; j < n; j += TILE_K) {
        for (int64_t i = 0; i < TILE_K; i++) {
            kv_prefetch(kv_at(v, (j0 + j + i + TILE_K) * a->v_key, format), format, a->value_dim);
        }
        for (int64_t c = 0; c < w->dv; c += TILE) {
            uint8_t *out = w->v + (c / TILE * (BLOCK / TILE_K) + j / TILE_K) * TILE_SIZE;
            vf t[TILE];
            for (int64_t i = 0; i < TILE; i++) {
                const int64_t key = j + 2 * i;
                const void *row = kv_at(v, (j0 + key) * a->v_key, format);
                const void *next = (const char *)row + kv_bytes(a->v_key, format);
                const vf even = kv_load_masked(row, c, format, key < n ? a->value_dim - c : 0);
                const vf odd = kv_load_masked(next, c, format, key + 1 < n ? a->value_dim - c : 0);
                t[i] = _mm512_castsi512_ps(interleave(even, odd));
            }
            v_transpose(t);
            for (int i = 0; i < TILE; i++) {
                v_store((float *)(void *)(out + i * TILE_BYTES), t[i]);
            }
        }
    }
}

/* Keys and values [j0 + from, j0 + to) of the block at j0; from is a multiple of 32. */
QUERN_INLINE void pack_block(const void *k, const void *v, const quern_attention_args *a, int64_t j0, int64_t from,
                             int64_t to, int two_terms, const workspace *block) {
    workspace part = *block;
    part.k += from * part.d * 2;
    part.v += from / TILE_K * TILE_SIZE;
    const workspace *w = &part;
    const int64_t n = to - from;
    j0 += from;
    if (a->k_format == QUERN_F32) {
        pack_keys(k, a, j0, n, two_terms, w, QUERN_F32);
    } else if (a->k_format == QUERN_F16) {
        pack_keys(k, a, j0, n, two_terms, w, QUERN_F16);
    } else if (a->k_format == QUERN_BF16) {
        pack_keys(k, a, j0, n, two_terms, w, QUERN_BF16);
    } else {
        pack_keys(k, a, j0, n, two_terms, w, QUERN_Q8_0);
    }
    if (a->v_format == QUERN_F32) {
        pack_values(v, a, j0, n, w, QUERN_F32);
    } else if (a->v_format == QUERN_F16) {
        pack_values(v, a, j0, n, w, QUERN_F16);
    } else if (a->v_format == QUERN_BF16) {
        pack_values(v, a, j0, n, w, QUERN_BF16);
    } else {
        pack_values(v, a, j0, n, w, QUERN_Q8_0);
    }
}

#endif
