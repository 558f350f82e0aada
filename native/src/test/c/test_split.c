/*
 * Products in BF16 terms (split.h): infinities, NaN, denormal and huge numbers give what F32 gives, other rows and columns
 * keep their bits, activations in two terms are off by no more than their rounding, and three terms are as exact as FMA.
 */
#include "reference.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { M = 45, N = 70, K = 203, LDX = (K + 31) / 32 * 32 };

typedef struct entry {
    const char *name;
    format w;
    int terms;
    void (*run)(const void *, int64_t, const void *, int64_t, float *, int64_t, int64_t, int64_t, int64_t, int64_t, void *);
    void (*convert)(const void *, int64_t, void *, int64_t, int64_t, int64_t);
} entry;

#if defined(__x86_64__)
static const entry entries[] = {
    {"bf16x3_f32", F32, 3, quern_matmul_bf16x3_f32_amx, quern_convert_f32_bf16x3_tiles_amx},
    {"bf16x3_f16", F16, 3, quern_matmul_bf16x3_f16_amx, quern_convert_f32_bf16x3_tiles_amx},
    {"bf16x3_bf16", BF16, 3, quern_matmul_bf16x3_bf16_amx, quern_convert_f32_bf16x3_tiles_amx},
    {"bf16x2_f16", F16, 2, quern_matmul_bf16x2_f16_amx, quern_convert_f32_bf16x2_tiles_amx},
};

static uint8_t *w;
static float *x;
static float *y;
static double *wv; /* (N, K) */

static int64_t element(const entry *e) { return row_bytes(e->w, 1); }

/* A number of the weights' format, from the bits of the F32 that it is nearest to; what F16 can't hold is left out. */
static void set_weight(const entry *e, int64_t n, int64_t p, float v) {
    uint8_t *at = w + (n * K + p) * element(e);
    uint16_t h = bf16_of(v);
    if (e->w == F32) {
        memcpy(at, &v, 4);
        return;
    }
    if (e->w == F16) {
        quern_convert_f32_f16_baseline(&v, 4, &h, 2, 1, 1);
    }
    memcpy(at, &h, 2);
}

static void fill(const entry *e, uint64_t seed) {
    random_source r = {seed};
    fill_floats(&r, x, M * K);
    for (int64_t n = 0; n < N; n++) {
        random_row(&r, e->w, 0, w + n * K * element(e), K);
    }
}

static void multiply(const entry *e, float *out) {
    const int64_t ldt = LDX * 2 * e->terms;
    uint8_t *tiles = guarded((M + 31) / 32 * 32 * ldt, 1);
    void *scratch = scratch_memory(quern_scratch_bytes(K));
    e->convert(x, K * 4, tiles, ldt, M, K);
    memset(out, 0x7f, M * N * 4);
    e->run(tiles, ldt, w, K * element(e), out, N, M, 0, N, K, scratch);
}

static void compare(const entry *e, const char *what, double tolerance) {
    for (int64_t n = 0; n < N; n++) {
        row_values(e->w, w + n * K * element(e), K, wv + n * K);
    }
    for (int64_t i = 0; i < M; i++) {
        for (int64_t n = 0; n < N; n++) {
            double sum = 0;
            double size = 0;
            for (int64_t p = 0; p < K; p++) {
                const double v = (double)x[i * K + p] * wv[n * K + p];
                sum += v;
                size += fabs(v);
            }
            const double actual = y[i * N + n];
            int near = fabs(actual - sum) <= tolerance * size + 0x1p-126;
            if (isnan(sum)) {
                near = isnan(actual);
            } else if (isinf(sum) || fabs(sum) > FLT_MAX) {
                near = isinf(actual) && signbit(actual) == signbit(sum);
            }
            CHECK(near, "%s, %s at (%lld, %lld): %.9g, not %.9g (%.3g of the terms)", e->name, what, (long long)i,
                  (long long)n, actual, sum, fabs(actual - sum) / size);
        }
    }
}

/* Rows i and columns n with special numbers in them; the others keep the bits they have without. */
static void check_special(const entry *e) {
    float *before = guarded(M * N * 4, 0);
    fill(e, 7);
    multiply(e, before);
    const double tolerance = e->terms == 3 ? 1e-6 : 1.2e-5;
    x[3 * K + 5] = INFINITY;
    x[4 * K + K - 1] = NAN;
    const uint32_t all_ones = 0x7fffffff;
    memcpy(&x[5 * K + 17], &all_ones, 4); /* a NaN that rounding up would make -0 */
    x[16 * K] = -INFINITY;
    x[16 * K + 1] = INFINITY;
    x[17 * K + 100] = e->terms == 3 ? FLT_MAX : 0x1.fep127f; /* two terms keep 8 bits of it */
    x[18 * K + 101] = e->terms == 3 ? -0x1.fffffep100f : -0x1.fep100f;
    x[33 * K + 40] = 0x1p96f;
    for (int64_t p = 0; p < K; p++) {
        x[34 * K + p] *= 1e-40f; /* denormal */
        x[35 * K + p] *= 1e-30f; /* lower terms would be */
        x[36 * K + p] *= 1e28f;
        x[37 * K + p] = p % 2 ? 0.0f : -0.0f;
    }
    const int f16 = e->w == F16;
    set_weight(e, 2, 9, INFINITY);
    set_weight(e, 40, 5, 0.0f); /* meets the infinity */
    set_weight(e, 41, K - 1, NAN);
    set_weight(e, 42, 0, f16 ? 65504.0f : 0x1p100f);
    for (int64_t p = 0; p < K; p++) {
        set_weight(e, 66, p, f16 ? 6e-8f : 1e-39f * (float)(p + 1));
        set_weight(e, 67, p, f16 ? 6e-8f * (float)p : 1e-33f * (float)(p + 1));
    }
    multiply(e, y);
    compare(e, "special numbers", tolerance);
    for (int64_t i = 0; i < M; i++) {
        const int row = (i >= 3 && i <= 5) || (i >= 16 && i <= 18) || (i >= 33 && i <= 37);
        for (int64_t n = 0; n < N && !row; n++) {
            const int column = n == 2 || (n >= 40 && n <= 42) || n == 66 || n == 67;
            CHECK(column || memcmp(&y[i * N + n], &before[i * N + n], 4) == 0, "%s: (%lld, %lld) changed", e->name,
                  (long long)i, (long long)n);
        }
    }
}

/* The worst error of a product against F64, in units of sum |terms|. */
static double worst(const entry *e) {
    double most = 0;
    for (int64_t n = 0; n < N; n++) {
        row_values(e->w, w + n * K * element(e), K, wv + n * K);
    }
    for (int64_t i = 0; i < M * N; i++) {
        double sum = 0;
        double size = 0;
        for (int64_t p = 0; p < K; p++) {
            const double v = (double)x[i / N * K + p] * wv[i % N * K + p];
            sum += v;
            size += fabs(v);
        }
        most = fmax(most, fabs(y[i] - sum) / size);
    }
    return most;
}

static void check_accuracy(const entry *e) {
    fill(e, 11);
    multiply(e, y);
    const double split = worst(e);
    quern_matmul_f32_f32_avx512(x, K * 4, w, K * 4, y, N, M, 0, N, K, scratch_memory(quern_scratch_bytes(K)));
    const double fma = e->w == F32 ? worst(e) : split;
    CHECK(e->terms == 3 ? split <= fma && split < 0x1p-23 : split < 0x1p-18, "%s: off by %g, FMA by %g", e->name, split, fma);
}
#endif

int main(void) {
    int64_t cases = 1; /* without tiles there is nothing to test, and no more is claimed */
#if defined(__x86_64__)
    for (size_t i = 0; has(QUERN_CAP_AMX) && i < sizeof entries / sizeof *entries; i++) {
        x = guarded(M * K * 4, 1);
        y = guarded(M * N * 4, 1);
        w = guarded(N * K * 4, 1); /* of the widest format, so that FMA may read it as F32 */
        wv = guarded(N * K * 8, 0);
        check_special(&entries[i]);
        check_accuracy(&entries[i]);
        release_guarded();
        cases += 2;
    }
#endif
    return finished("split", cases);
}
