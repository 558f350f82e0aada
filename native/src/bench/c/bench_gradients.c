/*
 * Speed of the kernels of training on one core, at the sizes of two GPTs: 0.8 M parameters (width 128, 4 heads, context 64, batch
 * 12, vocabulary 65) and 10.6 M (384, 6, 256, 16). Best of several runs; a first argument keeps the kernels whose name contains it.
 */
#define _GNU_SOURCE
#include "quern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* not the time that other processes had the core */
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *random_floats(int64_t n, float scale) {
    float *x = NULL;
    if (posix_memalign((void **)&x, 64, (size_t)(n * 4 + 64))) {
        exit(1);
    }
    uint32_t bits = 1;
    for (int64_t i = 0; i < n; i++) {
        bits = bits * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)bits * 0x1p-31f * scale;
    }
    return x;
}

static const char *wanted = "";

#define BEST(best, call)                                             \
    double best = 1e9;                                               \
    for (const double until = seconds() + 0.15; seconds() < until;) { \
        const double t_ = seconds();                                 \
        call;                                                        \
        const double d_ = seconds() - t_;                            \
        best = d_ < best ? d_ : best;                                \
    }

#if defined(__x86_64__)
#define RUN(name) quern_##name##_avx512
#define CAP QUERN_CAP_AVX512
#else
#define RUN(name) quern_##name##_baseline
#define CAP QUERN_CAP_BASELINE
#endif

static void report(const char *name, const char *size, double best, double bytes, double operations) {
    printf("%-20s %-24s %9.1f us  %6.2f GB/s  %6.1f GFLOP/s\n", name, size, 1e6 * best, 1e-9 * bytes / best,
           1e-9 * operations / best);
}

static void bench_loss(int64_t rows, int64_t v, const char *size) {
    float *x = random_floats(rows * v, 4.0f);
    float *y = random_floats(rows * v, 4.0f);
    float *loss = random_floats(rows, 1.0f);
    float *lse = random_floats(rows, 1.0f);
    int32_t *targets = calloc((size_t)rows, sizeof *targets);
    const float g = 1.0f;
    const double n = (double)(rows * v);
    const int64_t flow = n * 4 < 1 << 20 ? QUERN_NEAR : n * 4 < 32 << 20 ? QUERN_FAR : QUERN_THROUGH;
    BEST(forward, RUN(cross_entropy)(x, targets, 0, -100, 0.0f, loss, lse, rows, v))
    report("cross_entropy", size, forward, 4 * n, 0);
    BEST(back, RUN(cross_entropy_grad)(x, targets, 0, -100, 0.0f, &g, 0, (float)rows, lse, y, rows, v, flow))
    report("cross_entropy_grad", size, back, 8 * n, 0);
    free(x);
    free(y);
    free(loss);
    free(lse);
    free(targets);
}

static void bench_rows(int64_t rows, int64_t c, const char *size) {
    float *g = random_floats(rows * c, 1.0f);
    float *x = random_floats(rows * c, 1.0f);
    float *dx = random_floats(rows * c, 1.0f);
    float *weight = random_floats(3 * c, 1.0f);
    float *mean = random_floats(rows, 1.0f);
    float *inverse = random_floats(rows, 1.0f);
    const double n = (double)(rows * c);
    BEST(norm, RUN(layer_norm)(x, c, weight, weight, dx, c, mean, inverse, rows, c, 1e-5f, QUERN_F32, QUERN_NEAR))
    report("layer_norm", size, norm, 8 * n, 0);
    BEST(grad, RUN(norm_grad)(g, x, weight, mean, inverse, NULL, dx, weight + c, weight + 2 * c, rows, c))
    report("norm_grad", size, grad, 12 * n, 0);
    BEST(gelu, RUN(zip_gelu_erf_grad)(g, x, dx, rows * c, QUERN_F32, QUERN_NEAR))
    report("gelu_erf_grad", size, gelu, 12 * n, 0);
    BEST(tanh, RUN(zip_gelu_tanh_grad)(g, x, dx, rows * c, QUERN_F32, QUERN_NEAR))
    report("gelu_tanh_grad", size, tanh, 12 * n, 0);
    BEST(silu, RUN(zip_silu_grad)(g, x, dx, rows * c, QUERN_F32, QUERN_NEAR))
    report("silu_grad", size, silu, 12 * n, 0);
    BEST(drop, RUN(dropout)(x, dx, rows * c, 1, 2, 1 << 22, 1.25f))
    report("dropout", size, drop, 8 * n, 0);
    free(g);
    free(x);
    free(dx);
    free(weight);
    free(mean);
    free(inverse);
}

static void bench_adam_w(int64_t n, const char *size) {
    float *p = random_floats(n, 1.0f);
    float *g = random_floats(n, 1.0f);
    float *m = random_floats(n, 0.0f);
    float *v = random_floats(n, 0.0f);
    const float scalars[4] = {1e-3f, 1e-4f, 1.0f, 1.0f};
    const float scale = 1.0f;
    BEST(step, RUN(adam_w)(p, g, m, v, scalars, &scale, n, 0.9f, 0.1f, 0.99f, 0.01f, 1e-8f))
    report("adam_w", size, step, 28.0 * (double)n, 0);
    free(p);
    free(g);
    free(m);
    free(v);
}

typedef void attention_fn(const void *, const void *, const void *, const float *, void *, float *,
                          const quern_attention_args *, void *);
typedef void attention_grad_fn(const float *, const float *, const float *, const float *, const float *, const float *,
                               const float *, float *, float *, float *, const quern_attention_args *, int64_t, int64_t, int64_t,
                               int64_t, int64_t, int64_t, void *);

/* All heads, one after the other; rows of [queries, heads, head_dim]. */
static void bench_attention(attention_fn *attention, attention_grad_fn *attention_grad, const char *names[2],
                            int64_t t, int64_t heads, int64_t d, int64_t batch, const char *size) {
    const int64_t row = heads * d;
    const int64_t n = batch * t * row;
    float *all[8];
    for (int i = 0; i < 8; i++) {
        all[i] = random_floats(n, 1.0f);
    }
    float *lse = random_floats(batch * heads * t, 1.0f);
    quern_attention_args a = {0};
    a.queries = a.keys = t;
    a.group = 1;
    a.head_dim = a.value_dim = a.q_head = a.out_head = d;
    a.q_query = a.k_key = a.v_key = a.out_query = row;
    a.lse_query = 1;
    a.causal = 1;
    a.scale = 0.125f;
    void *scratch = random_floats(quern_attention_grad_scratch_bytes(t, d, d) / 4, 1.0f);
    void *scratch2 = random_floats(quern_attention_scratch_bytes(t, d, d) / 4, 1.0f);
    const double pairs = (double)(batch * heads) * (double)(t * t) * (double)d;
    BEST(forward, for (int64_t b = 0; b < batch; b++) for (int64_t h = 0; h < heads; h++) {
        const int64_t at = b * t * row + h * d;
        attention(all[0] + at, all[1] + at, all[2] + at, NULL, all[3] + at, lse + (b * heads + h) * t, &a, scratch2);
    })
    report(names[0], size, forward, 16.0 * (double)n, 4 * pairs / 2);
    BEST(back, for (int64_t b = 0; b < batch; b++) for (int64_t h = 0; h < heads; h++) {
        const int64_t at = b * t * row + h * d;
        attention_grad(all[0] + at, all[1] + at, all[2] + at, NULL, all[4] + at, all[3] + at, lse + (b * heads + h) * t,
                       all[5] + at, all[6] + at, all[7] + at, &a, row, d, row, row, row, t, scratch);
    })
    report(names[1], size, back, 32.0 * (double)n, 10 * pairs / 2);
    for (int i = 0; i < 8; i++) {
        free(all[i]);
    }
    free(lse);
    free(scratch);
    free(scratch2);
}

static void bench_attentions(attention_fn *attention, attention_grad_fn *grad, const char *names[2]) {
    bench_attention(attention, grad, names, 8, 4, 64, 12, "T 8, 48 heads of 64");
    bench_attention(attention, grad, names, 16, 4, 16, 12, "T 16, 48 heads of 16");
    bench_attention(attention, grad, names, 64, 4, 32, 12, "T 64, 48 heads of 32");
    bench_attention(attention, grad, names, 256, 6, 64, 16, "T 256, 96 heads of 64");
    bench_attention(attention, grad, names, 256, 6, 64, 96, "T 256, 576 heads of 64");
    bench_attention(attention, grad, names, 1024, 12, 64, 1, "T 1024, 12 heads of 64");
    bench_attention(attention, grad, names, 256, 8, 128, 4, "T 256, 32 heads of 128");
}

int main(int count, char **arguments) {
    wanted = count > 1 ? arguments[1] : "";
    if (!(quern_caps() & CAP)) {
        return 0;
    }
    if (strstr("attention", wanted)) {
        bench_attentions(RUN(attention), RUN(attention_grad), (const char *[]){"attention", "attention_grad"});
#if defined(__x86_64__)
        if (quern_caps() & QUERN_CAP_AMX) {
            bench_attentions(quern_attention_bf16_amx, quern_attention_grad_bf16_amx,
                             (const char *[]){"attention_bf16", "attention_grad_bf16"});
        }
#endif
    }
    if (strstr("loss", wanted)) {
        bench_loss(768, 65, "768 x 65");
        bench_loss(4096, 65, "4096 x 65");
        bench_loss(512, 50304, "512 x 50304");
    }
    if (strstr("rows", wanted)) {
        bench_rows(768, 128, "768 x 128");
        bench_rows(768, 512, "768 x 512");
        bench_rows(4096, 384, "4096 x 384");
    }
    if (strstr("adam_w", wanted)) {
        bench_adam_w(65536, "65536");
        bench_adam_w(800000, "0.8 M");
        bench_adam_w(10600000, "10.6 M");
    }
    return 0;
}
