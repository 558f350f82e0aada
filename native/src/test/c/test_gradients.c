/* Losses, gradients of norms and activations, dropout and the optimiser's step of every tier against F64; guard pages. */
#include "support.h"

#include <math.h>
#include <string.h>

typedef void gate_fn(const void *, const void *, const void *, void *, void *, int64_t, int64_t, int64_t);

#define TIER(t, cap)                                                                                                    \
    {#t, cap, quern_cross_entropy_##t, quern_cross_entropy_grad_##t, quern_norm_grad_##t, quern_join_parts_##t,         \
     {quern_swiglu_grad_##t, quern_geglu_tanh_grad_##t, quern_geglu_erf_grad_##t},                                      \
     {quern_zip_silu_grad_##t, quern_zip_gelu_tanh_grad_##t, quern_zip_gelu_erf_grad_##t}, quern_dropout_##t, quern_adam_w_##t}

static const struct tier {
    const char *name;
    uint64_t cap;
    void (*cross_entropy)(const float *, const void *, int64_t, int64_t, float, float *, float *, int64_t, int64_t);
    void (*cross_entropy_grad)(const float *, const void *, int64_t, int64_t, float, const float *, int64_t, float, const float *,
                               float *, int64_t, int64_t, int64_t);
    void (*norm_grad)(const float *, const float *, const float *, const float *, const float *, const float *, float *, float *, float *,
                      int64_t, int64_t);
    void (*join_parts)(const float *, int64_t, int64_t, float *, int64_t);
    gate_fn *gate[3];
    void (*zip[3])(const void *, const void *, void *, int64_t, int64_t, int64_t);
    void (*dropout)(const float *, float *, int64_t, int64_t, int64_t, int64_t, float);
    void (*adam_w)(float *, const float *, float *, float *, const float *, const float *, int64_t, float, float, float, float,
                   float);
} tiers[] = {
    TIER(baseline, QUERN_CAP_BASELINE),
#if defined(__x86_64__)
    TIER(avx2, QUERN_CAP_AVX2),
    TIER(avx512, QUERN_CAP_AVX512),
#endif
};

static void near(double actual, double expected, double tolerance, const char *what, const char *tier, int64_t n) {
    CHECK(fabs(actual - expected) <= tolerance * (1 + fabs(expected)), "%s %s n=%lld: %.9g, not %.9g", tier, what, (long long)n,
          actual, expected);
}

static void check_loss(const struct tier *t, int64_t v, int at_end, int64_t wide, float smoothing) {
    enum { ROWS = 5, IGNORED = -100 };
    random_source r = {(uint64_t)v + 3};
    float *x = guarded(ROWS * v * 4, at_end);
    float *y = guarded(ROWS * v * 4, at_end);
    float *g = guarded(ROWS * 4, at_end);
    float *loss = guarded(ROWS * 4, at_end);
    float *lse = guarded(ROWS * 4, at_end);
    void *targets = guarded(ROWS * (wide ? 8 : 4), at_end);
    fill_floats(&r, x, ROWS * v);
    fill_floats(&r, g, ROWS);
    for (int64_t i = 0; i < ROWS; i++) {
        const int64_t target = i == 2 ? IGNORED : (int64_t)(next_bits(&r) % (uint64_t)v);
        if (wide) {
            memcpy((char *)targets + i * 8, &target, 8);
        } else {
            const int32_t narrow = (int32_t)target;
            memcpy((char *)targets + i * 4, &narrow, 4);
        }
    }
    for (int64_t i = 0; i < v; i++) {
        x[i] = x[i] * 30.0f + 1000.0f;
    }
    t->cross_entropy(x, targets, wide, IGNORED, smoothing, loss, NULL, ROWS, v);
    t->cross_entropy(x, targets, wide, IGNORED, smoothing, loss, lse, ROWS, v);
    for (int64_t flow = QUERN_NEAR; flow <= QUERN_THROUGH; flow += QUERN_THROUGH) {
        t->cross_entropy_grad(x, targets, wide, IGNORED, smoothing, g, 1, 3.0f, lse, y, ROWS, v, flow);
        for (int64_t i = 0; i < ROWS; i++) {
            const float *row = x + i * v;
            double top = row[0];
            double sum = 0;
            double mean = 0;
            for (int64_t c = 0; c < v; c++) {
                top = row[c] > top ? row[c] : top;
                mean += row[c] / (double)v;
            }
            for (int64_t c = 0; c < v; c++) {
                sum += exp(row[c] - top);
            }
            const double log_sum = top + log(sum);
            const int64_t target = wide ? ((const int64_t *)targets)[i] : ((const int32_t *)targets)[i];
            if (target == IGNORED) {
                CHECK(loss[i] == 0.0f && lse[i] == 0.0f, "%s ignored", t->name);
            } else {
                near(lse[i], log_sum, 1e-6, "lse", t->name, v);
                near(loss[i], (1 - smoothing) * (log_sum - row[target]) + smoothing * (log_sum - mean), 2e-6, "loss", t->name, v);
            }
            for (int64_t c = 0; c < v; c++) {
                const double p = exp((double)row[c] - lse[i]) - smoothing / (double)v - (c == target ? 1 - smoothing : 0);
                near(y[i * v + c], target == IGNORED ? 0 : (double)g[i] / 3 * p, 1e-6, "loss gradient", t->name, v);
            }
        }
    }
    release_guarded();
}

static void check_norm(const struct tier *t, int64_t c, int at_end, int centred) {
    enum { ROWS = 7, CUT = 4 };
    random_source r = {(uint64_t)c + 9};
    float *g = guarded(ROWS * c * 4, at_end);
    float *x = guarded(ROWS * c * 4, at_end);
    float *dx = guarded(ROWS * c * 4, at_end);
    float *weight = guarded(c * 4, at_end);
    float *mean = guarded(ROWS * 4, at_end);
    float *inverse = guarded(ROWS * 4, at_end);
    float *parts = guarded(4 * c * 4, at_end);
    float *d_weight = guarded(c * 4, at_end);
    float *d_bias = guarded(c * 4, at_end);
    fill_floats(&r, g, ROWS * c);
    fill_floats(&r, x, ROWS * c);
    fill_floats(&r, weight, c);
    fill_floats(&r, mean, ROWS);
    fill_floats(&r, inverse, ROWS);
    const float *shift = centred ? mean : NULL;
    t->norm_grad(g, x, weight, shift, inverse, NULL, dx, NULL, NULL, ROWS, c);
    t->norm_grad(g, x, weight, shift, inverse, NULL, dx, parts, centred ? parts + c : NULL, CUT, c);
    t->norm_grad(g + CUT * c, x + CUT * c, weight, centred ? mean + CUT : NULL, inverse + CUT, NULL, dx + CUT * c, parts + 2 * c,
                 centred ? parts + 3 * c : NULL, ROWS - CUT, c);
    float *with = guarded(ROWS * c * 4, at_end);
    t->norm_grad(g, x, weight, shift, inverse, x, with, NULL, NULL, ROWS, c);
    for (int64_t i = 0; i < ROWS * c; i++) {
        near(with[i], (double)(dx[i] + x[i]), 0, "norm dx + r", t->name, c);
    }
    t->join_parts(parts, 2 * c, 2, d_weight, c);
    if (centred) {
        t->join_parts(parts + c, 2 * c, 2, d_bias, c);
    }
    for (int64_t i = 0; i < ROWS; i++) {
        double plain = 0;
        double product = 0;
        const double m = centred ? mean[i] : 0;
        for (int64_t j = i * c; j < (i + 1) * c; j++) {
            plain += (double)g[j] * weight[j - i * c] / (double)c;
            product += (double)g[j] * weight[j - i * c] * (x[j] - m) * inverse[i] / (double)c;
        }
        for (int64_t j = i * c; j < (i + 1) * c; j++) {
            const double gw = (double)g[j] * weight[j - i * c] - (centred ? plain : 0);
            near(dx[j], inverse[i] * (gw - (x[j] - m) * inverse[i] * product), 2e-5, "norm dx", t->name, c);
        }
    }
    for (int64_t j = 0; j < c; j++) {
        double w = 0;
        double b = 0;
        for (int64_t i = 0; i < ROWS; i++) {
            w += g[i * c + j] * ((double)x[i * c + j] - (centred ? mean[i] : 0)) * inverse[i];
            b += g[i * c + j];
        }
        near(d_weight[j], w, 1e-5, "norm d_weight", t->name, c);
        if (centred) {
            near(d_bias[j], b, 1e-5, "norm d_bias", t->name, c);
        }
    }
    release_guarded();
}

static double value_of(int kind, double x) {
    const double u = 0.79788456080286536 * (x + 0.044715 * x * x * x);
    return kind == 0 ? x / (1 + exp(-x)) : kind == 1 ? x / 2 * (1 + tanh(u)) : x / 2 * erfc(-x * sqrt(0.5));
}

static double slope_of(int kind, double x) {
    const double h = 1e-5;
    return (value_of(kind, x + h) - value_of(kind, x - h)) / (2 * h);
}

static void check_activations(const struct tier *t, int64_t n, int at_end) {
    random_source r = {(uint64_t)n};
    float *g = guarded(n * 4, at_end);
    float *x = guarded(n * 4, at_end);
    float *up = guarded(n * 4, at_end);
    float *d_gate = guarded(n * 4, at_end);
    float *d_up = guarded(n * 4, at_end);
    uint16_t *half = guarded(n * 2, at_end);
    uint16_t *half_gate = guarded(n * 2, at_end);
    uint16_t *half_up = guarded(n * 2, at_end);
    fill_floats(&r, g, n);
    fill_floats(&r, x, n);
    fill_floats(&r, up, n);
    for (int64_t i = 0; i < n; i++) {
        x[i] *= 4;
    }
    for (int kind = 0; kind < 3; kind++) {
        t->zip[kind](g, x, d_up, n, QUERN_F32, QUERN_NEAR);
        for (int64_t i = 0; i < n; i++) {
            near(d_up[i], g[i] * slope_of(kind, x[i]), 2e-6, "activation slope", t->name, n);
        }
        for (int64_t flow = QUERN_NEAR; flow <= QUERN_THROUGH; flow++) {
            t->gate[kind](g, x, up, d_gate, d_up, n, QUERN_F32, flow);
            for (int64_t i = 0; i < n; i++) {
                near(d_gate[i], (double)g[i] * up[i] * slope_of(kind, x[i]), 4e-6, "d_gate", t->name, n);
                near(d_up[i], g[i] * value_of(kind, x[i]), 4e-6, "d_up", t->name, n);
            }
        }
        quern_convert_f32_bf16_baseline(g, 0, half, 0, 1, n);
        t->gate[kind](half, half, half, half_gate, half_up, n, QUERN_BF16, QUERN_FAR);
        quern_convert_bf16_f32_baseline(half, 0, d_gate, 0, 1, n);
        quern_convert_bf16_f32_baseline(half_up, 0, d_up, 0, 1, n);
        for (int64_t i = 0; i < n; i++) {
            near(d_up[i], d_gate[i] * value_of(kind, d_gate[i]), 0x1p-8, "d_up BF16", t->name, n);
        }
    }
    release_guarded();
}

static uint32_t philox(uint64_t key, uint64_t counter, int which) {
    uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), 0, 0};
    uint32_t k[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53u * c[0];
        const uint64_t b = (uint64_t)0xCD9E8D57u * c[2];
        const uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k[0], (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k[1], (uint32_t)a};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    return c[which];
}

static void check_dropout(const struct tier *t, int64_t n, int at_end) {
    random_source r = {(uint64_t)n + 1};
    float *x = guarded(n * 4, at_end);
    float *y = guarded(n * 4, at_end);
    fill_floats(&r, x, n);
    const uint64_t key = next_bits(&r);
    const uint64_t counter = n % 2 ? 0xfffffffau : 7; /* the first carries into the second word */
    const uint32_t least = 0x400000;
    t->dropout(x, y, n, (int64_t)key, (int64_t)counter, least, 4.0f / 3);
    for (int64_t i = 0; i < n; i++) {
        const int kept = philox(key, counter + (uint64_t)i / 4, (int)(i % 4)) >> 8 >= least;
        CHECK(y[i] == (kept ? x[i] * (4.0f / 3) : 0.0f), "%s dropout n=%lld at %lld", t->name, (long long)n, (long long)i);
    }
    release_guarded();
}

static void check_adam_w(const struct tier *t, int64_t n, int at_end) {
    random_source r = {(uint64_t)n + 2};
    float *p = guarded(n * 4, at_end);
    float *g = guarded(n * 4, at_end);
    float *m = guarded(n * 4, at_end);
    float *v = guarded(n * 4, at_end);
    float *before = guarded(3 * n * 4, at_end);
    float *scalars = guarded(16, at_end);
    float *scale = guarded(4, at_end);
    fill_floats(&r, p, n);
    fill_floats(&r, g, n);
    fill_floats(&r, m, n);
    fill_floats(&r, v, n);
    for (int64_t i = 0; i < n; i++) {
        v[i] *= v[i];
    }
    memcpy(before, p, (size_t)n * 4);
    memcpy(before + n, m, (size_t)n * 4);
    memcpy(before + 2 * n, v, (size_t)n * 4);
    const float s[4] = {0.01f, 0.001f, 2.0f, 1.5f};
    memcpy(scalars, s, sizeof s);
    *scale = 0.5f;
    t->adam_w(p, g, m, v, scalars, scale, n, 0.9f, 0.1f, 0.99f, 0.01f, 1e-8f);
    for (int64_t i = 0; i < n; i++) {
        const double gi = g[i] * 0.5;
        const double mi = (double)0.9f * before[n + i] + (double)0.1f * gi;
        const double vi = (double)0.99f * before[2 * n + i] + (double)0.01f * gi * gi;
        near(m[i], mi, 1e-6, "adam m", t->name, n);
        near(v[i], vi, 1e-6, "adam v", t->name, n);
        near(p[i], before[i] * (1 - (double)s[1]) - (double)s[0] * 2 * mi / (sqrt(vi) * 1.5 + 1e-8), 1e-6, "adam p", t->name, n);
    }
    release_guarded();
}

int main(void) {
    static const int64_t sizes[] = {1, 3, 4, 15, 16, 17, 31, 33, 63, 64, 65, 129, 257, 1023, 4097};
    int64_t cases = 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        for (size_t s = 0; has(tiers[i].cap) && s < sizeof sizes / sizeof *sizes; s++) {
            for (int at_end = 0; at_end < 2; at_end++) {
                for (int kind = 0; kind < 2; kind++) {
                    check_loss(&tiers[i], sizes[s], at_end, kind, 0.0f);
                    check_loss(&tiers[i], sizes[s], at_end, kind, 0.25f);
                    check_norm(&tiers[i], sizes[s], at_end, kind);
                }
                check_activations(&tiers[i], sizes[s], at_end);
                check_dropout(&tiers[i], sizes[s], at_end);
                check_adam_w(&tiers[i], sizes[s], at_end);
                cases += 9;
            }
        }
    }
    return finished("gradients", cases);
}
