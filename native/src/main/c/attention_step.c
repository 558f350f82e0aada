/*
 * Attention of one query, a step of decoding: the formula and the arguments are those of attention.c, with queries = 1.
 *
 *   attention_step  heads [0, heads) of K and V against keys [from, to): what is accumulated, not yet divided, into
 *                   partial: (heads * group, QUERN_PARTIAL(value_dim)) F32, 64-byte aligned: value_dim sums of p v, and
 *                   behind them, 16 floats, the maximum and the sum of the exponentials.
 *   attention_join  out and lse of `rows` rows from `pieces` of them, each `stride` floats on from the one before.
 *
 *   q: (heads, group, head_dim), q_head from row to row; k: (heads, keys, head_dim) by k_head and k_key, v likewise and
 *   in K's format, F32 | F16 | BF16 | Q8_0; mask and lse by mask_head, mask_key and lse_head; out by out_head. Neither
 *   first_position nor causal nor window is read: the caller says from and to. scratch: quern_attention_scratch_bytes(group,
 *   ...), 64-byte aligned.
 *
 * It is a stream: each row of K and V is read from memory once for the whole group, in order, and what the processor's
 * prefetcher would not see (the next page, V while K is read) is asked for AHEAD rows before its turn.
 *
 * Loops: heads; keys in blocks of BLOCK (cut at absolute multiples), so that a block's K and V, 8 KiB each at head_dim 64
 * in 16 bits, stay in the first-level cache while up to 4 rows of the group at a time pass over them:
 *   scores: rows times STEP keys are VL sums along head_dim, whose lanes are added all together (v_sum_each), and lie as
 *   they come, (BLOCK / STEP, rows, STEP);
 *   softmax: vectors of such scores, the maxima and sums of a row's lanes taken at the end;
 *   values: sums of up to 4 rows by COLUMNS vectors stay in registers for the whole block; for one or two rows several
 *   sets of them, because an addition takes four cycles.
 * Nothing is rounded, in any precision: at one query the conversions cost less than preparing tiles would. That goes for Q8_0
 * too, whose bytes become floats in registers; attention_step.h has what is its own.
 */
#include "attention_step.h"
#include "vmath.h"

#include <math.h>

/* sum: (rows, step) vectors += q times the keys in row, F32, F16 or BF16. */
QUERN_INLINE void dots(const float *q, int64_t d, const char **row, int64_t head_dim, int rows, int32_t format, vf *sum) {
    const int step = STEP(rows);
    int64_t i = 0;
    for (; i + VL <= head_dim; i += VL) {
        vf x[ROWS];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            x[r] = v_load(q + r * d + i);
        }
#pragma GCC unroll 16
        for (int c = 0; c < step; c++) {
            const vf key = load_elements(row[c], i, format);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                sum[r * step + c] = v_fma(x[r], key, sum[r * step + c]);
            }
        }
    }
    for (int c = 0; c < step && i < head_dim; c++) {
        const vf key = load_elements_upto(row[c], i, format, head_dim - i);
        for (int r = 0; r < rows; r++) {
            sum[r * step + c] = v_fma(v_load(q + r * d + i), key, sum[r * step + c]);
        }
    }
}

/* score: (n / STEP, VL), lane row * STEP + key; q: (rows, d), zero beyond head_dim. */
QUERN_INLINE void scores(const float *q, int64_t d, const block *b, const quern_attention_args *a, int rows,
                         int32_t format, float *score) {
    const int step = STEP(rows);
    const int64_t n = b->n;
    for (int64_t j = 0; j < n; j += step) {
        vf sum[VL];
        const char *row[VL];
        for (int c = 0; c < VL; c++) {
            sum[c] = v_zero();
        }
        for (int c = 0; c < step; c++) {
            row[c] = b->k + (j + c < n ? j + c : n - 1) * b->k_bytes;
            kv_prefetch(row[c] + AHEAD * b->k_bytes, format, a->head_dim);
        }
        if (format == QUERN_Q8_0) {
            dots_q8_0(q, d, row, b->k_scale + j, a->head_dim / QUERN_BLOCK, rows, sum);
        } else {
            dots(q, d, row, a->head_dim, rows, format, sum);
        }
        v_store(score + j * (VL / step), v_sum_each(sum));
    }
}

/* Soft cap, mask and -inf for what fills up the last vector. */
QUERN_INLINE void adjust(float *score, const float *mask, const quern_attention_args *a, const block *b, int rows) {
    const int64_t step = STEP(rows);
    const int64_t n = b->n;
    const int64_t lanes = round_up(n, step) / step * VL;
    for (int64_t i = 0; a->soft_cap > 0.0f && i < lanes; i += VL) {
        v_store(score + i, v_tanh(v_load(score + i)) * v_set1(a->soft_cap));
    }
    for (int r = 0; mask && r < rows; r++) {
        for (int64_t j = 0; j < n; j++) {
            score[j / step * VL + r * step + j % step] += mask[r * a->mask_head + (b->j0 + j) * a->mask_key];
        }
    }
    for (int64_t j = n; j < round_up(n, step); j++) {
        for (int r = 0; r < rows; r++) {
            score[j / step * VL + r * step + j % step] = -INFINITY;
        }
    }
}

/* Scores become exponentials; maxima and sums move on. sum: (rows, d), shrinks if a maximum grew. */
QUERN_INLINE void softmax(float *score, int64_t n, int rows, float *sum, int64_t width, int64_t d) {
    const int step = STEP(rows);
    const int64_t lanes = round_up(n, step) / step * VL;
    vf high = v_load(score);
    high = v_max(high, v_set1(-INFINITY));
    for (int64_t i = VL; i < lanes; i += VL) {
        high = v_max(v_load(score + i), high);
    }
    float lane[VL];
    float shrink[ROWS];
    v_store(lane, high);
    for (int r = 0; r < rows; r++) {
        float *state = sum + r * width + d;
        float now = state[0];
        for (int c = 0; c < step; c++) {
            now = lane[r * step + c] > now ? lane[r * step + c] : now;
        }
        shrink[r] = state[0] == now ? 1.0f : state[0] == -INFINITY ? 0.0f : v_exp(v_set1(state[0] - now))[0];
        state[0] = now;
        for (int c = 0; c < step; c++) {
            lane[r * step + c] = now == -INFINITY ? 0.0f : now;
        }
    }
    const vf shift = v_load(lane);
    vf total = v_zero();
    for (int64_t i = 0; i < lanes; i += VL) {
        const vf e = v_exp(v_load(score + i) - shift);
        v_store(score + i, e);
        total = total + e;
    }
    v_store(lane, total);
    for (int r = 0; r < rows; r++) {
        float *state = sum + r * width + d;
        float row = lane[r * step];
        for (int c = 1; c < step; c++) {
            row += lane[r * step + c];
        }
        state[1] = state[1] * shrink[r] + row;
        for (int64_t i = 0; shrink[r] != 1.0f && i < d; i += VL) {
            v_store(sum + r * width + i, v_load(sum + r * width + i) * v_set1(shrink[r]));
        }
    }
}

/*
 * acc: (rows, vectors) += p of key j times its values, columns from c on; count: elements of the last vector. p of Q8_0 has
 * been multiplied by the scales of each block of columns: (blocks, WEIGHTS).
 */
QUERN_INLINE void add_row(const float *p, const char *row, int64_t ahead, int64_t j, int rows, int32_t format, vf *acc,
                          int64_t c, int vectors, int64_t count) {
    const int step = STEP(rows);
    const int64_t at = j / step * VL + j % step;
    vf value[COLUMNS];
    kv_prefetch(kv_at(row + ahead, c, format), format, vectors * VL);
#pragma GCC unroll 4
    for (int i = 0; i < vectors; i++) {
        if (format == QUERN_Q8_0) {
            const char *first = kv_at(row, c, format);
            value[i] = vectors == 1 ? kv_load_q8_0(row, c) : kv_load_q8_0(first + c % QUERN_BLOCK, i * VL);
        } else {
            value[i] = load_elements_upto(row, c + i * VL, format, count);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int i = 0; i < vectors; i++) {
            const int64_t block = format == QUERN_Q8_0 ? i * VL / QUERN_BLOCK * WEIGHTS : 0;
            acc[r * vectors + i] = v_fma(v_set1(p[block + at + r * step]), value[i], acc[r * vectors + i]);
        }
    }
}

/* sum: (rows, width) += p times the values of a block, `vectors` of columns from c on. */
QUERN_INLINE void add_columns(const float *p, const block *b, int rows, int32_t format, float *sum, int64_t width,
                              int64_t c, int vectors, int64_t count) {
    enum { MOST = 4 };
    const int64_t n = b->n;
    const int64_t ahead = AHEAD * b->v_bytes;
    float weights[2 * WEIGHTS];
    for (int i = 0; format == QUERN_Q8_0 && i < vectors * VL; i += QUERN_BLOCK) {
        const float *scale = b->v_scale + (c + i) / QUERN_BLOCK * BLOCK;
        scale_weights(p, scale, n, STEP(rows), weights + i / QUERN_BLOCK * WEIGHTS);
    }
    const float *weight = format == QUERN_Q8_0 ? weights : p;
    const int sets = rows == 1 ? 4 : rows == 2 ? 2 : 1;
    vf acc[MOST * ROWS * COLUMNS];
#pragma GCC unroll 4
    for (int s = 0; s < sets; s++) {
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
            for (int i = 0; i < vectors; i++) {
                acc[(s * rows + r) * vectors + i] = s == 0 ? v_load(sum + r * width + c + i * VL) : v_zero();
            }
        }
    }
    int64_t j = 0;
    for (; j + sets <= n; j += sets) {
#pragma GCC unroll 4
        for (int s = 0; s < sets; s++) {
            add_row(weight, b->v + (j + s) * b->v_bytes, ahead, j + s, rows, format, acc + s * rows * vectors, c, vectors, count);
        }
    }
    for (; j < n; j++) {
        add_row(weight, b->v + j * b->v_bytes, ahead, j, rows, format, acc, c, vectors, count);
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int i = 0; i < vectors; i++) {
            vf total = acc[r * vectors + i];
#pragma GCC unroll 4
            for (int s = 1; s < sets; s++) {
                total = total + acc[(s * rows + r) * vectors + i];
            }
            v_store(sum + r * width + c + i * VL, total);
        }
    }
}

QUERN_INLINE void values(const float *p, const block *b, const quern_attention_args *a, int rows, int32_t format,
                         float *sum, int64_t width) {
    int64_t c = 0;
    for (; c + COLUMNS * VL <= a->value_dim; c += COLUMNS * VL) {
        add_columns(p, b, rows, format, sum, width, c, COLUMNS, VL);
    }
    for (; c + VL <= a->value_dim; c += VL) {
        add_columns(p, b, rows, format, sum, width, c, 1, VL);
    }
    if (c < a->value_dim) {
        add_columns(p, b, rows, format, sum, width, c, 1, a->value_dim - c);
    }
}

/* One pass of `rows` rows over a block; q: (rows, d), sum: (rows, width). */
QUERN_INLINE void pass(const float *q, int64_t d, const block *b, const float *mask, const quern_attention_args *a,
                       int rows, int32_t format, float *score, float *sum, int64_t width) {
    scores(q, d, b, a, rows, format, score);
    adjust(score, mask, a, b, rows);
    softmax(score, b->n, rows, sum, width, width - QUERN_PARTIAL(0));
    values(score, b, a, rows, format, sum, width);
}

#define PASS(format)                                                                                                  \
    static void pass_##format(const float *q, int64_t d, const block *b, const float *mask,                           \
                              const quern_attention_args *a, int64_t rows, float *score, float *sum, int64_t width) { \
        if (rows == 1) {                                                                                              \
            pass(q, d, b, mask, a, 1, QUERN_##format, score, sum, width);                                             \
        } else if (rows == 2) {                                                                                       \
            pass(q, d, b, mask, a, 2, QUERN_##format, score, sum, width);                                             \
        } else if (rows == 3) {                                                                                       \
            pass(q, d, b, mask, a, 3, QUERN_##format, score, sum, width);                                             \
        } else {                                                                                                      \
            pass(q, d, b, mask, a, 4, QUERN_##format, score, sum, width);                                             \
        }                                                                                                             \
    }

PASS(F32)
PASS(F16)
PASS(BF16)
PASS(Q8_0)

void QN(attention_step)(const void *q, const void *k, const void *v, const float *mask, float *partial,
                        const quern_attention_args *args, int64_t heads, int64_t k_head, int64_t v_head, int64_t from,
                        int64_t to, void *scratch) {
    const quern_attention_args *a = args;
    const int64_t d = round_up(a->head_dim, 16);
    const int64_t width = QUERN_PARTIAL(a->value_dim);
    const vf factor = v_set1(a->soft_cap > 0.0f ? a->scale / a->soft_cap : a->scale);
    float *score = scratch; /* (BLOCK / STEP, VL) */
    float *scaled = score + WEIGHTS; /* (group, d) */
    float *k_scale = scaled + a->group * d; /* (head_dim / 32, BLOCK) */
    float *v_scale = k_scale + BLOCK / QUERN_BLOCK * d; /* (value_dim / 32, BLOCK) */
    block b = {0, 0, kv_bytes(a->k_key, a->k_format), kv_bytes(a->v_key, a->k_format), k_scale, v_scale, 0, 0};
    for (int64_t h = 0; h < heads; h++) {
        const char *kh = kv_at(k, h * k_head, a->k_format);
        const char *vh = kv_at(v, h * v_head, a->k_format);
        float *sum = partial + h * a->group * width;
        for (int64_t g = 0; g < a->group; g++) {
            const int64_t row = (h * a->group + g) * a->q_head;
            for (int64_t i = 0; i < d; i += VL) {
                const int64_t rest = a->head_dim - i;
                const vf x = rest > 0 ? load_elements_upto(q, row + i, a->q_format, rest) : v_zero();
                v_store(scaled + g * d + i, x * factor);
            }
            memset(sum + g * width, 0, (size_t)width * sizeof(float));
            sum[g * width + width - QUERN_PARTIAL(0)] = -INFINITY;
        }
        for (int64_t j = from; j < to;) {
            const int64_t next = j / BLOCK * BLOCK + BLOCK;
            const int64_t end = next < to ? next : to;
            b.j0 = j;
            b.n = end - j;
            b.k = kh + j * b.k_bytes;
            b.v = vh + j * b.v_bytes;
            if (a->k_format == QUERN_Q8_0) {
                load_scales(b.k, b.k_bytes, b.n, a->head_dim / QUERN_BLOCK, k_scale);
                load_scales(b.v, b.v_bytes, b.n, a->value_dim / QUERN_BLOCK, v_scale);
            }
            for (int64_t g = 0; g < a->group; g += ROWS) {
                const int64_t rows = a->group - g < ROWS ? a->group - g : ROWS;
                const float *masked = mask ? mask + (h * a->group + g) * a->mask_head : 0;
                const float *x = scaled + g * d;
                float *y = sum + g * width;
                if (a->k_format == QUERN_F32) {
                    pass_F32(x, d, &b, masked, a, rows, score, y, width);
                } else if (a->k_format == QUERN_F16) {
                    pass_F16(x, d, &b, masked, a, rows, score, y, width);
                } else if (a->k_format == QUERN_BF16) {
                    pass_BF16(x, d, &b, masked, a, rows, score, y, width);
                } else {
                    pass_Q8_0(x, d, &b, masked, a, rows, score, y, width);
                }
            }
            j = end;
        }
    }
}

void QN(attention_join)(float *partial, int64_t stride, int64_t pieces, void *out, float *lse,
                        const quern_attention_args *args, int64_t rows) {
    const int64_t width = QUERN_PARTIAL(args->value_dim);
    const int64_t dv = width - QUERN_PARTIAL(0);
    for (int64_t r = 0; r < rows; r++) {
        float *first = partial + r * width;
        float *state = first + dv;
        float top = -INFINITY;
        float total = 0.0f;
        for (int64_t p = 0; p < pieces; p++) {
            top = state[p * stride] > top ? state[p * stride] : top;
        }
        for (int64_t p = 0; p < pieces; p++) {
            const float shrink = state[p * stride] == top ? 1.0f : v_exp(v_set1(state[p * stride] - top))[0];
            total += state[p * stride + 1] * shrink;
            state[p * stride] = shrink; /* the maximum has done its work */
        }
        const vf inverse = v_set1(total == 0.0f ? 0.0f : 1.0f / total);
        for (int64_t i = 0; i < args->value_dim; i += VL) {
            vf sum = v_zero();
            for (int64_t p = 0; p < pieces; p++) {
                sum = v_fma(v_set1(state[p * stride]), v_load(first + p * stride + i), sum);
            }
            store_elements_upto(out, r * args->out_head + i, args->out_format, sum * inverse, args->value_dim - i);
        }
        if (lse) {
            lse[r * args->lse_head] = total == 0.0f ? -INFINITY : top + logf(total);
        }
    }
}
