/*
 * The gradients of attention (attention.c) for one sequence and one K/V head with its group of query heads, from the log-sum-exp
 * that the forward pass left (Dao et al. 2022, algorithm 4). With s = scale q . k, capped and masked as there:
 *
 *   p[t, j] = exp(s[t, j] - lse[t])          ds[t, j] = scale p[t, j] (g[t, :] . v[j, :] - g[t, :] . y[t, :]) cap'(s)
 *   dv[j, :] = sum over t of p[t, j] g[t, :]     dk[j, :] = sum over t of ds[t, j] q[t, :]     dq[t, :] = sum over j of ds[t, j] k[j, :]
 *
 * cap'(s) = 1 - tanh(s / soft_cap)^2, or 1. Rows that see no key (lse = -inf) have gradient 0, and so have keys that nobody sees.
 *
 *   q: (queries, group, head_dim), k: (keys, head_dim), v: (keys, value_dim), g and y: (queries, group, value_dim), lse: (queries,
 *   group), all F32 with strides in args (y's are out_query and out_head) and the last axis contiguous; mask as in attention.c.
 *   dq: like q, rows dq_query apart and heads head_dim; dk: (all_keys, head_dim), dv: (all_keys, value_dim), dk_key and dv_key apart.
 *   scratch: quern_attention_grad_scratch_bytes(queries * group, head_dim, value_dim), 64-byte aligned.
 *
 * Loops: keys in pieces of KEYS, whose K is packed transposed and plain and V transposed; heads of the group; query rows in pieces
 * of ROWS, whose q and g are packed as rows and as panels; then the register tile of micro.h five times:
 *   s = q K^T and g V^T (MR rows at a time, up to the last key that one of them sees), p and ds in place, dq += ds K;
 *   dv += p^T g and dk += ds^T q (MR keys at a time, from the first row on that sees one of them).
 * So causal attention costs little more than half. Nothing of size queries x keys exists. dq, dk and dv are summed where they
 * end; the order of every sum depends on shapes alone.
 *
 * ROWS = 48, KEYS = 96: both are whole tiles in every tier; p and ds are 18 KiB each, panels of 64 dimensions 24 KiB, so that a
 * piece works from the first-level cache and its next neighbours. A tile's sums are loaded and stored once in 48 products (4%).
 *
 * Floor: 10 T^2 d operations a head (5 causal) at the speed of packed FMA (139 GFLOP/s), 16 T d bytes.
 * Measured (quern_bench_gradients, one core of a Xeon at 2.1 GHz, AVX-512), causal, counting 5 T^2 d: 48 heads of 32, T = 64, 0.58 ms,
 * 54 GFLOP/s; 96 heads of 64, T = 256, 29 ms, 70; T = 1024 102; 32 heads of 128, T = 256, 74.
 */
#include "attention.h"
#include "micro.h"
#include "quern.h"
#include "vmath.h"

#include <math.h>

enum { KEYS = 96, ROWS = 48 };

static const float LOG2_E = 0x1.715476p+0f;

typedef struct workspace {
    float *k_columns; /* (KEYS / NR, head_dim, NR): K transposed */
    float *k_panels;  /* (ceil(head_dim / NR), KEYS, NR) */
    float *v_columns; /* (KEYS / NR, value_dim, NR) */
    float *q;         /* (ROWS, head_dim) */
    float *q_panels;  /* (ceil(head_dim / NR), ROWS, NR) */
    float *g;         /* (ROWS, value_dim) */
    float *g_panels;  /* (ceil(value_dim / NR), ROWS, NR) */
    float *p;         /* (ROWS, KEYS) */
    float *ds;        /* (ROWS, KEYS): g . v first */
    float *lines;     /* (NR, head_dim or value_dim) */
    float *log;       /* (group, queries) log-sum-exp, inf where a row sees nothing */
    float *dot;       /* (group, queries) g . y */
} workspace;

/* What a call works on. */
typedef struct operands {
    const float *q;
    const float *k;
    const float *v;
    const float *mask;
    const float *g;
    float *dq;
    float *dk;
    float *dv;
    const quern_attention_args *a;
    int64_t g_query;
    int64_t g_head;
    int64_t dq_query;
    int64_t dk_key;
    int64_t dv_key;
} operands;

static workspace divide(float *scratch, const quern_attention_args *a) {
    const int64_t d = round_up(a->head_dim, NR);
    const int64_t dv = round_up(a->value_dim, NR);
    workspace w;
    w.k_columns = scratch;
    w.k_panels = w.k_columns + KEYS * d;
    w.v_columns = w.k_panels + KEYS * d;
    w.q = w.v_columns + KEYS * dv;
    w.q_panels = w.q + ROWS * d;
    w.g = w.q_panels + ROWS * d;
    w.g_panels = w.g + ROWS * dv;
    w.p = w.g_panels + ROWS * dv;
    w.ds = w.p + ROWS * KEYS;
    w.lines = w.ds + ROWS * KEYS;
    w.log = w.lines + NR * (d > dv ? d : dv);
    w.dot = w.log + round_up(a->queries * a->group, 16);
    return w;
}

/* x: (n, d) rows ld apart, into (n / NR, d, NR): transposed; rows that fill up the last panel are zero. */
static void pack_columns(const float *x, int64_t ld, int64_t n, int64_t d, float *lines, float *columns) {
    for (int64_t j = 0; j < n; j += NR) {
        if (j + NR <= n) {
            pack_transposed(x + j * ld, ld, d, columns + j * d);
            continue;
        }
        for (int64_t i = 0; i < NR; i++) {
            if (j + i < n) {
                memcpy(lines + i * d, x + (j + i) * ld, (size_t)d * sizeof(float));
            } else {
                memset(lines + i * d, 0, (size_t)d * sizeof(float));
            }
        }
        pack_transposed(lines, d, d, columns + j * d);
    }
}

/* x: (n, d) rows ld apart, into (d / NR, room, NR); columns that fill up the last panel are zero. */
static void pack_panels(const float *x, int64_t ld, int64_t n, int64_t d, int64_t room, float *panels) {
    for (int64_t c = 0; c < d; c += NR) {
        const int64_t width = d - c < NR ? d - c : NR;
        for (int64_t i = 0; i < n; i++) {
            float *to = panels + c * room + i * NR;
            for (int64_t b = 0; b < NR; b += VL) {
                v_store(to + b, width > b ? v_load_upto(x + i * ld + c + b, width - b) : v_zero());
            }
        }
    }
}

static void copy_rows(const float *x, int64_t ld, int64_t n, int64_t d, float *to) {
    for (int64_t i = 0; i < n; i++) {
        memcpy(to + i * d, x + i * ld, (size_t)d * sizeof(float));
    }
}

static int64_t at_most(int64_t n, int64_t most) { return n < most ? n : most; }

/*
 * A row of scores becomes p and, with g . v in ds, the row of ds; only keys [from, to) of the piece are seen, the others are 0
 * up to KEYS. mask: the row's, at the piece's first key, or null.
 */
QUERN_INLINE void weigh(float *p, float *ds, const float *mask, const quern_attention_args *a, int64_t from, int64_t to,
                        float log, float dot) {
    float added[KEYS];
    const int capped = a->soft_cap > 0.0f;
    const vf scale = v_set1(a->scale);
    const vf unit = v_set1(a->scale / a->soft_cap);
    const vf cap = v_set1(a->soft_cap);
    const vf shift = v_set1(-log);
    const vf mean = v_set1(dot);
    const int64_t first = from / VL * VL;
    for (int64_t i = first; mask && i < round_up(to, VL); i++) {
        added[i] = i >= from && i < to ? mask[i * a->mask_key] - log : 0.0f;
    }
    for (int64_t i = first; i < to; i += VL) {
        vf s = v_load(p + i);
        vf factor = scale;
        vf slope = scale;
        if (capped) {
            s = v_tanh(s * unit);
            factor = cap;
            slope = scale * (v_set1(1.0f) - s * s);
        }
        /* The difference in one step: rounding a large score first would be an error of the probability. */
        const vf x = v_fma(s, factor, mask ? v_load(added + i) : shift);
        const vf e = v_exp2_negative(x * v_set1(LOG2_E));
        v_store(p + i, e);
        v_store(ds + i, e * (v_load(ds + i) - mean) * slope);
    }
    for (int64_t i = 0; i < from; i++) {
        p[i] = 0.0f;
        ds[i] = 0.0f;
    }
    for (int64_t i = to; i < KEYS; i++) {
        p[i] = 0.0f;
        ds[i] = 0.0f;
    }
}

/* Rows [r, r + mr) of the packed ones, which are queries from t0 on of head h, against the packed keys [j0, j0 + n). */
static void score_rows(const operands *o, const workspace *w, int64_t h, int64_t t0, int64_t r, int mr, int64_t j0, int64_t n) {
    const quern_attention_args *a = o->a;
    const int64_t d = a->head_dim;
    const int64_t dv = a->value_dim;
    const int64_t t = t0 + r;
    const int64_t seen = end_key(a, t + mr - 1) - j0;
    const int64_t used = seen < 0 ? 0 : at_most(seen, n);
    float *p = w->p + r * KEYS;
    float *ds = w->ds + r * KEYS;
    for (int64_t j = 0; j < used; j += NR) {
        tile(mr, d, w->q + r * d, d, 1, w->k_columns + j * d, p + j, KEYS, NR, 0);
        tile(mr, dv, w->g + r * dv, dv, 1, w->v_columns + j * dv, ds + j, KEYS, NR, 0);
    }
    for (int i = 0; i < mr; i++) {
        const int64_t first = first_key(a, t + i) - j0;
        const int64_t end = end_key(a, t + i) - j0;
        const int64_t from = first < 0 ? 0 : at_most(first, used);
        const int64_t to = end < from ? from : at_most(end, used);
        const float *mask = o->mask ? o->mask + (t + i) * a->mask_query + h * a->mask_head + j0 * a->mask_key : 0;
        const int64_t row = h * a->queries + t + i;
        weigh(p + i * KEYS, ds + i * KEYS, mask, a, from, to, w->log[row], w->dot[row]);
    }
    for (int64_t c = 0; used > 0 && c < d; c += NR) {
        tile(mr, used, ds, KEYS, 1, w->k_panels + c * KEYS, o->dq + t * o->dq_query + h * d + c, o->dq_query,
             at_most(d - c, NR), 1);
    }
}

/* dk and dv of keys [j0 + j, j0 + j + mj) from the packed rows, of which there are n. */
static void sum_keys(const operands *o, const workspace *w, int64_t t0, int64_t n, int64_t j0, int64_t j, int mj) {
    const quern_attention_args *a = o->a;
    const int64_t seen = a->causal ? j0 + j - a->first_position - t0 : 0; /* the first row that sees key j */
    const int64_t i = seen < 0 ? 0 : seen;
    if (i >= n) {
        return;
    }
    for (int64_t c = 0; c < a->value_dim; c += NR) {
        tile(mj, n - i, w->p + i * KEYS + j, 1, KEYS, w->g_panels + c * ROWS + i * NR, o->dv + (j0 + j) * o->dv_key + c, o->dv_key,
             at_most(a->value_dim - c, NR), 1);
    }
    for (int64_t c = 0; c < a->head_dim; c += NR) {
        tile(mj, n - i, w->ds + i * KEYS + j, 1, KEYS, w->q_panels + c * ROWS + i * NR, o->dk + (j0 + j) * o->dk_key + c,
             o->dk_key, at_most(a->head_dim - c, NR), 1);
    }
}

/* All rows of head h against the packed keys [j0, j0 + n). */
static void head(const operands *o, const workspace *w, int64_t h, int64_t j0, int64_t n) {
    const quern_attention_args *a = o->a;
    for (int64_t t = 0; t < a->queries; t += ROWS) {
        const int64_t rows = at_most(a->queries - t, ROWS);
        if (end_key(a, t + rows - 1) <= j0 || first_key(a, t) >= j0 + n) {
            continue;
        }
        const float *q = o->q + t * a->q_query + h * a->q_head;
        const float *g = o->g + t * o->g_query + h * o->g_head;
        copy_rows(q, a->q_query, rows, a->head_dim, w->q);
        copy_rows(g, o->g_query, rows, a->value_dim, w->g);
        pack_panels(w->q, a->head_dim, rows, a->head_dim, ROWS, w->q_panels);
        pack_panels(w->g, a->value_dim, rows, a->value_dim, ROWS, w->g_panels);
        for (int64_t r = 0; r < rows; r += MR) {
            score_rows(o, w, h, t, r, (int)at_most(rows - r, MR), j0, n);
        }
        for (int64_t j = 0; j < n; j += MR) {
            sum_keys(o, w, t, rows, j0, j, (int)at_most(n - j, MR));
        }
    }
}

/* Each row's log-sum-exp and g . y; zeros where sums will be. */
static void prepare(const operands *o, const workspace *w, const float *y, const float *lse, int64_t all_keys) {
    const quern_attention_args *a = o->a;
    for (int64_t h = 0; h < a->group; h++) {
        for (int64_t t = 0; t < a->queries; t++) {
            const float *g = o->g + t * o->g_query + h * o->g_head;
            const float *result = y + t * a->out_query + h * a->out_head;
            vf sum = v_zero();
            for (int64_t c = 0; c < a->value_dim; c += VL) {
                sum = v_fma(v_load_upto(g + c, a->value_dim - c), v_load_upto(result + c, a->value_dim - c), sum);
            }
            const float log = lse[t * a->lse_query + h * a->lse_head];
            w->dot[h * a->queries + t] = v_sum(sum);
            w->log[h * a->queries + t] = log == -INFINITY ? INFINITY : log;
            memset(o->dq + t * o->dq_query + h * a->head_dim, 0, (size_t)a->head_dim * sizeof(float));
        }
    }
    for (int64_t j = 0; j < all_keys; j++) {
        memset(o->dk + j * o->dk_key, 0, (size_t)a->head_dim * sizeof(float));
        memset(o->dv + j * o->dv_key, 0, (size_t)a->value_dim * sizeof(float));
    }
}

void QN(attention_grad)(const float *q, const float *k, const float *v, const float *mask, const float *g, const float *y,
                        const float *lse, float *dq, float *dk, float *dv, const quern_attention_args *args, int64_t g_query,
                        int64_t g_head, int64_t dq_query, int64_t dk_key, int64_t dv_key, int64_t all_keys, void *scratch) {
    const quern_attention_args *a = args;
    const operands o = {q, k, v, mask, g, dq, dk, dv, a, g_query, g_head, dq_query, dk_key, dv_key};
    const workspace w = divide(scratch, a);
    prepare(&o, &w, y, lse, all_keys);
    const int64_t end = a->queries > 0 ? end_key(a, a->queries - 1) : 0;
    for (int64_t j0 = first_key(a, 0) / KEYS * KEYS; j0 < end; j0 += KEYS) {
        const int64_t n = at_most(end - j0, KEYS);
        pack_columns(k + j0 * a->k_key, a->k_key, n, a->head_dim, w.lines, w.k_columns);
        pack_panels(k + j0 * a->k_key, a->k_key, n, a->head_dim, KEYS, w.k_panels);
        pack_columns(v + j0 * a->v_key, a->v_key, n, a->value_dim, w.lines, w.v_columns);
        for (int64_t h = 0; h < a->group; h++) {
            head(&o, &w, h, j0, n);
        }
    }
}
