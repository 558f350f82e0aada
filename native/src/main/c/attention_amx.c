/*
 * The attention of attention.c (formula, layouts and arguments are there) on AMX tiles (FAST precision): values and
 * exponentials are rounded to BF16, so a result is off by at most 2^-7 sum(p |v|) / sum(p). Queries and keys are sums of
 * two BF16, q = q' + q", and scores are k' q' + k" q' + k' q", off by 3 * 2^-16 of sum |k q| at most: exp would make
 * much of more. Keys that are BF16 have no k".
 *
 *   scratch: quern_attention_scratch_bytes(), 64-byte aligned.
 *
 * Both products are computed transposed, so that nothing is shuffled between them:
 *   S^T = K Q^T: the left operand is K as it is stored (16 keys, 32 of head_dim), the right one Q, put into the tile's
 *   pair order once per call. A row of the sum is one key's scores for 16 query rows: maxima and sums over keys are
 *   lane by lane, and the mask of causality is a comparison of vectors.
 *   O^T += V^T P^T: two keys' exponentials, rounded and interleaved, are a row of the right operand. The left one is V
 *   transposed, once per block of keys. What is accumulated shrinks lane by lane too.
 *
 * Loops: keys in blocks of BLOCK (cut at absolute multiples), converted to tiles once for all query rows: 192 KiB at
 * head_dim 64, second-level cache; query rows (query-major, group inside) by PAIR; the block's keys in pieces of PIECE,
 * while the 32 rows' sums stay in the first-level cache: scores, softmax, sums. Pieces are cut down to the 32s of keys
 * that some row sees, and only rows that do not see all of them are masked.
 *
 * exp(x) = 2^(x log2 e): the factor is part of what Q is multiplied by before it is rounded, so maxima are in units
 * of log 2. What keys beyond a row's own add to its sums is exactly zero, so its bits do not depend on its neighbours.
 *
 * Measured (quern_bench: one core of a Xeon at 2.1 GHz, processor time, other processes running beside it; K and V F16,
 * causal, only pairs that are seen count), GFLOP/s, in brackets attention_avx512:
 *   head_dim 64, 4 heads: 64 queries of 512 keys 358 (128), 128: 391 (120), 512: 326 (107); 512 of 2048 422 (135)
 *   head_dim 128, 4 heads: 512 of 2048 keys 504 (134)
 *   1 query, head_dim 64: 2048 keys 11.4 GB/s of K and V, 128 keys 8.4, 16 keys 2.4; attention_step: 41, 32, 11
 *   the same of K and V in Q8_0: 64 queries of 512 keys 348, 512 of 2048 425; head_dim 128 528
 * With a single term for Q and K: 470, 480, 430, 560 and 760, but of equal keys, whose maxima never grow.
 */
#include "attention_pack.h"
#include "vmath.h"

#include <math.h>

static const float LOG2_E = 0x1.715476p+0f;
static const float LN_2 = 0x1.62e43p-1f;

QUERN_INLINE void load_left(const uint8_t *upper, const uint8_t *lower) {
    _tile_loadd(4, upper, TILE_BYTES);
    _tile_loadd(5, lower, TILE_BYTES);
}

/* right: whether there is a right half; up to 16 rows have none. */
QUERN_INLINE void load_right(const uint8_t *both, int right) {
    _tile_loadd(6, both, TILE_BYTES);
    if (right) {
        _tile_loadd(7, both + TILE_SIZE, TILE_BYTES);
    }
}

QUERN_INLINE void multiply(int right) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(2, 5, 6);
    if (right) {
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
    }
}

/* score: (32 keys, 16 rows), and the other half of the rows PIECE keys on. k: 32 keys, `rest` bytes before their k". */
QUERN_INLINE void multiply_keys(const uint8_t *k, int64_t rest, const uint8_t *q, float *score, int two_terms,
                                int right, const workspace *w) {
    const int64_t row = TILE * w->d * 2;
    const uint8_t *q_rest = q + PAIR * w->d * 2;
    fence();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t i = 0; i < w->d / TILE_K; i++) {
        load_right(q + i * 2 * TILE_SIZE, right);
        if (two_terms) {
            load_left(k + rest + i * TILE_SIZE, k + rest + row + i * TILE_SIZE);
            multiply(right);
        }
        load_left(k + i * TILE_SIZE, k + row + i * TILE_SIZE);
        multiply(right);
        load_right(q_rest + i * 2 * TILE_SIZE, right);
        multiply(right);
    }
    _tile_stored(0, score, TILE_BYTES);
    _tile_stored(2, score + 256, TILE_BYTES);
    if (right) {
        _tile_stored(1, score + PIECE * TILE, TILE_BYTES);
        _tile_stored(3, score + 256 + PIECE * TILE, TILE_BYTES);
    }
    fence();
}

/* sum (32 of value_dim as 2 x 2 tiles) += v (the same, `keys`) times p. */
QUERN_INLINE void multiply_values(const uint8_t *v, const uint8_t *p, float *sum, int64_t keys, int right) {
    fence();
    _tile_loadd(0, sum, TILE_BYTES);
    _tile_loadd(2, sum + 512, TILE_BYTES);
    if (right) {
        _tile_loadd(1, sum + 256, TILE_BYTES);
        _tile_loadd(3, sum + 768, TILE_BYTES);
    }
    for (int64_t j = 0; j < keys / TILE_K; j++) {
        load_right(p + j * 2 * TILE_SIZE, right);
        load_left(v + j * TILE_SIZE, v + (BLOCK / TILE_K + j) * TILE_SIZE);
        multiply(right);
    }
    _tile_stored(0, sum, TILE_BYTES);
    _tile_stored(2, sum + 512, TILE_BYTES);
    if (right) {
        _tile_stored(1, sum + 256, TILE_BYTES);
        _tile_stored(3, sum + 768, TILE_BYTES);
    }
    fence();
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
    const int64_t last = a->queries * a->group - 1;
    limits l;
    l.from_all = 0;
    l.to_all = n;
    for (int64_t i = 0; i < TILE; i++) {
        const int64_t t = (r0 + i < last ? r0 + i : last) / a->group;
        const int64_t first = first_key(a, t) - j0;
        const int64_t end = end_key(a, t) - j0;
        const int64_t from = first < 0 ? 0 : first < n ? first : n;
        const int64_t to = end < 0 ? 0 : end < n ? end : n;
        l.from[i] = (int32_t)from;
        l.to[i] = (int32_t)to;
        l.from_all = from > l.from_all ? from : l.from_all;
        l.to_all = to < l.to_all ? to : l.to_all;
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

static void cap_scores(float *score, float cap, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        v_store(score + j * TILE, v_tanh(v_load(score + j * TILE)) * v_set1(cap * LOG2_E));
    }
}

/* Adds the mask of rows r0... at keys [j0, j0 + n). */
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

/*
 * 16 rows' scores of n keys (a multiple of 32; hidden ones are -inf) become exponentials in tiles (n / 32, every 2);
 * the running maximum and sum move on; returns the factors by which what was accumulated must shrink.
 */
QUERN_INLINE vf softmax_step(const float *score, uint8_t *p, int64_t n, float *top, float *total) {
    const vf old = v_load(top);
    vf high0 = old;
    vf high1 = old;
    vf high2 = old;
    vf high3 = old;
    for (int64_t j = 0; j < n; j += 4) {
        high0 = v_max(v_load(score + j * TILE), high0);
        high1 = v_max(v_load(score + (j + 1) * TILE), high1);
        high2 = v_max(v_load(score + (j + 2) * TILE), high2);
        high3 = v_max(v_load(score + (j + 3) * TILE), high3);
    }
    const vf now = v_max(v_max(high0, high1), v_max(high2, high3));
    const vf none = v_set1(-INFINITY);
    const vf shift = _mm512_mask_mov_ps(now, _mm512_cmp_ps_mask(now, none, _CMP_EQ_OQ), v_zero());
    vf sum0 = v_zero();
    vf sum1 = v_zero();
    for (int64_t j = 0; j < n; j += TILE_K, p += 2 * TILE_SIZE) {
        for (int i = 0; i < TILE; i++) {
            const vf even = exp2_negative(v_load(score + (j + 2 * i) * TILE) - shift);
            const vf odd = exp2_negative(v_load(score + (j + 2 * i + 1) * TILE) - shift);
            sum0 = sum0 + even;
            sum1 = sum1 + odd;
            _mm512_store_si512(p + i * TILE_BYTES, interleave(even, odd));
        }
    }
    const __mmask16 same = _mm512_cmp_ps_mask(old, now, _CMP_EQ_OQ);
    const vf shrink = _mm512_mask_mov_ps(exp2_negative(old - shift), same, v_set1(1.0f));
    v_store(top, now);
    v_store(total, v_fma(v_load(total), shrink, sum0 + sum1));
    return shrink;
}

/*
 * Rows [r0, r0 + 32) against keys [j0 + from, j0 + to) of the block at j0: from and to are multiples of 32. right:
 * whether there are more than 16 rows.
 */
QUERN_INLINE void attend(const quern_attention_args *a, const float *mask, int64_t r0, int64_t j0, int64_t n,
                         int64_t from, int64_t to, int two_terms, int right, const workspace *w) {
    const int64_t keys = to - from;
    const uint8_t *k = w->k + from * w->d * 2;
    const uint8_t *q = w->q + r0 * w->d * 4;
    float *sum = w->sum + r0 * w->dv;
    for (int64_t j = 0; j < keys; j += PAIR) {
        multiply_keys(k + j * w->d * 2, BLOCK * w->d * 2, q, w->score + j * TILE, two_terms, right, w);
    }
    for (int half = 0; half <= right; half++) {
        const int64_t r = r0 + half * TILE;
        float *s = w->score + half * PIECE * TILE;
        const limits l = limits_of(a, r, j0 + from, n - from < keys ? n - from : keys);
        if (a->soft_cap > 0.0f) {
            cap_scores(s, a->soft_cap, keys);
        }
        if (mask) {
            add_mask(s, mask, a, r, j0 + from, n - from < keys ? n - from : keys);
        }
        hide(s, &l, 0, l.from_all);
        hide(s, &l, l.to_all, keys);
        const vf shrink = softmax_step(s, w->p + half * TILE_SIZE, keys, w->top + r, w->total + r);
        if (_mm512_cmp_ps_mask(shrink, v_set1(1.0f), _CMP_NEQ_UQ)) {
            for (int64_t c = 0; c < w->dv; c++) {
                float *o = sum + (c / TILE * 2 + half) * 256 + c % TILE * TILE;
                v_store(o, v_load(o) * shrink);
            }
        }
    }
    for (int64_t c = 0; c < w->dv; c += PAIR) {
        const uint8_t *v = w->v + (c / TILE * (BLOCK / TILE_K) + from / TILE_K) * TILE_SIZE;
        multiply_values(v, w->p, sum + c / TILE * 512, keys, right);
    }
}

/* Rows [r0, r0 + 32) against the block [j0, j0 + n). */
static void attend_block(const quern_attention_args *a, const float *mask, int64_t r0, int64_t j0, int64_t n,
                         const workspace *w) {
    const int64_t rows = a->queries * a->group;
    const int64_t last = r0 + PAIR < rows ? r0 + PAIR - 1 : rows - 1;
    const int64_t seen_from = first_key(a, r0 / a->group) - j0;
    const int64_t seen_to = end_key(a, last / a->group) - j0;
    const int64_t from = seen_from < 0 ? 0 : seen_from / PAIR * PAIR;
    const int64_t to = round_up(seen_to < n ? seen_to : n, PAIR);
    for (int64_t j = from; j < to;) {
        const int64_t next = j / PIECE * PIECE + PIECE;
        const int64_t end = next < to ? next : to;
        if (r0 + TILE >= rows) {
            attend(a, mask, r0, j0, n, j, end, a->k_format != QUERN_BF16, 0, w);
        } else if (a->k_format == QUERN_BF16) {
            attend(a, mask, r0, j0, n, j, end, 0, 1, w);
        } else {
            attend(a, mask, r0, j0, n, j, end, 1, 1, w);
        }
        j = next;
    }
}

/* Divides rows [r0, r0 + 16) and writes them. */
static void finish(const quern_attention_args *a, void *out, float *lse, int64_t r0, const workspace *w) {
    const int64_t rows = a->queries * a->group - r0;
    const vf total = v_load(w->total + r0);
    const __mmask16 seen = _mm512_cmp_ps_mask(total, v_zero(), _CMP_NEQ_UQ);
    const vf factor = _mm512_maskz_mov_ps(seen, v_set1(1.0f) / total);
    for (int64_t c = 0; c < a->value_dim; c += TILE) {
        const float *sum = w->sum + r0 / PAIR * PAIR * w->dv + (c / TILE * 2 + r0 % PAIR / TILE) * 256;
        vf t[TILE];
        for (int i = 0; i < TILE; i++) {
            t[i] = v_load(sum + i * TILE) * factor;
        }
        v_transpose(t);
        for (int64_t i = 0; i < TILE && i < rows; i++) {
            const int64_t to = (r0 + i) / a->group * a->out_query + (r0 + i) % a->group * a->out_head + c;
            store_elements_upto(out, to, a->out_format, t[i], a->value_dim - c);
        }
    }
    for (int64_t i = 0; lse && i < TILE && i < rows; i++) {
        const float sum = w->total[r0 + i];
        lse[(r0 + i) / a->group * a->lse_query + (r0 + i) % a->group * a->lse_head] =
            sum == 0.0f ? -INFINITY : w->top[r0 + i] * LN_2 + logf(sum);
    }
}

void QN(attention)(const void *q, const void *k, const void *v, const float *mask, void *out, float *lse,
                   const quern_attention_args *args, void *scratch) {
    const quern_attention_args *a = args;
    const int64_t rows = a->queries * a->group;
    const int64_t all = round_up(rows, PAIR);
    const workspace w = divide(scratch, rows, a->head_dim, a->value_dim);
    pack_queries(q, a, a->soft_cap > 0.0f ? a->scale / a->soft_cap : a->scale * LOG2_E, &w);
    memset(w.sum, 0, (size_t)(all * w.dv) * sizeof(float));
    for (int64_t r = 0; r < all; r++) {
        w.top[r] = -INFINITY;
        w.total[r] = 0.0f;
    }
    const int64_t end = rows > 0 ? end_key(a, a->queries - 1) : 0;
    configure();
    for (int64_t j0 = first_key(a, 0) / BLOCK * BLOCK; j0 < end; j0 += BLOCK) {
        const int64_t n = end - j0 < BLOCK ? end - j0 : BLOCK;
        pack_block(k, v, a, j0, n, &w);
        for (int64_t r = 0; r < all; r += PAIR) {
            attend_block(a, mask, r, j0, n, &w);
        }
    }
    _tile_release();
    for (int64_t r = 0; r < rows; r += TILE) {
        finish(a, out, lse, r, &w);
    }
}
