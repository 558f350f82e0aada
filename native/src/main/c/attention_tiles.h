/*
 * What attention on tiles shares, forward (attention_amx.c) and backward (attention_grad_amx.c). Both have scores transposed:
 * (keys, 16 query rows), a row of the sum one key's scores, so that what belongs to a query is a vector. Query rows are
 * query-major, the group's heads inside: row r is query r / group, head r % group. Scores are in units of log 2.
 */
#ifndef QUERN_ATTENTION_TILES_H
#define QUERN_ATTENTION_TILES_H

#include "attention.h"
#include "elements.h"
#include "tiles.h"
#include "vmath.h"

#include <math.h>

static const float LOG2_E = 0x1.715476p+0f;
static const float LN_2 = 0x1.62e43p-1f;

/* What q is multiplied by before it is rounded, so that exp is 2^x, or tanh needs no further factor. */
QUERN_INLINE float query_factor(const quern_attention_args *a) {
    return a->soft_cap > 0.0f ? a->scale / a->soft_cap : a->scale * LOG2_E;
}

/* min(n, 16) elements from `offset` on, the rest zero; n may be negative. */
QUERN_INLINE vf load_masked(const void *base, int64_t offset, int32_t format, int64_t n) {
    const __mmask16 mask = n >= VL ? 0xffff : n <= 0 ? 0 : v_mask_n((int)n);
    if (format == QUERN_F32) {
        return _mm512_maskz_loadu_ps(mask, (const float *)base + offset);
    }
    const __m256i halves = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)base + offset);
    if (format == QUERN_F16) {
        return _mm512_cvtph_ps(halves);
    }
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

/* 2^x for x <= 0, -inf included: 2^floor(x) times a polynomial in the rest (Chebyshev nodes on [0, 1], 1.5e-7). */
QUERN_INLINE vf exp2_negative(vf x) {
    const vf r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    vf p = v_set1(0x1.ec3222p-10f);
    p = v_fma(p, r, v_set1(0x1.269014p-7f));
    p = v_fma(p, r, v_set1(0x1.c95440p-5f));
    p = v_fma(p, r, v_set1(0x1.ebd5aap-3f));
    p = v_fma(p, r, v_set1(0x1.62e4f6p-1f));
    p = v_fma(p, r, v_set1(1.0f));
    return _mm512_scalef_ps(p, x);
}

/* The keys that each of 16 rows sees, as indices into a piece: [from, to). */
typedef struct limits {
    int32_t from[TILE];
    int32_t to[TILE];
    int64_t from_all; /* keys [from_all, to_all) are seen by every row */
    int64_t to_all;
} limits;

static limits limits_of(const quern_attention_args *a, int64_t r0, int64_t j0, int64_t n) {
    int64_t t = r0 / a->group;
    int64_t head = r0 % a->group;
    limits l;
    l.from_all = 0;
    l.to_all = n;
    for (int64_t i = 0; i < TILE; i++) {
        const int64_t first = first_key(a, t) - j0;
        const int64_t end = end_key(a, t) - j0;
        const int64_t from = first < 0 ? 0 : first < n ? first : n;
        const int64_t to = end < 0 ? 0 : end < n ? end : n;
        l.from[i] = (int32_t)from;
        l.to[i] = (int32_t)to;
        l.from_all = from > l.from_all ? from : l.from_all;
        l.to_all = to < l.to_all ? to : l.to_all;
        head++;
        if (head == a->group && t + 1 < a->queries) { /* rows beyond the last see what it sees */
            head = 0;
            t++;
        }
    }
    return l;
}

/* Scores of keys [j, end) become -inf where a row does not see them. */
QUERN_INLINE void hide(float *score, const limits *l, int64_t j, int64_t end) {
    const __m512i from = _mm512_loadu_si512(l->from);
    const __m512i to = _mm512_loadu_si512(l->to);
    for (; j < end; j++) {
        const __m512i key = _mm512_set1_epi32((int32_t)j);
        const __mmask16 seen = _mm512_cmple_epi32_mask(from, key) & _mm512_cmplt_epi32_mask(key, to);
        v_store(score + j * TILE, _mm512_mask_mov_ps(v_set1(-INFINITY), seen, v_load(score + j * TILE)));
    }
}

/* Adds the mask of rows r0... at keys [j0, j0 + n) to scores (n, 16). */
static void add_mask(float *score, const float *mask, const quern_attention_args *a, int64_t r0, int64_t j0,
                     int64_t n) {
    const int64_t rows = a->queries * a->group - r0;
    for (int64_t j = 0; j < n; j += TILE) {
        const int64_t width = n - j < TILE ? n - j : TILE;
        float block[TILE][TILE] = {{0}};
        vf t[TILE];
        for (int64_t i = 0; i < TILE && i < rows; i++) {
            const float *row = mask + (r0 + i) / a->group * a->mask_query + (r0 + i) % a->group * a->mask_head +
                               (j0 + j) * a->mask_key;
            for (int64_t c = 0; c < width; c++) {
                block[i][c] = row[c * a->mask_key];
            }
        }
        for (int i = 0; i < TILE; i++) {
            t[i] = v_load(block[i]);
        }
        v_transpose(t);
        for (int64_t c = 0; c < width; c++) {
            float *s = score + (j + c) * TILE;
            v_store(s, v_fma(t[c], v_set1(LOG2_E), v_load(s)));
        }
    }
}

#endif
