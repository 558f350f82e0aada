/*
 * Attention of every tier against the formula in F64: grouped heads, causal, window, mask, soft cap, 16-bit and Q8_0 K, V,
 * rows that see nothing, lengths around the kernels' pieces of 128 and 512 keys; guard pages; the same bits for every
 * cut in queries.
 *
 * The AMX tier rounds V to BF16, and so does the reference that it is held against; the exponentials p, each by at most
 * 2^-8 of itself; and scores, by at most 3 * 2^-16 of sum(|k q|). attention_bf16 rounds K, and Q times its factor, as well: so does
 * the reference, and scores are exact.
 */
#include "reference.h"

#include <math.h>
#include <string.h>

typedef void attention_fn(const void *, const void *, const void *, const float *, void *, float *,
                          const quern_attention_args *, void *);

typedef void step_fn(const void *, const void *, const void *, const float *, float *, const quern_attention_args *, int64_t,
                     int64_t, int64_t, int64_t, int64_t, void *);
typedef void join_fn(float *, int64_t, int64_t, void *, float *, const quern_attention_args *, int64_t);

static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t smallest(int64_t a, int64_t b) { return a < b ? a : b; }

/* Query by query, in pieces of 64 to 256 keys; the group as it is, or as heads that share one K and V. */
static void by_steps(step_fn *step, join_fn *join, const float *q, const void *k, const void *v, const float *mask,
                     void *out, float *lse, const quern_attention_args *args, void *scratch) {
    const int64_t width = QUERN_PARTIAL(args->value_dim);
    for (int64_t t = 0; t < args->queries; t++) {
        quern_attention_args a = *args;
        const int64_t position = a.first_position + t;
        const int64_t from = a.window > 0 ? largest(0, position - a.window + 1) : 0;
        const int64_t to = largest(from, a.causal ? smallest(a.keys, position + 1) : a.keys);
        const int64_t piece = 64 << (position + 3) % 3;
        const int64_t first = from / piece;
        const int64_t pieces = largest(1, (to + piece - 1) / piece - first);
        float *partial = aligned_alloc(64, (size_t)(pieces * a.group * width * 4));
        const int64_t heads = position % 2 == 0 ? 1 : a.group;
        a.group /= heads;
        const float *m = mask ? mask + t * a.mask_query : NULL;
        for (int64_t p = 0; p < pieces; p++) {
            const int64_t begin = largest(from, (first + p) * piece);
            step(q + t * a.q_query, k, v, m, partial + p * args->group * width, &a, heads, 0, 0, begin,
                 smallest(to, (first + p + 1) * piece), scratch);
        }
        join(partial, args->group * width, pieces, (char *)out + t * a.out_query * (a.out_format == QUERN_F32 ? 4 : 2),
             lse ? lse + t * a.lse_query : NULL, &a, args->group);
        free(partial);
    }
}

#define STEPS(tier)                                                                                                      \
    static void steps_##tier(const void *q, const void *k, const void *v, const float *mask, void *out, float *lse,      \
                             const quern_attention_args *a, void *scratch) {                                             \
        by_steps(quern_attention_step_##tier, quern_attention_join_##tier, q, k, v, mask, out, lse, a, scratch);         \
    }

STEPS(baseline)
#if defined(__x86_64__)
STEPS(avx2)
STEPS(avx512)
#endif

static const struct tier {
    const char *name;
    uint64_t cap;
    attention_fn *run;
    int rounds; /* to BF16: 1 exponentials and V, 2 also Q and K */
} tiers[] = {
    {"baseline", QUERN_CAP_BASELINE, quern_attention_baseline, 0},
    {"baseline step", QUERN_CAP_BASELINE, steps_baseline, 0},
#if defined(__x86_64__)
    {"avx2", QUERN_CAP_AVX2, quern_attention_avx2, 0},
    {"avx2 step", QUERN_CAP_AVX2, steps_avx2, 0},
    {"avx512 step", QUERN_CAP_AVX512, steps_avx512, 0},
    {"avx512", QUERN_CAP_AVX512, quern_attention_avx512, 0},
    {"amx", QUERN_CAP_AMX, quern_attention_amx, 1},
    {"amx bf16", QUERN_CAP_AMX, quern_attention_bf16_amx, 2},
#endif
};

typedef struct scenario {
    int64_t queries, group, head_dim, value_dim, keys, first, window;
    int causal, masked;
    format kv;
    float soft_cap;
} scenario;

static double cap_score(double s, double cap) { return cap > 0 ? cap * tanh(s / cap) : s; }

static double rounded(double x) { return bf16_value(bf16_of((float)x)); }

/*
 * Returns e, the largest error of a score in the AMX tier: 3 * 2^-16 sum(|k q|) scale. allowed: what its results may differ
 * by; exponentials are off by e and by their rounding, 2^-8, their sum by e alone: (2^-8 + 2 e) sum(p |v|) / sum(p).
 */
static double expected_row(const scenario *c, const double *q, const double *k, const double *v, const float *mask, int64_t t,
                         float scale, double *out, double *allowed, double *lse) {
    double *s = malloc((size_t)(c->keys + 1) * sizeof *s);
    double top = -INFINITY;
    double total = 0;
    double size = 0;
    for (int64_t j = 0; j < c->keys; j++) {
        const int64_t position = c->first + t;
        const int seen = (!c->causal || j <= position) && (c->window == 0 || j > position - c->window);
        double dot = 0;
        double absolute = 0;
        for (int64_t i = 0; i < c->head_dim; i++) {
            dot += q[i] * k[j * c->head_dim + i];
            absolute += fabs(q[i] * k[j * c->head_dim + i]);
        }
        size = fmax(size, absolute * scale);
        s[j] = seen ? cap_score(dot * scale, c->soft_cap) + (mask ? mask[j] : 0) : -INFINITY;
        top = fmax(top, s[j]);
    }
    for (int64_t i = 0; i < c->value_dim; i++) {
        out[i] = 0;
        allowed[i] = 0;
    }
    for (int64_t j = 0; j < c->keys && top > -INFINITY; j++) {
        const double p = exp(s[j] - top);
        total += p;
        for (int64_t i = 0; i < c->value_dim; i++) {
            out[i] += p * v[j * c->value_dim + i];
            allowed[i] += p * fabs(v[j * c->value_dim + i]);
        }
    }
    const double error = 3 * 0x1p-16 * size;
    for (int64_t i = 0; i < c->value_dim && total > 0; i++) {
        out[i] /= total;
        allowed[i] *= (0x1p-8 + 2 * error) / total;
    }
    *lse = total > 0 ? top + log(total) : -INFINITY;
    free(s);
    return error;
}

static void check_scenario(const struct tier *tier, const scenario *c, int at_end) {
    random_source r = {(uint64_t)(c->queries * 7919 + c->keys * 31 + c->head_dim)};
    const int64_t rows = c->queries * c->group;
    const float scale = 1.0f / sqrtf((float)c->head_dim);
    const int64_t kb = row_bytes(c->kv, c->head_dim);
    const int64_t vb = row_bytes(c->kv, c->value_dim);
    float *q = guarded(rows * c->head_dim * 4, at_end);
    uint8_t *k = guarded(c->keys * kb, at_end);
    uint8_t *v = guarded(c->keys * vb, at_end);
    float *mask = guarded(c->queries * c->keys * 4, at_end);
    float *out = guarded(rows * c->value_dim * 4, at_end);
    float *again = guarded(rows * c->value_dim * 4, at_end);
    float *lse = guarded(rows * 4, at_end);
    void *scratch = scratch_memory(quern_attention_scratch_bytes(rows, c->head_dim, c->value_dim));
    fill_floats(&r, q, rows * c->head_dim);
    double *kd = malloc((size_t)(c->keys * c->head_dim + 1) * sizeof *kd);
    double *vd = malloc((size_t)(c->keys * c->value_dim + 1) * sizeof *vd);
    for (int64_t j = 0; j < c->keys; j++) {
        random_row(&r, c->kv, 0, k + j * kb, c->head_dim);
        random_row(&r, c->kv, 0, v + j * vb, c->value_dim);
        row_values(c->kv, k + j * kb, c->head_dim, kd + j * c->head_dim);
        row_values(c->kv, v + j * vb, c->value_dim, vd + j * c->value_dim);
    }
    for (int64_t i = 0; tier->rounds && i < c->keys * c->value_dim; i++) {
        vd[i] = rounded(vd[i]);
    }
    for (int64_t i = 0; tier->rounds == 2 && i < c->keys * c->head_dim; i++) {
        kd[i] = rounded(kd[i]);
    }
    double *qd = malloc((size_t)(rows * c->head_dim + 1) * sizeof *qd);
    const float factor = c->soft_cap > 0 ? scale / c->soft_cap : scale * 0x1.715476p+0f;
    for (int64_t i = 0; i < rows * c->head_dim; i++) {
        qd[i] = tier->rounds == 2 ? rounded(q[i] * factor) / factor : q[i];
    }
    for (int64_t i = 0; i < c->queries * c->keys; i++) {
        mask[i] = next_bits(&r) % 3 == 0 || i / c->keys == 1 ? -INFINITY : next_float(&r); /* query 1 sees nothing */
    }
    quern_attention_args a;
    memset(&a, 0, sizeof a);
    a.queries = c->queries;
    a.group = c->group;
    a.head_dim = c->head_dim;
    a.value_dim = c->value_dim;
    a.keys = c->keys;
    a.first_position = c->first;
    a.window = c->window;
    a.q_query = c->group * c->head_dim;
    a.q_head = c->head_dim;
    a.k_key = c->head_dim;
    a.v_key = c->value_dim;
    a.out_query = c->group * c->value_dim;
    a.out_head = c->value_dim;
    a.mask_query = c->keys;
    a.mask_key = 1;
    a.lse_query = c->group;
    a.lse_head = 1;
    a.causal = c->causal;
    a.scale = scale;
    a.soft_cap = c->soft_cap;
    a.k_format = a.v_format = c->kv == F32    ? QUERN_F32
                              : c->kv == F16  ? QUERN_F16
                              : c->kv == BF16 ? QUERN_BF16
                                              : QUERN_Q8_0;
    const float *used_mask = c->masked ? mask : NULL;
    tier->run(q, k, v, used_mask, out, lse, &a, scratch);

    double *expected = malloc((size_t)(c->value_dim + 1) * sizeof *expected);
    double *allowed = malloc((size_t)(c->value_dim + 1) * sizeof *allowed);
    for (int64_t t = 0; t < c->queries; t++) {
        for (int64_t g = 0; g < c->group; g++) {
            const int64_t row = t * c->group + g;
            double l;
            const double error = expected_row(c, qd + row * c->head_dim, kd, vd, used_mask ? used_mask + t * c->keys : NULL, t,
                                              scale, expected, allowed, &l);
            for (int64_t i = 0; i < c->value_dim; i++) {
                const double e = fabs(out[row * c->value_dim + i] - expected[i]);
                CHECK(e <= 3e-6 + (tier->rounds ? allowed[i] : 0), "%s tq=%lld g=%lld d=%lld/%lld tk=%lld first=%lld window=%lld %s row %lld: %g, not %g",
                      tier->name, (long long)c->queries, (long long)c->group, (long long)c->head_dim, (long long)c->value_dim,
                      (long long)c->keys, (long long)c->first, (long long)c->window, format_name(c->kv), (long long)row,
                      (double)out[row * c->value_dim + i], expected[i]);
            }
            CHECK(l == lse[row] || fabs(l - lse[row]) <= 1e-5 + (tier->rounds ? error : 0), "%s lse %g, not %g", tier->name, (double)lse[row], l);
        }
    }
    free(expected);
    free(allowed);
    free(qd);
    free(kd);
    free(vd);

    for (int64_t t = 0, step = 1; t < c->queries; t += step, step = 2 * step + 1) {
        quern_attention_args part = a;
        part.queries = t + step < c->queries ? step : c->queries - t;
        part.first_position = c->first + t;
        tier->run(q + t * a.q_query, k, v, used_mask ? used_mask + t * c->keys : NULL, again + t * a.out_query, NULL, &part,
                  scratch);
    }
    CHECK(memcmp(out, again, (size_t)(rows * c->value_dim * 4)) == 0, "%s: bits depend on the cut", tier->name);
    release_guarded();
}

int main(void) {
    static const scenario scenarios[] = {
        {1, 1, 64, 64, 1, 0, 0, 1, 0, F32, 0},       {1, 4, 64, 64, 129, 128, 0, 1, 0, F16, 0},
        {1, 8, 128, 128, 500, 499, 0, 1, 0, BF16, 0}, {17, 1, 16, 16, 17, 0, 0, 1, 0, F32, 0},
        {40, 3, 48, 48, 300, 260, 0, 1, 0, F32, 0},  {40, 2, 15, 33, 257, 200, 0, 1, 1, F32, 0},
        {33, 1, 65, 17, 127, 0, 0, 0, 0, F32, 0},    {31, 2, 31, 31, 128, 0, 0, 0, 1, F16, 0},
        {64, 1, 32, 32, 300, 236, 50, 1, 0, F32, 0}, {64, 1, 32, 32, 300, 236, 1, 1, 0, F32, 0},
        {20, 2, 1, 3, 255, 235, 0, 1, 0, BF16, 0},   {20, 2, 80, 80, 384, 364, 0, 1, 0, F32, 5.0f},
        {5, 1, 8, 8, 0, 0, 0, 1, 0, F32, 0},         {6, 2, 8, 8, 40, -3, 0, 1, 0, F32, 0},
        {12, 1, 24, 24, 140, 139, 100, 0, 1, F16, 30.0f}, {130, 1, 64, 64, 130, 0, 0, 1, 0, F32, 0},
        {70, 4, 64, 64, 700, 630, 0, 1, 0, F16, 0},  {33, 3, 96, 80, 1100, 1067, 400, 1, 0, BF16, 0},
        {50, 1, 32, 40, 640, 590, 0, 0, 1, F32, 8.0f}, {1, 4, 64, 64, 129, 128, 0, 1, 0, Q8_0, 0},
        {1, 1, 32, 32, 1, 0, 0, 1, 0, Q8_0, 0},      {1, 7, 128, 96, 500, 499, 0, 1, 1, Q8_0, 0},
        {17, 2, 32, 160, 300, 260, 0, 1, 0, Q8_0, 9.0f}, {70, 4, 64, 64, 700, 630, 90, 1, 0, Q8_0, 0},
        {33, 3, 96, 64, 1100, 1067, 0, 1, 1, Q8_0, 0}, {5, 1, 32, 32, 0, 0, 0, 1, 0, Q8_0, 0},
    };
    int64_t cases = 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        for (size_t s = 0; has(tiers[i].cap) && s < sizeof scenarios / sizeof *scenarios; s++) {
            check_scenario(&tiers[i], &scenarios[s], 1);
            check_scenario(&tiers[i], &scenarios[s], 0);
            cases += 2;
        }
    }
    return finished("attention", cases);
}
