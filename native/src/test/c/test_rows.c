/* Norms, softmax and gated units of every tier against F64; awkward lengths; guard pages. */
#include "support.h"

#include <math.h>
#include <string.h>

#define TIER(t, cap)                                                                                                    \
    {#t, cap, quern_rms_norm_##t, quern_add_rms_norm_##t, quern_layer_norm_##t, quern_softmax_##t, quern_log_softmax_##t, \
     quern_swiglu_##t, quern_geglu_tanh_##t, quern_geglu_erf_##t, quern_add_##t, quern_add_bias_##t}

typedef void gated_fn(const float *, int64_t, const float *, int64_t, float *, int64_t, int64_t, int64_t);
typedef void rows_fn(const void *, int64_t, void *, int64_t, int64_t, int64_t, int64_t, int64_t);
typedef void binary_fn(const float *, const float *, float *, int64_t);

static const struct tier {
    const char *name;
    uint64_t cap;
    void (*rms_norm)(const void *, int64_t, const void *, void *, int64_t, float *, int64_t, int64_t, float, int64_t, int64_t);
    void (*add_rms_norm)(const float *, int64_t, const float *, int64_t, const float *, float *, int64_t, float *, int64_t,
                         int64_t, int64_t, float);
    void (*layer_norm)(const void *, int64_t, const void *, const void *, void *, int64_t, float *, float *, int64_t, int64_t,
                       float, int64_t, int64_t);
    rows_fn *softmax, *log_softmax;
    gated_fn *swiglu, *geglu_tanh, *geglu_erf;
    binary_fn *add;
    void (*add_bias)(float *, int64_t, const float *, int64_t, int64_t, int64_t);
} tiers[] = {
    TIER(baseline, QUERN_CAP_BASELINE),
#if defined(__x86_64__)
    TIER(avx2, QUERN_CAP_AVX2),
    TIER(avx512, QUERN_CAP_AVX512),
#endif
};

static void near(double actual, double expected, double tolerance, const char *what, const char *tier, int64_t c) {
    CHECK(fabs(actual - expected) <= tolerance * (1 + fabs(expected)), "%s %s c=%lld: %.9g, not %.9g", tier, what,
          (long long)c, actual, expected);
}

static void check_norms(const struct tier *t, int64_t c, int at_end, int64_t flow) {
    enum { ROWS = 3 };
    const float eps = 1e-5f;
    random_source r = {(uint64_t)c + 5};
    float *x = guarded(ROWS * c * 4, at_end);
    float *residual = guarded(ROWS * c * 4, at_end);
    float *weight = guarded(c * 4, at_end);
    float *bias = guarded(c * 4, at_end);
    float *y = guarded(ROWS * c * 4, at_end);
    float *sum = guarded(ROWS * c * 4, at_end);
    float *inverse = guarded(ROWS * 4, at_end);
    float *means = guarded(ROWS * 4, at_end);
    fill_floats(&r, x, ROWS * c);
    fill_floats(&r, residual, ROWS * c);
    fill_floats(&r, weight, c);
    fill_floats(&r, bias, c);
    t->rms_norm(x, c, weight, y, c, inverse, ROWS, c, eps, QUERN_F32, flow);
    for (int64_t i = 0; i < ROWS; i++) {
        double squares = 0;
        for (int64_t j = 0; j < c; j++) {
            squares += (double)x[i * c + j] * x[i * c + j];
        }
        const double factor = 1 / sqrt(squares / (double)c + (double)eps);
        near(inverse[i], factor, 1e-6, "rms inverse", t->name, c);
        for (int64_t j = 0; j < c; j++) {
            near(y[i * c + j], x[i * c + j] * factor * weight[j], 1e-6, "rms_norm", t->name, c);
        }
    }
    t->add_rms_norm(x, c, residual, c, NULL, sum, c, y, c, ROWS, c, eps);
    for (int64_t i = 0; i < ROWS; i++) {
        double squares = 0;
        for (int64_t j = 0; j < c; j++) {
            const float s = x[i * c + j] + residual[i * c + j];
            CHECK(sum[i * c + j] == s, "%s residual sum", t->name);
            squares += (double)s * s;
        }
        for (int64_t j = 0; j < c; j++) {
            near(y[i * c + j], sum[i * c + j] / sqrt(squares / (double)c + (double)eps), 1e-6, "add_rms_norm", t->name, c);
        }
    }
    t->layer_norm(x, c, weight, bias, sum, c, NULL, NULL, ROWS, c, eps, QUERN_F32, flow);
    t->layer_norm(x, c, weight, bias, y, c, means, inverse, ROWS, c, eps, QUERN_F32, flow);
    CHECK(memcmp(y, sum, (size_t)(ROWS * c * 4)) == 0, "%s layer_norm with statistics c=%lld", t->name, (long long)c);
    for (int64_t i = 0; i < ROWS; i++) {
        double mean = 0;
        double variance = 0;
        for (int64_t j = 0; j < c; j++) {
            mean += x[i * c + j] / (double)c;
        }
        for (int64_t j = 0; j < c; j++) {
            variance += (x[i * c + j] - mean) * (x[i * c + j] - mean) / (double)c;
        }
        near(means[i], mean, 1e-6, "layer mean", t->name, c);
        near(inverse[i], 1 / sqrt(variance + (double)eps), 1e-4, "layer inverse", t->name, c);
        for (int64_t j = 0; j < c; j++) {
            /* With one or two elements the difference to the mean is rounding itself; eps bounds what it becomes. */
            near(y[i * c + j], (x[i * c + j] - mean) / sqrt(variance + (double)eps) * weight[j] + bias[j], 1e-4, "layer_norm",
                 t->name, c);
        }
    }
    release_guarded();
}

static void check_softmax(const struct tier *t, int64_t c, int at_end, int64_t flow) {
    random_source r = {(uint64_t)c + 17};
    float *x = guarded(2 * c * 4, at_end);
    float *y = guarded(2 * c * 4, at_end);
    fill_floats(&r, x, 2 * c);
    for (int64_t j = 0; j < c; j++) {
        x[j] *= 20.0f;
    }
    if (c > 2) {
        x[1] = -INFINITY;
    }
    for (int logs = 0; logs < 2; logs++) {
        (logs ? t->log_softmax : t->softmax)(x, c, y, c, 2, c, QUERN_F32, flow);
        for (int i = 0; i < 2; i++) {
            double top = -INFINITY;
            double total = 0;
            for (int64_t j = 0; j < c; j++) {
                top = fmax(top, x[i * c + j]);
            }
            for (int64_t j = 0; j < c; j++) {
                total += exp(x[i * c + j] - top);
            }
            for (int64_t j = 0; j < c; j++) {
                const double l = x[i * c + j] - top - log(total);
                if (logs && l == -INFINITY) {
                    CHECK(y[i * c + j] == -INFINITY, "%s log_softmax of -inf", t->name);
                } else {
                    near(y[i * c + j], logs ? l : exp(l), 2e-6, logs ? "log_softmax" : "softmax", t->name, c);
                }
            }
        }
    }
    x[c / 2] = NAN;
    t->softmax(x, c, y, c, 1, c, QUERN_F32, flow);
    CHECK(y[0] != y[0] && y[c - 1] != y[c - 1], "%s softmax hides a NaN", t->name);
    release_guarded();
}

static double gelu_tanh(double x) { return x / 2 * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x))); }

static void check_elementwise(const struct tier *t, int64_t c, int at_end) {
    random_source r = {(uint64_t)c + 29};
    float *g = guarded(2 * c * 4, at_end);
    float *u = guarded(2 * c * 4, at_end);
    float *y = guarded(2 * c * 4, at_end);
    fill_floats(&r, g, 2 * c);
    fill_floats(&r, u, 2 * c);
    for (int64_t i = 0; i < 2 * c; i++) {
        g[i] *= 4.0f;
    }
    t->add(g, u, y, 2 * c);
    for (int64_t i = 0; i < 2 * c; i++) {
        CHECK(y[i] == g[i] + u[i], "%s add", t->name);
    }
    /* Columns [c / 3, c) of two rows; the others stay. */
    for (int64_t i = 0; i < 2 * c; i++) {
        y[i] = g[i];
    }
    t->add_bias(y, c, u, 2, c / 3, c);
    for (int64_t i = 0; i < 2 * c; i++) {
        const float e = i % c < c / 3 ? g[i] : g[i] + u[i % c];
        CHECK(y[i] == e, "%s add_bias", t->name);
    }
    for (int kind = 0; kind < 3; kind++) {
        (kind == 0 ? t->swiglu : kind == 1 ? t->geglu_tanh : t->geglu_erf)(g, c, u, c, y, c, 2, c);
        for (int64_t i = 0; i < 2 * c; i++) {
            const double x = g[i];
            const double f = kind == 0 ? x / (1 + exp(-x)) : kind == 1 ? gelu_tanh(x) : x / 2 * erfc(-x / sqrt(2.0));
            near(y[i], f * u[i], 1e-6, kind == 0 ? "swiglu" : kind == 1 ? "geglu_tanh" : "geglu_erf", t->name, c);
        }
    }
    release_guarded();
}

int main(void) {
    static const int64_t sizes[] = {1, 3, 15, 16, 17, 31, 33, 63, 64, 65, 127, 255, 257, 4096, 4097};
    int64_t cases = 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        const struct tier *t = &tiers[i];
        for (int at_end = 0; has(t->cap) && at_end < 2; at_end++) {
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                for (int64_t flow = QUERN_NEAR; flow <= QUERN_THROUGH; flow++) {
                    check_norms(t, sizes[s], at_end, flow);
                    check_softmax(t, sizes[s], at_end, flow);
                    cases += 2;
                }
                check_elementwise(t, sizes[s], at_end);
                cases++;
            }
        }
    }
    return finished("rows", cases);
}
