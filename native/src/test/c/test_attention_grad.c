/*
 * The gradient of attention of every tier against F64: groups, windows, masks, soft caps, awkward sizes; guard pages.
 *
 * attention_grad_bf16 rounds q times its factor, k, v and g, and so does the reference; and p and ds, by at most 2^-9 of each.
 */
#include "reference.h"

#include <math.h>
#include <string.h>

typedef void grad_fn(const float *, const float *, const float *, const float *, const float *, const float *, const float *,
                     float *, float *, float *, const quern_attention_args *, int64_t, int64_t, int64_t, int64_t, int64_t,
                     int64_t, void *);

static const struct tier {
    const char *name;
    uint64_t cap;
    grad_fn *run;
    int rounds; /* to BF16 */
} tiers[] = {
    {"baseline", QUERN_CAP_BASELINE, quern_attention_grad_baseline, 0},
#if defined(__x86_64__)
    {"avx2", QUERN_CAP_AVX2, quern_attention_grad_avx2, 0},
    {"avx512", QUERN_CAP_AVX512, quern_attention_grad_avx512, 0},
    {"amx bf16", QUERN_CAP_AMX, quern_attention_grad_bf16_amx, 1},
#endif
};

typedef struct scenario {
    int64_t queries, group, head_dim, value_dim, keys, first, window, causal, masked;
    float soft_cap;
    int64_t unseen; /* keys beyond those that are valid */
} scenario;

/* Keys, values and their gradients lie a few elements apart, as if other heads were between. */
enum { GAP = 5 };

static int sees(const scenario *c, int64_t t, int64_t j) {
    return j < c->keys && (!c->causal || j <= c->first + t) && (!c->window || j > c->first + t - c->window);
}

typedef struct problem {
    const scenario *c;
    float *mask, *y, *lse;
    double *q, *k, *v, *g; /* as the tier rounds them */
    double *dq, *dk, *dv;
    double *dq_size, *dk_size, *dv_size; /* sums of the terms' magnitudes */
} problem;

static double score(const problem *x, int64_t t, int64_t h, int64_t j, double *slope) {
    const scenario *c = x->c;
    double s = 0;
    for (int64_t i = 0; i < c->head_dim; i++) {
        s += x->q[(t * c->group + h) * c->head_dim + i] * x->k[j * (c->head_dim + GAP) + i];
    }
    s *= 0.3f;
    *slope = 1;
    if (c->soft_cap > 0) {
        const double u = tanh(s / c->soft_cap);
        *slope = 1 - u * u;
        s = c->soft_cap * u;
    }
    return s + (x->mask ? x->mask[t * (c->keys + 1) + j] : 0.0);
}

/* The forward pass, then the gradients, one row of scores after the other. */
static void expect(const problem *x) {
    const scenario *c = x->c;
    const int64_t dv = c->value_dim;
    double *p = calloc((size_t)(c->keys + 1), sizeof *p);
    double *slopes = calloc((size_t)(c->keys + 1), sizeof *slopes);
    for (int64_t r = 0; r < c->queries * c->group; r++) {
        const int64_t t = r / c->group;
        double top = -INFINITY;
        double sum = 0;
        for (int64_t j = 0; j < c->keys; j++) {
            p[j] = sees(c, t, j) ? score(x, t, r % c->group, j, slopes + j) : -INFINITY;
            top = p[j] > top ? p[j] : top;
        }
        for (int64_t j = 0; j < c->keys; j++) {
            p[j] = p[j] == -INFINITY ? 0 : exp(p[j] - top);
            sum += p[j];
        }
        x->lse[r] = sum == 0 ? -INFINITY : (float)(top + log(sum));
        double dot = 0;
        for (int64_t i = 0; i < dv; i++) {
            double y = 0;
            for (int64_t j = 0; j < c->keys; j++) {
                y += sum == 0 ? 0 : p[j] / sum * x->v[j * (dv + GAP) + i];
            }
            x->y[r * dv + i] = (float)y;
            dot += y * x->g[r * dv + i];
        }
        for (int64_t j = 0; sum > 0 && j < c->keys; j++) {
            double up = 0;
            for (int64_t i = 0; i < dv; i++) {
                const double term = p[j] / sum * x->g[r * dv + i];
                up += x->g[r * dv + i] * x->v[j * (dv + GAP) + i];
                x->dv[j * (dv + GAP) + i] += term;
                x->dv_size[j * (dv + GAP) + i] += fabs(term);
            }
            const double ds = 0.3f * p[j] / sum * (up - dot) * slopes[j];
            for (int64_t i = 0; i < c->head_dim; i++) {
                const int64_t row = r * c->head_dim + i;
                const int64_t key = j * (c->head_dim + GAP) + i;
                x->dq[row] += ds * x->k[key];
                x->dk[key] += ds * x->q[row];
                x->dq_size[row] += fabs(ds * x->k[key]);
                x->dk_size[key] += fabs(ds * x->q[row]);
            }
        }
    }
    free(p);
    free(slopes);
}

static void compare(const struct tier *tier, const char *what, const float *actual, const double *expected, const double *size,
                    int64_t rows, int64_t d, int64_t ld, const scenario *c) {
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < d; i++) {
            const double e = expected[r * ld + i];
            const double rounding = tier->rounds ? 0x1p-8 * size[r * ld + i] : 0;
            CHECK(fabs(actual[r * ld + i] - e) <= 2e-5 * (1 + fabs(e)) + rounding, "%s %s queries %lld keys %lld d %lld, [%lld, %lld]: %g, not %g",
                  tier->name, what, (long long)c->queries, (long long)c->keys, (long long)c->head_dim, (long long)r, (long long)i,
                  (double)actual[r * ld + i], e);
        }
    }
}

/* n numbers as the tier sees them: times factor, rounded, over factor. */
static double *seen_as(const struct tier *tier, const float *x, int64_t n, float factor) {
    double *seen = guarded(n * 8, 1);
    for (int64_t i = 0; i < n; i++) {
        seen[i] = tier->rounds ? bf16_value(bf16_of(x[i] * factor)) / factor : x[i];
    }
    return seen;
}

static void check(const struct tier *tier, const scenario *c, int at_end) {
    const int64_t rows = c->queries * c->group;
    const int64_t all = c->keys + c->unseen;
    const int64_t k_row = c->head_dim + GAP;
    const int64_t v_row = c->value_dim + GAP;
    const int64_t k_size = all > 0 ? all * k_row - GAP : 0; /* ends with the last key's last element */
    const int64_t v_size = all > 0 ? all * v_row - GAP : 0;
    random_source r = {(uint64_t)(c->queries * 7 + c->keys)};
    problem x = {.c = c};
    float *q = guarded(rows * c->head_dim * 4, at_end);
    float *k = guarded(k_size * 4, at_end);
    float *v = guarded(v_size * 4, at_end);
    float *g = guarded(rows * c->value_dim * 4, at_end);
    x.mask = c->masked ? guarded(c->queries * (c->keys + 1) * 4, at_end) : NULL;
    x.y = guarded(rows * c->value_dim * 4, at_end);
    x.lse = guarded(rows * 4, at_end);
    x.dq = guarded(rows * c->head_dim * 8, at_end);
    x.dq_size = guarded(rows * c->head_dim * 8, at_end);
    x.dk = guarded(all * k_row * 8, at_end);
    x.dk_size = guarded(all * k_row * 8, at_end);
    x.dv = guarded(all * v_row * 8, at_end);
    x.dv_size = guarded(all * v_row * 8, at_end);
    float *dq = guarded(rows * c->head_dim * 4, at_end);
    float *dk = guarded(k_size * 4, at_end);
    float *dv = guarded(v_size * 4, at_end);
    fill_floats(&r, q, rows * c->head_dim);
    fill_floats(&r, k, k_size);
    fill_floats(&r, v, v_size);
    fill_floats(&r, g, rows * c->value_dim);
    x.q = seen_as(tier, q, rows * c->head_dim, c->soft_cap > 0 ? 0.3f / c->soft_cap : 0.3f * 0x1.715476p+0f);
    x.k = seen_as(tier, k, k_size, 1);
    x.v = seen_as(tier, v, v_size, 1);
    x.g = seen_as(tier, g, rows * c->value_dim, 1);
    for (int64_t i = 0; c->masked && i < c->queries * (c->keys + 1); i++) {
        x.mask[i] = next_bits(&r) % 4 == 0 || i < c->keys ? -INFINITY : next_float(&r); /* the first row sees nothing */
    }
    expect(&x);
    quern_attention_args a = {0};
    a.queries = c->queries;
    a.group = c->group;
    a.head_dim = c->head_dim;
    a.value_dim = c->value_dim;
    a.keys = c->keys;
    a.first_position = c->first;
    a.window = c->window;
    a.q_head = c->head_dim;
    a.q_query = c->group * c->head_dim;
    a.k_key = k_row;
    a.v_key = v_row;
    a.out_head = c->value_dim;
    a.out_query = c->group * c->value_dim;
    a.mask_query = c->keys + 1;
    a.mask_key = 1;
    a.lse_query = c->group;
    a.lse_head = 1;
    a.causal = c->causal;
    a.scale = 0.3f;
    a.soft_cap = c->soft_cap;
    void *scratch = scratch_memory(quern_attention_grad_scratch_bytes(rows, c->head_dim, c->value_dim));
    for (int64_t i = 0; i < k_size; i++) {
        dk[i] = 77.0f;
    }
    tier->run(q, k, v, x.mask, g, x.y, x.lse, dq, dk, dv, &a, a.out_query, a.out_head, a.q_query, k_row, v_row, all, scratch);
    compare(tier, "dq", dq, x.dq, x.dq_size, rows, c->head_dim, c->head_dim, c);
    compare(tier, "dk", dk, x.dk, x.dk_size, all, c->head_dim, k_row, c);
    compare(tier, "dv", dv, x.dv, x.dv_size, all, c->value_dim, v_row, c);
    for (int64_t j = 0; j + 1 < all; j++) {
        CHECK(dk[j * k_row + c->head_dim] == 77.0f, "%s wrote between keys", tier->name);
    }
    release_guarded();
}

int main(void) {
    static const scenario scenarios[] = {
        /* queries, group, head_dim, value_dim, keys, first, window, causal, masked, soft_cap, unseen */
        {1, 1, 64, 64, 1, 0, 0, 1, 0, 0, 0},      {64, 1, 32, 32, 64, 0, 0, 1, 0, 0, 0},    {17, 1, 16, 16, 17, 0, 0, 1, 0, 0, 0},
        {130, 1, 64, 64, 130, 0, 0, 1, 0, 0, 0},  {40, 3, 48, 48, 300, 260, 0, 1, 0, 0, 0}, {33, 2, 15, 33, 97, 64, 0, 1, 1, 0, 0},
        {33, 1, 65, 17, 127, 0, 0, 0, 0, 0, 3},   {31, 2, 31, 31, 96, 0, 0, 0, 1, 0, 0},    {200, 1, 32, 32, 200, 0, 50, 1, 0, 0, 0},
        {64, 1, 32, 32, 200, 136, 1, 1, 0, 0, 0}, {20, 2, 1, 3, 255, 235, 0, 1, 0, 0, 9},   {20, 2, 80, 80, 193, 173, 0, 1, 0, 5, 0},
        {5, 1, 8, 8, 0, 0, 0, 1, 0, 0, 4},        {6, 2, 8, 8, 40, -3, 0, 1, 0, 0, 0},      {12, 1, 24, 24, 140, 139, 100, 0, 1, 3, 0},
        {49, 2, 128, 128, 49, 0, 0, 1, 0, 0, 0},  {100, 1, 33, 40, 100, 0, 70, 1, 1, 0, 1},
        {300, 1, 64, 64, 300, 0, 0, 1, 0, 0, 0},  {150, 4, 96, 32, 600, 450, 0, 1, 0, 0, 0}, {70, 2, 64, 64, 530, 460, 40, 1, 0, 0, 7},
        {257, 1, 32, 32, 513, 256, 0, 0, 0, 0, 0}, {130, 2, 40, 72, 290, 160, 300, 1, 1, 2, 0},
    };
    int64_t cases = 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        for (size_t s = 0; has(tiers[i].cap) && s < sizeof scenarios / sizeof *scenarios; s++) {
            check(&tiers[i], &scenarios[s], 1);
            check(&tiers[i], &scenarios[s], 0);
            cases += 2;
        }
    }
    return finished("attention_grad", cases);
}
