/*
 * out[t, g, :] = sum over j of p[t, g, j] v[j, :],  p = softmax over j of  cap(scale q[t, g, :] . k[j, :]) + mask[t, g, j]
 *
 * for one sequence and one K/V head with the `group` query heads that share it. Key j is seen by query t when
 *   j < keys,  (causal) j <= first_position + t,  (window) j > first_position + t - window.
 * cap(s) = soft_cap tanh(s / soft_cap), or s when soft_cap is 0. A row that sees no key, or only keys masked with -inf,
 * gives zeros and log-sum-exp -inf.
 *
 *   q: (queries, group, head_dim), k: (keys, head_dim), v: (keys, value_dim) F32 | F16 | BF16, k and v
 *   also Q8_0; the last axis of each is contiguous; mask: (queries, group, keys) F32 by strides (0 broadcasts) or null; out: (queries, group,
 *   value_dim) F32 | F16 | BF16; lse: (queries, group) F32 or null. scratch: quern_attention_scratch_bytes(), 64-byte aligned.
 *
 * Streaming softmax (Milakov and Gimelshein 2018; Dao et al. 2022): scores of KEYS keys at a time, a running maximum
 * and sum per row, the accumulated output rescaled when the maximum grows. Nothing of size queries x keys exists.
 *
 * Loops: keys in pieces of KEYS (cut at absolute multiples, so that a row's bits do not depend on the slice it is in);
 * the piece of K is converted and transposed, V converted, both into panels, once for all query rows and the whole
 * group; query rows (query-major, group inside) by MR: scores through the register tile of micro.h, softmax, and the
 * same tile again for p V. Tiles that see no key of a piece are skipped.
 * exp(x) = 2^(x log2 e): the factor is part of what queries are multiplied by, so maxima are in units of log 2. What does not
 * depend on a row's width is done for MR rows together.
 * KEYS = 128: at head_dim 128 both panels are 64 KiB and live in the second-level cache, a row's scores 512 bytes.
 */
#include "attention.h"
#include "dequant.h"
#include "kv.h"
#include "micro.h"
#include "quern.h"
#include "vmath.h"

#include <math.h>

enum { KEYS = 128, ROWS_PADDED = 16 };

static const float LOG2_E = 0x1.715476p+0f;
static const float LN_2 = 0x1.62e43p-1f;

typedef struct workspace {
    float *k_panels;   /* (KEYS / NR, head_dim, NR) */
    float *v_panels;   /* (ceil(value_dim / NR), KEYS, NR) */
    float *lines;      /* (NR, head_dim) or one row of v */
    float *score;      /* (MR, KEYS) */
    float *q;          /* (rows, head_dim) */
    float *sum;        /* (rows, value_dim): not yet divided */
    float *top;        /* (rows) running maximum */
    float *total;      /* (rows) running sum of exponentials */
} workspace;

static workspace divide(float *scratch, int64_t rows, int64_t head_dim, int64_t value_dim) {
    const int64_t d = round_up(head_dim, 16);
    const int64_t dv = round_up(value_dim, NR);
    workspace w;
    w.k_panels = scratch;
    w.v_panels = w.k_panels + KEYS * d;
    w.lines = w.v_panels + KEYS * dv;
    w.score = w.lines + NR * (d > dv ? d : dv);
    w.q = w.score + MR * KEYS;
    w.sum = w.q + rows * d;
    w.top = w.sum + rows * dv;
    w.total = w.top + round_up(rows, 16);
    return w;
}

QUERN_INLINE void load_line(const void *base, int64_t offset, int32_t format, float *line, int64_t n) {
    if (format == QUERN_F32) {
        load_row_f32((const float *)base + offset, 0, line, n);
    } else if (format == QUERN_F16) {
        load_row_f16((const uint16_t *)base + offset, 0, line, n);
    } else if (format == QUERN_BF16) {
        load_row_bf16((const uint16_t *)base + offset, 0, line, n);
    } else {
        load_row_q8_0(kv_at(base, offset, format), 0, line, n);
    }
}

/* Keys [j0, j0 + n) transposed into panels; missing keys of the last panel are zero. */
static void pack_keys(const void *k, const quern_attention_args *a, int64_t j0, int64_t n, const workspace *w) {
    const int64_t d = a->head_dim;
    for (int64_t j = 0; j < n; j += NR) {
        for (int64_t r = 0; r < NR; r++) {
            kv_prefetch(kv_at(k, (j0 + j + r + ROWS_AHEAD) * a->k_key, a->k_format), a->k_format, d);
            if (j + r < n) {
                load_line(k, (j0 + j + r) * a->k_key, a->k_format, w->lines + r * d, d);
            } else {
                memset(w->lines + r * d, 0, (size_t)d * sizeof(float));
            }
        }
        pack_transposed(w->lines, d, d, w->k_panels + j * d);
    }
}

static void pack_values(const void *v, const quern_attention_args *a, int64_t j0, int64_t n, const workspace *w) {
    for (int64_t j = 0; j < n; j++) {
        kv_prefetch(kv_at(v, (j0 + j + ROWS_AHEAD) * a->v_key, a->v_format), a->v_format, a->value_dim);
        load_line(v, (j0 + j) * a->v_key, a->v_format, w->lines, a->value_dim);
        for (int64_t c = 0; c < a->value_dim; c += NR) {
            const int64_t width = a->value_dim - c < NR ? a->value_dim - c : NR;
            float *to = w->v_panels + c * KEYS + j * NR;
            memcpy(to, w->lines + c, (size_t)width * sizeof(float));
            memset(to + width, 0, (size_t)(NR - width) * sizeof(float));
        }
    }
}

/* Soft cap and mask of one row, whose scores [from, to) are seen; the rest of `padded` becomes -inf. */
QUERN_INLINE void adjust(float *score, const float *mask, const quern_attention_args *a, int64_t from, int64_t to,
                         int64_t padded) {
    if (a->soft_cap > 0.0f) {
        for (int64_t i = 0; i < padded; i += VL) {
            v_store(score + i, v_tanh(v_load(score + i)) * v_set1(a->soft_cap * LOG2_E));
        }
    }
    for (int64_t i = 0; mask && i < to; i++) {
        score[i] += mask[i * a->mask_key] * LOG2_E;
    }
    for (int64_t i = 0; i < from; i++) {
        score[i] = -INFINITY;
    }
    for (int64_t i = to; i < padded; i++) {
        score[i] = -INFINITY;
    }
}

/*
 * The scores (mr, KEYS) of n keys (a multiple of VL; hidden ones are -inf) become exponentials in place; maxima and sums of
 * the rows move on; shrink: the factors by which what was accumulated must shrink.
 */
QUERN_INLINE void softmax_step(float *score, int mr, int64_t n, float *top, float *total, float *shrink) {
    float now[ROWS_PADDED];
    for (int r = 0; r < mr; r++) {
        vf high = v_load(score + r * KEYS);
        high = v_max(high, v_set1(-INFINITY));
        for (int64_t i = VL; i < n; i += VL) {
            high = v_max(v_load(score + r * KEYS + i), high);
        }
        const float block = v_hmax(high);
        now[r] = block > top[r] ? block : top[r];
        shrink[r] = top[r] == now[r] ? 0.0f : top[r] - now[r];
    }
    for (int r = mr; r < ROWS_PADDED; r++) {
        shrink[r] = 0.0f;
    }
    for (int r = 0; r < ROWS_PADDED; r += VL) {
        v_store(shrink + r, v_exp2_negative(v_load(shrink + r)));
    }
    for (int r = 0; r < mr; r++) {
        const vf shift = v_set1(now[r] == -INFINITY ? 0.0f : now[r]);
        vf sum = v_zero();
        for (int64_t i = 0; i < n; i += VL) {
            vf e = v_exp2_negative(v_load(score + r * KEYS + i) - shift);
            v_store(score + r * KEYS + i, e);
            sum = sum + e;
        }
        top[r] = now[r];
        total[r] = total[r] * shrink[r] + v_sum(sum);
    }
}

/* Rows [r0, r0 + mr) against the packed keys [j0, j0 + n). */
static void attend(const quern_attention_args *a, const float *mask, int64_t r0, int mr, int64_t j0, int64_t n,
                   const workspace *w) {
    const int64_t d = a->head_dim;
    const int64_t dv = a->value_dim;
    const int64_t t_last = (r0 + mr - 1) / a->group;
    const int64_t seen_end = end_key(a, t_last) - j0;
    const int64_t used = seen_end < n ? seen_end : n;
    if (used <= 0 || first_key(a, r0 / a->group) >= j0 + n) {
        return;
    }
    const int64_t padded = round_up(used, VL);
    for (int64_t j = 0; j < used; j += NR) {
        tile(mr, d, w->q + r0 * d, d, 1, w->k_panels + j * d, w->score + j, KEYS, NR, 0);
    }
    const int whole = !mask && a->soft_cap == 0.0f && used == padded && first_key(a, t_last) <= j0 &&
                      end_key(a, r0 / a->group) >= j0 + used;
    for (int r = 0; !whole && r < mr; r++) {
        const int64_t t = (r0 + r) / a->group;
        const int64_t g = (r0 + r) % a->group;
        const int64_t first = first_key(a, t) - j0;
        const int64_t end = end_key(a, t) - j0;
        const int64_t from = first < 0 ? 0 : first < used ? first : used;
        const int64_t to = end < from ? from : end < used ? end : used;
        const float *row_mask = mask ? mask + t * a->mask_query + g * a->mask_head + j0 * a->mask_key : 0;
        adjust(w->score + r * KEYS, row_mask, a, from, to, padded);
    }
    float shrink[ROWS_PADDED];
    softmax_step(w->score, mr, padded, w->top + r0, w->total + r0, shrink);
    for (int r = 0; r < mr; r++) {
        float *sum = w->sum + (r0 + r) * dv;
        for (int64_t i = 0; shrink[r] != 1.0f && i < dv; i += VL) {
            v_store_upto(sum + i, v_load_upto(sum + i, dv - i) * v_set1(shrink[r]), dv - i);
        }
    }
    for (int64_t c = 0; c < dv; c += NR) {
        const int64_t width = dv - c < NR ? dv - c : NR;
        tile(mr, used, w->score, KEYS, 1, w->v_panels + c * KEYS, w->sum + r0 * dv + c, dv, width, 1);
    }
}

static void finish(const quern_attention_args *a, void *out, float *lse, const workspace *w) {
    const int64_t dv = a->value_dim;
    for (int64_t t = 0; t < a->queries; t++) {
        for (int64_t g = 0; g < a->group; g++) {
            const int64_t r = t * a->group + g;
            const float total = w->total[r];
            const vf factor = v_set1(total == 0.0f ? 0.0f : 1.0f / total);
            const int64_t to = t * a->out_query + g * a->out_head;
            for (int64_t i = 0; i < dv; i += VL) {
                const vf y = v_load_upto(w->sum + r * dv + i, dv - i) * factor;
                store_elements_upto(out, to + i, a->out_format, y, dv - i);
            }
            if (lse) {
                lse[t * a->lse_query + g * a->lse_head] = total == 0.0f ? -INFINITY : w->top[r] * LN_2 + logf(total);
            }
        }
    }
}

void QN(attention)(const void *q, const void *k, const void *v, const float *mask, void *out, float *lse,
                   const quern_attention_args *args, void *scratch) {
    const quern_attention_args *a = args;
    const int64_t rows = a->queries * a->group;
    const workspace w = divide(scratch, rows, a->head_dim, a->value_dim);
    const float factor = a->soft_cap > 0.0f ? a->scale / a->soft_cap : a->scale * LOG2_E;
    for (int64_t t = 0; t < a->queries; t++) {
        for (int64_t g = 0; g < a->group; g++) {
            const int64_t r = t * a->group + g;
            load_line(q, t * a->q_query + g * a->q_head, a->q_format, w.q + r * a->head_dim, a->head_dim);
            for (int64_t i = 0; i < a->head_dim; i++) {
                w.q[r * a->head_dim + i] *= factor;
            }
            w.top[r] = -INFINITY;
            w.total[r] = 0.0f;
        }
    }
    memset(w.sum, 0, (size_t)(rows * a->value_dim) * sizeof(float));
    const int64_t end = rows > 0 ? end_key(a, a->queries - 1) : 0;
    for (int64_t j0 = first_key(a, 0) / KEYS * KEYS; j0 < end; j0 += KEYS) {
        const int64_t n = end - j0 < KEYS ? end - j0 : KEYS;
        pack_keys(k, a, j0, n, &w);
        pack_values(v, a, j0, n, &w);
        for (int64_t r = 0; r < rows; r += MR) {
            attend(a, mask, r, rows - r < MR ? (int)(rows - r) : MR, j0, n, &w);
        }
    }
    finish(a, out, lse, &w);
}
