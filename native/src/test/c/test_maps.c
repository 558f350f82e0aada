/*
 * Whole tensors of every tier. In F16 and BF16 each result is that of F32, rounded: bit for bit where it is element by
 * element, within a unit in the last place where sums run in another order. Every flow, in place, awkward lengths, guard pages.
 */
#include "reference.h"

#include <math.h>
#include <string.h>

typedef void map_fn(const void *, void *, int64_t, int64_t, int64_t);
typedef void zip_fn(const void *, const void *, void *, int64_t, int64_t, int64_t);
typedef void softmax_fn(const void *, int64_t, void *, int64_t, int64_t, int64_t, int64_t, int64_t);
typedef void rms_fn(const void *, int64_t, const void *, void *, int64_t, float *, int64_t, int64_t, float, int64_t, int64_t);
typedef void layer_fn(const void *, int64_t, const void *, const void *, void *, int64_t, float *, float *, int64_t, int64_t,
                      float, int64_t, int64_t);

enum { MAPS = 5, ZIPS = 8 };

#define TIER(t, cap)                                                                                                 \
    {#t, cap,                                                                                                        \
     {quern_map_exp_##t, quern_map_sigmoid_##t, quern_map_silu_##t, quern_map_gelu_tanh_##t, quern_map_gelu_erf_##t}, \
     {quern_zip_add_##t, quern_zip_mul_##t, quern_zip_swiglu_##t, quern_zip_geglu_tanh_##t, quern_zip_geglu_erf_##t, \
      quern_zip_silu_grad_##t, quern_zip_gelu_tanh_grad_##t, quern_zip_gelu_erf_grad_##t},                            \
     quern_softmax_##t, quern_log_softmax_##t, quern_rms_norm_##t, quern_layer_norm_##t}

static const struct tier {
    const char *name;
    uint64_t cap;
    map_fn *map[MAPS];
    zip_fn *zip[ZIPS];
    softmax_fn *softmax, *log_softmax;
    rms_fn *rms_norm;
    layer_fn *layer_norm;
} tiers[] = {
    TIER(baseline, QUERN_CAP_BASELINE),
#if defined(__x86_64__)
    TIER(avx2, QUERN_CAP_AVX2),
    TIER(avx512, QUERN_CAP_AVX512),
#endif
};

static const char *name_of(int64_t format) { return format == QUERN_F32 ? "f32" : format == QUERN_F16 ? "f16" : "bf16"; }

static int64_t width_of(int64_t format) { return format == QUERN_F32 ? 4 : 2; }

static void widen(const void *x, int64_t format, float *y, int64_t n) {
    if (format == QUERN_F32) {
        memcpy(y, x, (size_t)n * 4);
    } else if (format == QUERN_F16) {
        quern_convert_f16_f32_baseline(x, 0, y, 0, 1, n);
    } else {
        quern_convert_bf16_f32_baseline(x, 0, y, 0, 1, n);
    }
}

static void narrow(const float *x, int64_t format, void *y, int64_t n) {
    if (format == QUERN_F32) {
        memcpy(y, x, (size_t)n * 4);
    } else if (format == QUERN_F16) {
        quern_convert_f32_f16_baseline(x, 0, y, 0, 1, n);
    } else {
        quern_convert_f32_bf16_baseline(x, 0, y, 0, 1, n);
    }
}

/* n elements in [-4, 4), and what arithmetic may trip over. */
static void *operand(random_source *r, int64_t format, int64_t n, int at_end) {
    static const float odd[] = {0.0f, -0.0f, INFINITY, NAN, 1e-40f, 3e38f, -7e-6f};
    float *wide = malloc((size_t)(n + 1) * 4);
    void *x = guarded(n * width_of(format), at_end);
    fill_floats(r, wide, n);
    for (int64_t i = 0; i < n; i++) {
        wide[i] = next_bits(r) % 40 == 0 && n > 3 ? odd[next_bits(r) % 7] : wide[i] * 4;
    }
    narrow(wide, format, x, n);
    free(wide);
    return x;
}

static void same(const void *actual, const void *expected, int64_t format, int64_t n, const char *tier, const char *what, int which) {
    float *a = malloc((size_t)(n + 1) * 4);
    float *e = malloc((size_t)(n + 1) * 4);
    widen(actual, format, a, n);
    widen(expected, format, e, n);
    for (int64_t i = 0; i < n; i++) {
        CHECK(memcmp(a + i, e + i, 4) == 0 || (a[i] != a[i] && e[i] != e[i]), "%s %s %d %s of %lld, element %lld: %a, not %a",
              tier, what, which, name_of(format), (long long)n, (long long)i, (double)a[i], (double)e[i]);
    }
    free(a);
    free(e);
}

static int check_elements(const struct tier *t, int64_t format, int64_t n, int at_end) {
    random_source r = {(uint64_t)(n * 3 + format)};
    void *x = operand(&r, format, n, at_end);
    void *x2 = operand(&r, format, n, at_end);
    void *y = guarded(n * width_of(format), at_end);
    void *expected = guarded(n * width_of(format), at_end);
    float *a = guarded(n * 4, at_end);
    float *b = guarded(n * 4, at_end);
    float *wide = guarded(n * 4, at_end);
    widen(x, format, a, n);
    widen(x2, format, b, n);
    for (int k = 0; k < MAPS + ZIPS; k++) {
        if (k < MAPS) {
            t->map[k](a, wide, n, QUERN_F32, QUERN_NEAR);
        } else {
            t->zip[k - MAPS](a, b, wide, n, QUERN_F32, QUERN_NEAR);
        }
        narrow(wide, format, expected, n);
        for (int64_t flow = QUERN_NEAR; flow <= QUERN_THROUGH; flow++) {
            if (k < MAPS) {
                t->map[k](x, y, n, format, flow);
            } else {
                t->zip[k - MAPS](x, x2, y, n, format, flow);
            }
            same(y, expected, format, n, t->name, "function", k);
        }
        memcpy(y, x, (size_t)(n * width_of(format)));
        if (k < MAPS) {
            t->map[k](y, y, n, format, QUERN_FAR);
        } else {
            t->zip[k - MAPS](y, x2, y, n, format, QUERN_FAR);
        }
        same(y, expected, format, n, t->name, "in place", k);
    }
    t->zip[0](a, b, wide, n, QUERN_F32, QUERN_NEAR);
    for (int64_t i = 0; i < n; i++) {
        const float sum = a[i] + b[i];
        CHECK(wide[i] == sum || (wide[i] != wide[i] && sum != sum), "%s add", t->name);
    }
    t->zip[1](a, b, wide, n, QUERN_F32, QUERN_NEAR);
    for (int64_t i = 0; i < n; i++) {
        const float product = a[i] * b[i];
        CHECK(wide[i] == product || (wide[i] != wide[i] && product != product), "%s mul", t->name);
    }
    release_guarded();
    return MAPS + ZIPS;
}

static int check_rows(const struct tier *t, int64_t format, int64_t c, int at_end) {
    enum { ROWS = 3, KINDS = 4 };
    random_source r = {(uint64_t)(c * 5 + format)};
    const double unit = format == QUERN_F32 ? 0x1p-22 : format == QUERN_F16 ? 0x1p-10 : 0x1p-7;
    void *x = guarded(ROWS * c * width_of(format), at_end);
    void *y = guarded(ROWS * c * width_of(format), at_end);
    void *first = guarded(ROWS * c * width_of(format), at_end);
    void *weight = guarded(c * width_of(format), at_end);
    float *a = guarded(ROWS * c * 4, at_end);
    float *w = guarded(c * 4, at_end);
    float *expected = guarded(ROWS * c * 4, at_end);
    float *actual = guarded(ROWS * c * 4, at_end);
    fill_floats(&r, a, ROWS * c);
    fill_floats(&r, w, c);
    narrow(a, format, x, ROWS * c);
    narrow(w, format, weight, c);
    widen(x, format, a, ROWS * c);
    widen(weight, format, w, c);
    for (int k = 0; k < KINDS; k++) {
        for (int64_t flow = -1; flow <= QUERN_THROUGH; flow++) {
            const int64_t f = flow < 0 ? QUERN_F32 : format;
            const void *in = flow < 0 ? (const void *)a : x;
            const void *scale = flow < 0 ? (const void *)w : weight;
            void *out = flow < 0 ? (void *)expected : y;
            const int64_t how = flow < 0 ? QUERN_NEAR : flow;
            if (k == 0) {
                t->softmax(in, c, out, c, ROWS, c, f, how);
            } else if (k == 1) {
                t->log_softmax(in, c, out, c, ROWS, c, f, how);
            } else if (k == 2) {
                t->rms_norm(in, c, scale, out, c, NULL, ROWS, c, 1e-5f, f, how);
            } else {
                t->layer_norm(in, c, scale, scale, out, c, NULL, NULL, ROWS, c, 1e-5f, f, how);
            }
            if (flow >= 0) {
                widen(y, format, actual, ROWS * c);
                for (int64_t i = 0; i < ROWS * c; i++) {
                    CHECK(fabs((double)actual[i] - expected[i]) <= unit * fabs((double)expected[i]) + 1e-6,
                          "%s rows %d %s of %lld: %g, not %g", t->name, k, name_of(format), (long long)c, (double)actual[i],
                          (double)expected[i]);
                }
                if (flow == QUERN_NEAR) {
                    memcpy(first, y, (size_t)(ROWS * c * width_of(format)));
                }
                same(y, first, format, ROWS * c, t->name, "rows", k);
            }
        }
    }
    release_guarded();
    return KINDS;
}

int main(void) {
    static const int64_t sizes[] = {1, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 257, 1023, 4096, 4097, 5001};
    int64_t cases = 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        for (int64_t format = QUERN_F32; has(tiers[i].cap) && format <= QUERN_BF16; format++) {
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                for (int at_end = 0; at_end < 2; at_end++) {
                    cases += check_elements(&tiers[i], format, sizes[s], at_end);
                    cases += check_rows(&tiers[i], format, sizes[s], at_end);
                }
            }
        }
    }
    return finished("maps", cases);
}
