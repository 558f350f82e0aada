/*
 * The gradients of attention.c, as attention_grad.c has them (formulas, layouts and arguments are there), on AMX tiles (BF16
 * precision): q, k, v and g are rounded to BF16, and so are the exponentials and the gradients of scores once they are computed;
 * everything else is F32. q is multiplied by the scale before it is rounded, as attention_bf16 does, so that the scores are those
 * of which the log-sum-exp was made.
 *
 * All five products meet in one order, lanes being query rows, so that nothing is transposed between them:
 *   S^T = K Q^T and dP^T = V G^T: a row is one key's 16 query rows; log-sum-exp and g . y are vectors.
 *   dV += P^T G and dK += dS^T Q: two halves of such a row, rounded, are a row of the left operand.
 *   dQ^T += K^T dS^T: two such rows of dS^T, interleaved, are rows of the right operand.
 * What is transposed is q, g and k, once for each row, and dQ^T when it is done: a 32nd of what is multiplied per 32 keys.
 *
 * Loops: keys in blocks of KEYS, whose K, K^T and V become tiles (96 KiB for heads of 64) and whose dK and dV are summed in scratch
 * (128 KiB); query rows (query-major, group inside) in blocks of ROWS, whose Q and G become tiles (64 KiB); keys by 32; rows by 32:
 * scores, 4 KiB, exponentials and gradients of scores as tiles. The 32 keys then meet all rows of the block: dV and dK wait for
 * ROWS products in registers; dQ, after the last keys, for KEYS. Parts of 32 x 32 that nobody sees are skipped, so causal attention
 * costs little more than half. Sums have an order that shapes alone decide; of what is not seen exact zeros are added.
 *
 * Tiles and vectors work at once (tile_queue.h), and memory with them (fetch_list.h): keys become tiles when the first rows see
 * them, and what the next rows and the results need is fetched meanwhile.
 *
 * Measured (quern_bench_gradients: one core of a Xeon at 2.1 GHz, causal, half of all pairs count), GFLOP/s, in brackets
 * attention_grad_avx512: 96 heads of 64, T 256: 285 (76), the same from memory, 576 heads: 176 (69); 12 heads of 64, T 1024:
 * 460 (113); 32 heads of 128, T 256: 250 (84); 48 heads of 32, T 64: 103 (54); T 16: 11 (16), for filling tiles takes longer.
 *
 * scratch: quern_attention_grad_scratch_bytes(), 64-byte aligned.
 */
#include "attention_grad_pack.h"
#include "fetch_list.h"
#include "quern.h"
#include "tile_queue.h"

#include <math.h>

/* What a call works on. */
typedef struct operands {
    const float *q;
    const float *k;
    const float *v;
    const float *mask;
    const float *g;
    const float *y;
    const float *lse;
    float *dq;
    float *dk;
    float *dv;
    const quern_attention_args *a;
    int64_t g_query;
    int64_t g_head;
    int64_t dq_query;
    int64_t dk_key;
    int64_t dv_key;
    int64_t rows; /* queries x group */
    tile_queue *queue;
    fetch_list *fetches;
} operands;

/* Groups of 32 keys, or of 32 rows: [from, to). */
typedef struct span {
    int64_t from;
    int64_t to;
} span;

static int64_t at_most(int64_t n, int64_t most) { return n < most ? n : most; }

static int64_t last_query(const operands *o, int64_t r0, int64_t n) { return (at_most(r0 + n, o->rows) - 1) / o->a->group; }

/* Groups of the n keys from j0 on that one of 32 rows sees. */
static span seen_keys(const operands *o, int64_t r0, int64_t j0, int64_t n) {
    const int64_t first = first_key(o->a, r0 / o->a->group) - j0;
    const int64_t end = at_most(end_key(o->a, last_query(o, r0, PAIR)) - j0, n);
    const span s = {first < 0 ? 0 : first / PAIR, (end + PAIR - 1) / PAIR};
    return end > 0 && s.from < s.to ? s : (span){0, 0};
}

/* Row j of half h of 2 x 2 tiles (16 keys, 16 rows). */
QUERN_INLINE float *key_row(float *s, int64_t j, int h) { return s + j / TILE * 512 + h * 256 + j % TILE * TILE; }

/* Scores of 16 rows and 32 keys, of which n exist: soft cap (whose slope is kept) and mask. */
static void adjust(const operands *o, float *s, float *slope, int64_t r0, int64_t j0, int64_t n, int h) {
    const quern_attention_args *a = o->a;
    float score[PAIR * TILE] __attribute__((aligned(64)));
    for (int64_t j = 0; j < PAIR; j++) {
        vf x = v_load(key_row(s, j, h));
        if (a->soft_cap > 0.0f) {
            x = v_tanh(x);
            v_store(key_row(slope, j, h), v_set1(1.0f) - x * x);
            x = x * v_set1(a->soft_cap * LOG2_E);
        }
        v_store(score + j * TILE, x);
    }
    if (o->mask) {
        add_mask(score, o->mask, a, r0, j0, n);
    }
    for (int64_t j = 0; j < PAIR; j++) {
        v_store(key_row(s, j, h), v_load(score + j * TILE));
    }
}

/* Of 32 keys and 32 rows: what becomes of scores. */
typedef struct weighing {
    float *s;
    float *dp;
    const float *log;
    const float *dot;
    uint8_t *p;       /* row of the first key: 64 bytes, ROW_GROUPS tiles from 16 keys to 16 keys */
    uint8_t *ds;      /* likewise */
    uint8_t *ds_keys; /* two tiles (16 pairs of keys, 16 rows, 2) */
    float *slope;     /* or null */
    int64_t rate;     /* steps of waiting products for each pair of keys */
} weighing;

/*
 * Scores and g . v become p and ds, rounded, in the orders in which they are multiplied. seen: the limits of both halves, or null
 * if every row sees every key.
 */
QUERN_INLINE void weigh(const weighing *x, const limits *seen, tile_queue *queue, fetch_list *fetches) {
    const vf log[2] = {v_load(x->log), v_load(x->log + TILE)};
    const vf dot[2] = {v_load(x->dot), v_load(x->dot + TILE)};
    for (int64_t pair = 0; pair < TILE; pair++) {
        __m512i narrow[2];
        for (int64_t i = 0; i < x->rate; i++) {
            advance(queue);
        }
        fetch_some(fetches, FETCH_RATE);
#pragma GCC unroll 2
        for (int odd = 0; odd < 2; odd++) {
            const int64_t j = 2 * pair + odd;
            const int64_t at = j / TILE * ROW_GROUPS * TILE_SIZE + j % TILE * TILE_BYTES;
            vf p[2];
            vf ds[2];
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                p[h] = exp2_negative(v_load(key_row(x->s, j, h)) - log[h]);
                ds[h] = p[h] * (v_load(key_row(x->dp, j, h)) - dot[h]);
                if (seen) {
                    const __m512i key = _mm512_set1_epi32((int32_t)j);
                    const __mmask16 shown = _mm512_cmple_epi32_mask(_mm512_loadu_si512(seen[h].from), key) &
                                            _mm512_cmplt_epi32_mask(key, _mm512_loadu_si512(seen[h].to));
                    if (x->slope) {
                        ds[h] *= v_load(key_row(x->slope, j, h));
                    }
                    p[h] = _mm512_maskz_mov_ps(shown, p[h]);
                    ds[h] = _mm512_maskz_mov_ps(shown, ds[h]);
                }
            }
            narrow[odd] = narrow_pair(ds[0], ds[1]);
            _mm512_store_si512(x->p + at, narrow_pair(p[0], p[1]));
            _mm512_store_si512(x->ds + at, narrow[odd]);
        }
        interleave_rows(narrow[0], narrow[1], x->ds_keys, pair);
    }
}

/* Asks for the scores and g . v of the rows of group i and the keys of group jg, into the buffer that n is the number of. */
static void ask(const workspace *w, int64_t i, int64_t jg, int64_t n, tile_queue *queue) {
    const int64_t bytes = w->d * PAIR * 2;
    const int64_t value_bytes = w->dv_width * PAIR * 2;
    const int64_t buffer = n % 2 * PAIR * PAIR;
    const tile_product s = {w->k + jg * bytes, bytes / 2, w->q + i * bytes, w->d / TILE_K, NULL, w->s + buffer};
    const tile_product dp = {w->v + jg * value_bytes, value_bytes / 2, w->g + i * value_bytes, w->dv_width / TILE_K, NULL,
                             w->dp + buffer};
    push_urgent(queue, s, dp);
}

/* What was asked for becomes p and ds; meanwhile products of the queue are computed. r and j: first row and first key. */
static void answer(const operands *o, const workspace *w, int64_t i, int64_t jg, int64_t n, int64_t r, int64_t j, int64_t keys,
                   tile_queue *queue) {
    const quern_attention_args *a = o->a;
    const int64_t buffer = n % 2 * PAIR * PAIR;
    const int64_t at = (jg % 2 * 2 * ROW_GROUPS + i) * TILE_SIZE;
    const int capped = a->soft_cap > 0.0f;
    const weighing x = {w->s + buffer,
                        w->dp + buffer,
                        w->log + i * PAIR,
                        w->dot + i * PAIR,
                        w->p + at,
                        w->ds + at,
                        w->ds_keys + (i * KEY_GROUPS + jg) * 2 * TILE_SIZE,
                        capped ? w->slope : NULL,
                        (w->d + w->dv_width + 127) / 128};
    const int whole = keys >= PAIR && first_key(a, last_query(o, r, PAIR)) <= j && end_key(a, r / a->group) >= j + PAIR;
    if (whole && !capped && !o->mask) {
        weigh(&x, NULL, queue, o->fetches);
        return;
    }
    const int64_t exist = at_most(keys, PAIR);
    const limits seen[2] = {limits_of(a, r, j, exist), limits_of(a, r + TILE, j, exist)};
    for (int h = 0; h < 2 && (capped || o->mask); h++) {
        adjust(o, x.s, w->slope, r + h * TILE, j, exist, h);
    }
    weigh(&x, seen, queue, o->fetches);
}

/* Asks for the sums of dv and dk over the rows of `rows`, of the keys of group jg. */
static void sum_keys(const workspace *w, int64_t jg, span rows, int started, tile_queue *queue) {
    const int64_t at = (jg % 2 * 2 * ROW_GROUPS + rows.from) * TILE_SIZE;
    for (int64_t c = 0; c < w->dv_width; c += PAIR) {
        float *sum = w->dv + (jg * w->dv_width + c) * PAIR;
        push(queue, (tile_product){w->p + at, ROW_GROUPS * TILE_SIZE, w->g_rows + (c / PAIR * ROW_GROUPS + rows.from) * 2 * TILE_SIZE,
                                   rows.to - rows.from, started ? sum : NULL, sum});
    }
    for (int64_t c = 0; c < w->d; c += PAIR) {
        float *sum = w->dk + (jg * w->d + c) * PAIR;
        push(queue, (tile_product){w->ds + at, ROW_GROUPS * TILE_SIZE, w->q_rows + (c / PAIR * ROW_GROUPS + rows.from) * 2 * TILE_SIZE,
                                   rows.to - rows.from, started ? sum : NULL, sum});
    }
}

/* Asks for the sums of dq, of the rows of group i. */
static void sum_rows(const workspace *w, int64_t i, span keys, tile_queue *queue) {
    for (int64_t c = 0; c < w->d; c += PAIR) {
        push(queue, (tile_product){w->k_turned + (c / TILE * KEY_GROUPS + keys.from) * TILE_SIZE, KEY_GROUPS * TILE_SIZE,
                                   w->ds_keys + (i * KEY_GROUPS + keys.from) * 2 * TILE_SIZE, keys.to - keys.from, NULL,
                                   w->dq + (i * w->d + c) * PAIR});
    }
}

/* Row group i's sums of dq, turned; fresh: nothing is there yet. none: nothing was summed. */
static void store_rows(const operands *o, const workspace *w, int64_t r0, int64_t i, int fresh, int none) {
    const int64_t head_dim = o->a->head_dim;
    const vf scale = v_set1(none ? 0.0f : o->a->scale);
    for (int64_t c = 0; c < head_dim; c += PAIR) {
        const float *sums = w->dq + (i * w->d + c) * PAIR;
        for (int half = 0; half < 2; half++) {
            vf low[TILE];
            vf high[TILE];
            for (int b = 0; b < TILE; b++) {
                low[b] = none ? v_zero() : v_load(sums + half * 256 + b * TILE);
                high[b] = none ? v_zero() : v_load(sums + 512 + half * 256 + b * TILE);
            }
            v_transpose(low);
            v_transpose(high);
            for (int b = 0; b < TILE; b++) {
                const int64_t r = r0 + i * PAIR + SPREAD(b, half);
                if (r >= o->rows) {
                    continue;
                }
                float *to = o->dq + r / o->a->group * o->dq_query + r % o->a->group * head_dim + c;
                const int64_t wide = head_dim - c;
                const vf old_low = fresh ? v_zero() : load_masked(to, 0, QUERN_F32, wide);
                v_store_upto(to, v_fma(low[b], scale, old_low), wide);
                if (wide > TILE) {
                    const vf old_high = fresh ? v_zero() : load_masked(to, TILE, QUERN_F32, wide - TILE);
                    v_store_upto(to + TILE, v_fma(high[b], scale, old_high), wide - TILE);
                }
            }
        }
    }
}

/* Keys [j0 + from, j0 + to) as tiles; from is a multiple of 32. */
static void pack_keys(const operands *o, const workspace *w, int64_t j0, int64_t from, int64_t to) {
    const quern_attention_args *a = o->a;
    for (int64_t j = from; j < to; j += PAIR) {
        const int64_t n = at_most(to - j, PAIR);
        fetch_some(o->fetches, 2 * PAIR);
        pack_plain(o->k + (j0 + j) * a->k_key, a->k_key, n, a->head_dim, w->d, w->k + j * w->d * 2);
        pack_plain(o->v + (j0 + j) * a->v_key, a->v_key, n, a->value_dim, w->dv_width, w->v + j * w->dv_width * 2);
        turn_keys(w, j, n);
    }
}

/* Rows [r0, r0 + ROWS) as tiles. */
static void pack_rows(const operands *o, const workspace *w, int64_t r0) {
    const quern_attention_args *a = o->a;
    for (int64_t i = 0; i < ROW_GROUPS && r0 + i * PAIR < o->rows; i++) {
        const int64_t r = r0 + i * PAIR;
        const int64_t n = at_most(o->rows - r, PAIR);
        const float *q[PAIR];
        const float *g[PAIR];
        const float *y[PAIR];
        for (int64_t b = 0; b < PAIR; b++) {
            const int64_t t = (b < n ? r + b : r) / a->group;
            const int64_t h = (b < n ? r + b : r) % a->group;
            q[b] = o->q + t * a->q_query + h * a->q_head;
            g[b] = o->g + t * o->g_query + h * o->g_head;
            y[b] = o->y + t * a->out_query + h * a->out_head;
            const float log = o->lse[t * a->lse_query + h * a->lse_head];
            w->log[i * PAIR + b] = b >= n || log == -INFINITY ? INFINITY : log * LOG2_E;
        }
        fetch_some(o->fetches, 3 * PAIR);
        pack_both(q, NULL, n, a->head_dim, w->d, v_set1(query_factor(a)), w->q + i * w->d * 64, w->q_rows + i * 2 * TILE_SIZE, NULL);
        pack_both(g, y, n, a->value_dim, w->dv_width, v_set1(1.0f), w->g + i * w->dv_width * 64, w->g_rows + i * 2 * TILE_SIZE,
                  w->dot + i * PAIR);
    }
}

/* Rows [r0, r0 + ROWS) against the packed keys [j0, j0 + n). started: by group of keys, whether dk and dv are. */
static void block(const operands *o, const workspace *w, int64_t r0, int64_t j0, int64_t n, uint8_t *started) {
    tile_queue *queue = o->queue;
    const int fresh = j0 == first_key(o->a, r0 / o->a->group) / KEYS * KEYS;
    const int64_t groups = (at_most(o->rows - r0, ROWS) + PAIR - 1) / PAIR;
    span seen[ROW_GROUPS];
    uint8_t row[ROW_GROUPS * KEY_GROUPS]; /* parts of 32 x 32, key by key */
    uint8_t key[ROW_GROUPS * KEY_GROUPS + 1];
    int64_t parts = 0;
    for (int64_t i = 0; i < groups; i++) {
        seen[i] = seen_keys(o, r0 + i * PAIR, j0, n);
    }
    for (int64_t jg = 0; jg * PAIR < n; jg++) {
        for (int64_t i = 0; i < groups; i++) {
            if (jg >= seen[i].from && jg < seen[i].to) {
                row[parts] = (uint8_t)i;
                key[parts++] = (uint8_t)jg;
            }
        }
    }
    key[parts] = KEY_GROUPS;
    int64_t first = 0; /* of this group of keys */
    for (int64_t p = 0; p < parts; p++) {
        const int64_t i = row[p];
        const int64_t jg = key[p];
        if (p == 0) {
            ask(w, i, jg, p, queue);
            finish_urgent(queue);
        }
        if (p + 1 < parts) {
            ask(w, row[p + 1], key[p + 1], p + 1, queue);
        }
        answer(o, w, i, jg, p, r0 + i * PAIR, j0 + jg * PAIR, n - jg * PAIR, queue);
        finish_urgent(queue);
        if (key[p + 1] != jg) {
            drain(queue); /* the sums of the keys before: the next ones' p and ds take the place of theirs */
            sum_keys(w, jg, (span){row[first], i + 1}, started[jg], queue);
            started[jg] = 1;
            first = p + 1;
        }
        if (jg + 1 == seen[i].to) {
            sum_rows(w, i, seen[i], queue);
        }
    }
    drain(queue);
    for (int64_t i = 0; i < groups; i++) {
        const int none = seen[i].from == seen[i].to;
        if (fresh || !none) {
            store_rows(o, w, r0, i, fresh, none);
        }
    }
}

/* n finished keys' sums, of `width` elements, times `factor`. sums: (n / 32, d / 32) times 2 x 2 tiles. */
static void store_keys(const float *sums, const uint8_t *started, int64_t n, int64_t width, int64_t d, float factor, float *to,
                       int64_t ld) {
    const __m512i low = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const __m512i high = _mm512_setr_epi32(8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    for (int64_t j = 0; j < n; j++) {
        for (int64_t c = 0; c < width; c += PAIR) {
            const float *at = sums + (j / PAIR * d + c) * PAIR + j % PAIR / TILE * 512 + j % TILE * TILE;
            vf left = v_zero();
            vf right = v_zero();
            if (started[j / PAIR]) {
                left = v_load(at) * v_set1(factor);
                right = v_load(at + 256) * v_set1(factor);
            }
            v_store_upto(to + j * ld + c, _mm512_permutex2var_ps(left, low, right), width - c);
            if (width - c > TILE) {
                v_store_upto(to + j * ld + c + TILE, _mm512_permutex2var_ps(left, high, right), width - c - TILE);
            }
        }
    }
}

static void clear(float *x, int64_t ld, int64_t width, int64_t from, int64_t to) {
    for (int64_t j = from; j < to; j++) {
        memset(x + j * ld, 0, (size_t)width * sizeof(float));
    }
}

/* Zeros where nothing is summed: keys outside of [from, to), and rows that see none. */
static void clear_unseen(const operands *o, int64_t from, int64_t to, int64_t all_keys) {
    const quern_attention_args *a = o->a;
    clear(o->dk, o->dk_key, a->head_dim, 0, from);
    clear(o->dv, o->dv_key, a->value_dim, 0, from);
    clear(o->dk, o->dk_key, a->head_dim, to, all_keys);
    clear(o->dv, o->dv_key, a->value_dim, to, all_keys);
    for (int64_t r = 0; r < o->rows; r++) {
        if (end_key(a, last_query(o, r / ROWS * ROWS, ROWS)) <= first_key(a, r / ROWS * ROWS / a->group)) {
            memset(o->dq + r / a->group * o->dq_query + r % a->group * a->head_dim, 0, (size_t)a->head_dim * sizeof(float));
        }
    }
}

/* Whether rows [r, r + ROWS) see some of the keys [j0, j0 + n). */
static int meet(const operands *o, int64_t r, int64_t j0, int64_t n) {
    return end_key(o->a, last_query(o, r, ROWS)) > j0 && first_key(o->a, r / o->a->group) < j0 + n;
}

/* How many of the keys [j0, j0 + n) must be packed before rows [r, r + ROWS) meet them: a multiple of 32, or n. */
static int64_t needed(const operands *o, int64_t r, int64_t j0, int64_t n) {
    const int64_t seen = r < o->rows ? end_key(o->a, last_query(o, r, ROWS)) - j0 : 0;
    return seen > 0 ? at_most(round_up(seen, PAIR), n) : 0;
}

static void fetch_keys(const operands *o, int64_t j0, int64_t from, int64_t to) {
    const quern_attention_args *a = o->a;
    fetch_later(o->fetches, o->k + (j0 + from) * a->k_key, a->k_key, a->head_dim, to - from, 0);
    fetch_later(o->fetches, o->v + (j0 + from) * a->v_key, a->v_key, a->value_dim, to - from, 0);
}

/* Rows [r0, r0 + ROWS) of q, g and y. */
static void fetch_rows_of(const operands *o, int64_t r0) {
    const quern_attention_args *a = o->a;
    const int64_t t = r0 / a->group;
    const int64_t n = r0 < o->rows ? last_query(o, r0, ROWS) + 1 - t : 0;
    for (int64_t h = 0; h < a->group; h++) {
        for (int64_t i = 0; i < n; i += PAIR) { /* in the order in which they are packed, if there is one head */
            const int64_t m = at_most(n - i, PAIR);
            fetch_later(o->fetches, o->q + (t + i) * a->q_query + h * a->q_head, a->q_query, a->head_dim, m, 0);
            fetch_later(o->fetches, o->g + (t + i) * o->g_query + h * o->g_head, o->g_query, a->value_dim, m, 0);
            fetch_later(o->fetches, o->y + (t + i) * a->out_query + h * a->out_head, a->out_query, a->value_dim, m, 0);
        }
    }
}

/* Rows [r0, r0 + ROWS) of dq. */
static void fetch_results(const operands *o, int64_t r0) {
    const int64_t t = r0 / o->a->group;
    fetch_later(o->fetches, o->dq + t * o->dq_query, o->dq_query, o->a->group * o->a->head_dim, last_query(o, r0, ROWS) + 1 - t, 1);
}

void QN(attention_grad_bf16)(const float *q, const float *k, const float *v, const float *mask, const float *g, const float *y,
                             const float *lse, float *dq, float *dk, float *dv, const quern_attention_args *args,
                             int64_t g_query, int64_t g_head, int64_t dq_query, int64_t dk_key, int64_t dv_key, int64_t all_keys,
                             void *scratch) {
    const quern_attention_args *a = args;
    const workspace w = divide(scratch, a);
    const int64_t begin = a->queries > 0 ? first_key(a, 0) / KEYS * KEYS : 0;
    const int64_t seen = a->queries > 0 ? end_key(a, a->queries - 1) : 0;
    const int64_t end = seen > begin ? seen : begin;
    tile_queue queue;
    fetch_list fetches;
    memset(&queue, 0, sizeof queue);
    fetch_begin(&fetches, a->queries * a->group * (a->head_dim + 2 * a->value_dim) + a->keys * (a->head_dim + a->value_dim));
    const operands o = {q, k, v, mask, g, y, lse, dq, dk, dv, a, g_query, g_head, dq_query, dk_key, dv_key, a->queries * a->group,
                        &queue, &fetches};
    clear_unseen(&o, at_most(begin, all_keys), at_most(end, all_keys), all_keys);
    configure();
    for (int64_t j0 = begin; j0 < end; j0 += KEYS) {
        const int64_t n = at_most(end - j0, KEYS);
        uint8_t started[KEY_GROUPS] = {0};
        int64_t packed = 0;
        int64_t r = 0;
        while (r < o.rows && !meet(&o, r, j0, n)) {
            r += ROWS;
        }
        fetch_keys(&o, j0, 0, needed(&o, r, j0, n));
        fetch_rows_of(&o, r);
        fetch_some(&fetches, AHEAD);
        while (r < o.rows) {
            int64_t next = r + ROWS;
            while (next < o.rows && !meet(&o, next, j0, n)) {
                next += ROWS;
            }
            const int64_t need = needed(&o, r, j0, n);
            pack_keys(&o, &w, j0, packed, need);
            packed = need > packed ? need : packed;
            pack_rows(&o, &w, r);
            if (next < o.rows) {
                fetch_keys(&o, j0, packed, needed(&o, next, j0, n));
                fetch_rows_of(&o, next);
            }
            fetch_results(&o, r);
            if (next >= o.rows) {
                fetch_later(&fetches, dk + j0 * dk_key, dk_key, a->head_dim, n, 1);
                fetch_later(&fetches, dv + j0 * dv_key, dv_key, a->value_dim, n, 1);
            }
            block(&o, &w, r, j0, n, started);
            r = next;
        }
        const float factor = a->soft_cap > 0.0f ? a->soft_cap : LN_2; /* scale / query_factor */
        store_keys(w.dk, started, n, a->head_dim, w.d, factor, dk + j0 * dk_key, dk_key);
        store_keys(w.dv, started, n, a->value_dim, w.dv_width, 1.0f, dv + j0 * dv_key, dv_key);
    }
    _tile_release();
}
