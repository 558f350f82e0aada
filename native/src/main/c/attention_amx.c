/*
 * The attention of attention.c (formula, layouts and arguments are there) on AMX tiles (FAST precision): values and
 * exponentials are rounded to BF16, so a result is off by at most 2^-7 sum(p |v|) / sum(p). Queries and keys are sums of
 * two BF16, q = q' + q", and scores are k' q' + k" q' + k' q", off by 3 * 2^-16 of sum |k q| at most: exp would make
 * much of more. Keys that are BF16 have no k". attention_bf16 (BF16 precision) has k' q' alone, off by 2^-8 of sum |k q|: what
 * training takes, since the gradient (attention_grad_amx.c) rounds the same way and finds the same exponentials again.
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
 * Keys and query rows become tiles when the first rows need them. Training's activations come from memory: while scores are
 * weighed, attention_bf16 fetches what the next rows need and will write (fetch_list.h), which takes a sixth off.
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
 * attention_bf16, F32 (quern_bench_gradients, half of all pairs count), in brackets attention_avx512: 96 heads of 64, T 256: 194
 * (61), the same from memory, 576 heads: 138 (57); 12 heads of 64, T 1024: 351 (110); 48 heads of 32, T 64: 77 (25).
 */
#include "attention_pack.h"
#include "fetch_list.h"

enum { FETCH_RATE = 2 /* rows, for each pair of keys that 16 rows meet */ };

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

/*
 * score: (32 keys, 16 rows), and the other half of the rows PIECE keys on. k: 32 keys, `rest` bytes before their k". terms: k' q',
 * k' q" and k" q' as far as they are counted.
 */
QUERN_INLINE void multiply_keys(const uint8_t *k, int64_t rest, const uint8_t *q, float *score, int terms, int right,
                                const workspace *w) {
    const int64_t row = TILE * w->d * 2;
    const uint8_t *q_rest = q + PAIR * w->d * 2;
    fence();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t i = 0; i < w->d / TILE_K; i++) {
        load_right(q + i * 2 * TILE_SIZE, right);
        if (terms > 2) {
            load_left(k + rest + i * TILE_SIZE, k + rest + row + i * TILE_SIZE);
            multiply(right);
        }
        load_left(k + i * TILE_SIZE, k + row + i * TILE_SIZE);
        multiply(right);
        if (terms > 1) {
            load_right(q_rest + i * 2 * TILE_SIZE, right);
            multiply(right);
        }
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

static void cap_scores(float *score, float cap, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        v_store(score + j * TILE, v_tanh(v_load(score + j * TILE)) * v_set1(cap * LOG2_E));
    }
}

/*
 * 16 rows' scores of n keys (a multiple of 32; hidden ones are -inf) become exponentials in tiles (n / 32, every 2);
 * the running maximum and sum move on; returns the factors by which what was accumulated must shrink.
 */
QUERN_INLINE vf softmax_step(const float *score, uint8_t *p, int64_t n, float *top, float *total, fetch_list *fetches) {
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
            if (fetches) {
                fetch_some(fetches, FETCH_RATE);
            }
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
                         int64_t from, int64_t to, int terms, int right, const workspace *w, fetch_list *fetches) {
    const int64_t keys = to - from;
    const uint8_t *k = w->k + from * w->d * 2;
    const uint8_t *q = w->q + r0 * w->d * 4;
    float *sum = w->sum + r0 * w->dv;
    for (int64_t j = 0; j < keys; j += PAIR) {
        multiply_keys(k + j * w->d * 2, BLOCK * w->d * 2, q, w->score + j * TILE, terms, right, w);
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
        const vf shrink = softmax_step(s, w->p + half * TILE_SIZE, keys, w->top + r, w->total + r, fetches);
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
QUERN_INLINE void attend_block(const quern_attention_args *a, const float *mask, int64_t r0, int64_t j0, int64_t n,
                               int terms, const workspace *w, fetch_list *fetches) {
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
            attend(a, mask, r0, j0, n, j, end, terms, 0, w, fetches);
        } else {
            attend(a, mask, r0, j0, n, j, end, terms, 1, w, fetches);
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

/* What a call works on. asked: how many keys of the block are on the list of what is fetched. */
typedef struct operands {
    const void *q;
    const void *k;
    const void *v;
    void *out;
    const quern_attention_args *a;
    int64_t rows;
    int64_t asked;
} operands;

/* How many keys of the block [j0, j0 + n) rows [r, r + 32) see or have before them: a multiple of 32, or n. */
static int64_t needed(const operands *o, int64_t r, int64_t j0, int64_t n) {
    const int64_t last = r + PAIR < o->rows ? r + PAIR - 1 : o->rows - 1;
    const int64_t seen = round_up(end_key(o->a, last / o->a->group) - j0, PAIR);
    return seen < 0 ? 0 : seen < n ? seen : n;
}

/* F32 only: asks for the rows [r, r + 32) of q, for the keys that they need, and for what they will write. */
static void ask(operands *o, int64_t r, int64_t j0, int64_t n, fetch_list *fetches) {
    const quern_attention_args *a = o->a;
    if (r >= o->rows) {
        return;
    }
    const int64_t t = r / a->group;
    const int64_t queries = (r + PAIR < o->rows ? r + PAIR - 1 : o->rows - 1) / a->group + 1 - t;
    const int64_t need = needed(o, r, j0, n);
    for (int64_t h = 0; h < a->group; h++) {
        fetch_later(fetches, (const float *)o->q + t * a->q_query + h * a->q_head, a->q_query, a->head_dim, queries, 0);
    }
    fetch_later(fetches, (const float *)o->k + (j0 + o->asked) * a->k_key, a->k_key, a->head_dim, need - o->asked, 0);
    fetch_later(fetches, (const float *)o->v + (j0 + o->asked) * a->v_key, a->v_key, a->value_dim, need - o->asked, 0);
    for (int64_t h = 0; h < a->group; h++) {
        fetch_later(fetches, (const float *)o->out + t * a->out_query + h * a->out_head, a->out_query, a->value_dim, queries, 1);
    }
    o->asked = need > o->asked ? need : o->asked;
}

QUERN_INLINE void attend_all(const void *q, const void *k, const void *v, const float *mask, void *out, float *lse,
                             const quern_attention_args *a, void *scratch, int terms) {
    operands o = {q, k, v, out, a, a->queries * a->group, 0};
    const int64_t all = round_up(o.rows, PAIR);
    const workspace w = divide(scratch, o.rows, a->head_dim, a->value_dim);
    const int plain = a->q_format == QUERN_F32 && a->k_format == QUERN_F32 && a->v_format == QUERN_F32 && a->out_format == QUERN_F32;
    fetch_list list;
    fetch_list *fetches = terms == 1 ? &list : NULL;
    fetch_begin(&list, plain ? o.rows * a->head_dim + a->keys * (a->head_dim + a->value_dim) : 0);
    memset(w.sum, 0, (size_t)(all * w.dv) * sizeof(float));
    for (int64_t r = 0; r < all; r++) {
        w.top[r] = -INFINITY;
        w.total[r] = 0.0f;
    }
    const int64_t begin = first_key(a, 0) / BLOCK * BLOCK;
    const int64_t end = o.rows > 0 ? end_key(a, a->queries - 1) : 0;
    configure();
    for (int64_t j0 = begin; j0 < end; j0 += BLOCK) {
        const int64_t n = end - j0 < BLOCK ? end - j0 : BLOCK;
        int64_t packed = 0;
        o.asked = 0;
        if (fetches && list.most > 0) {
            ask(&o, 0, j0, n, fetches);
            ask(&o, PAIR, j0, n, fetches);
            fetch_some(fetches, 3 * PAIR);
        }
        for (int64_t r = 0; r < all; r += PAIR) {
            const int64_t need = needed(&o, r, j0, n);
            if (fetches && list.most > 0) {
                ask(&o, r + 2 * PAIR, j0, n, fetches);
                fetch_some(fetches, PAIR);
            }
            if (j0 == begin) {
                pack_queries(q, a, r, r + PAIR, query_factor(a), terms > 1, &w);
            }
            if (need > packed) {
                pack_block(k, v, a, j0, packed, need, terms > 2, &w);
                packed = need;
            }
            attend_block(a, mask, r, j0, n, terms, &w, fetches);
        }
    }
    _tile_release();
    for (int64_t r = 0; r < o.rows; r += TILE) {
        finish(a, out, lse, r, &w);
    }
}

void QN(attention)(const void *q, const void *k, const void *v, const float *mask, void *out, float *lse,
                   const quern_attention_args *args, void *scratch) {
    if (args->k_format == QUERN_BF16) {
        attend_all(q, k, v, mask, out, lse, args, scratch, 2);
    } else {
        attend_all(q, k, v, mask, out, lse, args, scratch, 3);
    }
}

void QN(attention_bf16)(const void *q, const void *k, const void *v, const float *mask, void *out, float *lse,
                        const quern_attention_args *args, void *scratch) {
    attend_all(q, k, v, mask, out, lse, args, scratch, 1);
}
