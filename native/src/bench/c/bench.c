/*
 * Speed of the C kernels on one core: best of several runs, each of some milliseconds. A first argument keeps only
 * the kernels whose name contains it. Weights of a matrix-vector case exceed the caches where memory allows: N is
 * chosen for 256 MiB of them, so the GB/s are those of a stream.
 */
#define _GNU_SOURCE
#include "quern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void matmul_fn(const void *, int64_t, const void *, int64_t, float *, int64_t, int64_t, int64_t, int64_t,
                       int64_t, void *);

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* not the time that other processes had the core */
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *memory(int64_t bytes) {
    void *p = NULL;
    if (posix_memalign(&p, 64, (size_t)(bytes + 64))) {
        exit(1);
    }
    memset(p, 0x11, (size_t)bytes); /* small positive numbers in every format */
    return p;
}

static const char *wanted = "";

static int skip(const char *name, uint64_t cap) { return !(quern_caps() & cap) || !strstr(name, wanted); }

typedef struct entry {
    const char *name;
    uint64_t cap;
    double x_bytes; /* per element */
    double w_bytes;
    matmul_fn *run;
} entry;

#define BF 2.0
#define Q8 (34.0 / 32)
#define Q4 (18.0 / 32)
#define K4 (144.0 / 256)
#define K6 (210.0 / 256)
#define K8 (292.0 / 256)

#define TIER(t, cap)                                                    \
    {"matvec_f32_f32_" #t, cap, 4, 4, quern_matvec_f32_f32_##t},        \
    {"matvec_f32_f16_" #t, cap, 4, BF, quern_matvec_f32_f16_##t},       \
    {"matvec_f32_bf16_" #t, cap, 4, BF, quern_matvec_f32_bf16_##t},     \
    {"matvec_f32_q8_0_" #t, cap, 4, Q8, quern_matvec_f32_q8_0_##t},     \
    {"matvec_f32_q4_0_" #t, cap, 4, Q4, quern_matvec_f32_q4_0_##t},     \
    {"matvec_f32_q4_k_" #t, cap, 4, K4, quern_matvec_f32_q4_k_##t},     \
    {"matvec_f32_q6_k_" #t, cap, 4, K6, quern_matvec_f32_q6_k_##t},     \
    {"matvec_bf16_bf16_" #t, cap, BF, BF, quern_matvec_bf16_bf16_##t},  \
    {"matvec_q8_0_q8_0_" #t, cap, Q8, Q8, quern_matvec_q8_0_q8_0_##t},  \
    {"matvec_q8_0_q4_0_" #t, cap, Q8, Q4, quern_matvec_q8_0_q4_0_##t},  \
    {"matvec_q8_k_q4_k_" #t, cap, K8, K4, quern_matvec_q8_k_q4_k_##t},  \
    {"matvec_q8_k_q6_k_" #t, cap, K8, K6, quern_matvec_q8_k_q6_k_##t},  \
    {"matmul_f32_f32_" #t, cap, 4, 4, quern_matmul_f32_f32_##t},        \
    {"matmul_f32_f16_" #t, cap, 4, BF, quern_matmul_f32_f16_##t},       \
    {"matmul_f32_bf16_" #t, cap, 4, BF, quern_matmul_f32_bf16_##t},     \
    {"matmul_f32_q8_0_" #t, cap, 4, Q8, quern_matmul_f32_q8_0_##t},     \
    {"matmul_f32_q4_0_" #t, cap, 4, Q4, quern_matmul_f32_q4_0_##t},     \
    {"matmul_f32_q4_k_" #t, cap, 4, K4, quern_matmul_f32_q4_k_##t},     \
    {"matmul_f32_q6_k_" #t, cap, 4, K6, quern_matmul_f32_q6_k_##t}

static const entry entries[] = {
    TIER(baseline, QUERN_CAP_BASELINE),
#if defined(__x86_64__)
    TIER(avx2, QUERN_CAP_AVX2),
    TIER(avx512, QUERN_CAP_AVX512),
    {"matmul_bf16_bf16_avx512", QUERN_CAP_AVX512, BF, BF, quern_matmul_bf16_bf16_avx512},
    {"matmul_bf16_f16_avx512", QUERN_CAP_AVX512, BF, BF, quern_matmul_bf16_f16_avx512},
    {"matmul_bf16_f32_avx512", QUERN_CAP_AVX512, BF, 4, quern_matmul_bf16_f32_avx512},
    {"matmul_bf16_q8_0_avx512", QUERN_CAP_AVX512, BF, Q8, quern_matmul_bf16_q8_0_avx512},
    {"matmul_bf16_q4_0_avx512", QUERN_CAP_AVX512, BF, Q4, quern_matmul_bf16_q4_0_avx512},
    {"matmul_bf16_q4_k_avx512", QUERN_CAP_AVX512, BF, K4, quern_matmul_bf16_q4_k_avx512},
    {"matmul_bf16_q6_k_avx512", QUERN_CAP_AVX512, BF, K6, quern_matmul_bf16_q6_k_avx512},
    {"matmul_bf16_bf16_amx", QUERN_CAP_AMX, BF, BF, quern_matmul_bf16_bf16_amx},
    {"matmul_bf16_f16_amx", QUERN_CAP_AMX, BF, BF, quern_matmul_bf16_f16_amx},
    {"matmul_bf16_f32_amx", QUERN_CAP_AMX, BF, 4, quern_matmul_bf16_f32_amx},
    {"matmul_bf16_q8_0_amx", QUERN_CAP_AMX, BF, Q8, quern_matmul_bf16_q8_0_amx},
    {"matmul_bf16_q4_0_amx", QUERN_CAP_AMX, BF, Q4, quern_matmul_bf16_q4_0_amx},
    {"matmul_bf16_q4_k_amx", QUERN_CAP_AMX, BF, K4, quern_matmul_bf16_q4_k_amx},
    {"matmul_bf16_q6_k_amx", QUERN_CAP_AMX, BF, K6, quern_matmul_bf16_q6_k_amx},
    {"matvec_bf16_bf16_amx", QUERN_CAP_AMX, BF, BF, quern_matvec_bf16_bf16_amx},
    {"matmul_bf16x3_f32_amx", QUERN_CAP_AMX, 6, 4, quern_matmul_bf16x3_f32_amx},
    {"matmul_bf16x3_f16_amx", QUERN_CAP_AMX, 6, BF, quern_matmul_bf16x3_f16_amx},
    {"matmul_bf16x3_bf16_amx", QUERN_CAP_AMX, 6, BF, quern_matmul_bf16x3_bf16_amx},
    {"matmul_bf16x2_f16_amx", QUERN_CAP_AMX, 4, BF, quern_matmul_bf16x2_f16_amx},
#endif
};

static void *big; /* shared by all cases: 256 MiB */

enum { BIG = 256 << 20 };

static void bench_matmul(const entry *e, int64_t m, int64_t n, int64_t k) {
    const int64_t xb = (int64_t)(e->x_bytes * (double)k);
    const int64_t wb = (int64_t)(e->w_bytes * (double)k);
    void *x = memory((m + 31) / 32 * 32 * xb); /* tiles hold whole groups of rows */
    float *y = memory(m * n * 4);
    void *scratch = memory(quern_scratch_bytes(k));
    double best = 1e9;
    const double until = seconds() + 0.3;
    do {
        const double t = seconds();
        e->run(x, xb, big, wb, y, n, m, 0, n, k, scratch);
        const double d = seconds() - t;
        best = d < best ? d : best;
    } while (seconds() < until);
    printf("%-28s %5lld x %6lld x %5lld  %8.1f GFLOP/s  %6.2f GB/s of weights\n", e->name, (long long)m, (long long)n,
           (long long)k, 2e-9 * (double)m * (double)n * (double)k / best, 1e-9 * (double)n * (double)wb / best);
    free(x);
    free(y);
    free(scratch);
}

#if defined(__x86_64__)
/* Gate and up of a feed-forward layer of 2048 to 8192 in one kernel, and in parts. */
static void bench_gated(void) {
    enum { M = 512, N = 8192, K = 2048 };
    if (skip("matmul_gated_bf16_q8_0_amx", QUERN_CAP_AMX)) {
        return;
    }
    const int64_t wb = K / 32 * 34;
    void *x = memory((int64_t)M * K * 2);
    float *gate = memory((int64_t)M * N * 4);
    float *up = memory((int64_t)M * N * 4);
    void *y = memory((int64_t)M * N * 2);
    void *scratch = memory(quern_scratch_bytes(K));
    const uint8_t *w = big;
    for (int parts = 0; parts < 2; parts++) {
        double best = 1e9;
        for (int repeat = 0; repeat < 5; repeat++) {
            const double t = seconds();
            if (parts) {
                quern_matmul_bf16_q8_0_amx(x, K * 2, w, wb, gate, N, M, 0, N, K, scratch);
                quern_matmul_bf16_q8_0_amx(x, K * 2, w + N * wb, wb, up, N, M, 0, N, K, scratch);
                quern_swiglu_avx512(gate, N, up, N, gate, N, M, N);
                quern_convert_f32_bf16_tiles_amx(gate, (int64_t)N * 4, y, N * 2, M, N);
            } else {
                quern_matmul_gated_bf16_q8_0_amx(x, K * 2, w, w + N * wb, wb, y, N * 2, M, 0, N, K, scratch, QUERN_GATE_SILU);
            }
            const double d = seconds() - t;
            best = d < best ? d : best;
        }
        printf("matmul_gated_bf16_q8_0_amx %s  %8.1f GFLOP/s\n", parts ? "in parts" : "in one  ", 4e-9 * M * N * K / best);
    }
    free(x);
    free(gate);
    free(up);
    free(y);
    free(scratch);
}
#endif

/* n floats in [-scale, scale): a running maximum must have something to do. */
static float *random_floats(int64_t n, float scale) {
    float *x = memory(n * 4);
    uint32_t bits = 1;
    for (int64_t i = 0; i < n; i++) {
        bits = bits * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)bits * 0x1p-31f * scale;
    }
    return x;
}

/* attention_step in the place of attention; one query. */
#define STEP(t)                                                                                                         \
    static void step_##t(const void *q, const void *k, const void *v, const float *mask, void *out, float *lse,         \
                         const quern_attention_args *a, void *scratch) {                                                \
        static float partial[4096] __attribute__((aligned(64)));                                                        \
        quern_attention_step_##t(q, k, v, mask, partial, a, 1, 0, 0, 0, a->keys, scratch);                              \
        quern_attention_join_##t(partial, 0, 1, out, lse, a, a->group);                                                 \
    }

STEP(baseline)
#if defined(__x86_64__)
STEP(avx2)
STEP(avx512)
#endif

typedef void attention_fn(const void *, const void *, const void *, const float *, void *, float *,
                          const quern_attention_args *, void *);

/* shape: queries, group, keys, head_dim. */
static void attention_shape(const char *name, attention_fn *run, const int64_t *shape, int q8) {
    quern_attention_args a;
    memset(&a, 0, sizeof a);
    a.queries = shape[0];
    a.group = shape[1];
    a.keys = shape[2];
    const int64_t d = shape[3];
    a.head_dim = a.value_dim = a.q_head = a.k_key = a.v_key = a.out_head = d;
    a.q_query = a.out_query = a.group * d;
    a.first_position = a.keys - a.queries;
    a.causal = 1;
    a.scale = 0.125f;
    a.k_format = a.v_format = q8 ? QUERN_Q8_0 : QUERN_F16;
    const int64_t half = q8 ? a.keys * d / 32 * 34 : a.keys * d * 2; /* bytes of K, and of V */
    float *q = random_floats(a.queries * a.group * d, 2.0f);
    float *wide = random_floats(2 * a.keys * d, 2.0f);
    uint8_t *kv = memory(2 * half);
    (q8 ? quern_convert_f32_q8_0_baseline : quern_convert_f32_f16_baseline)(wide, 0, kv, 0, 1, 2 * a.keys * d);
    void *out = memory(a.queries * a.group * d * 4);
    void *scratch = memory(quern_attention_scratch_bytes(a.queries * a.group, d, d));
    const int64_t calls = 1 + 20000000 / (4 * a.queries * a.group * a.keys * d); /* the clock has its ticks */
    double best = 1e9;
    for (const double until = seconds() + 0.2; seconds() < until;) {
        const double t = seconds();
        for (int64_t i = 0; i < calls; i++) {
            run(q, kv, kv + half, NULL, out, NULL, &a, scratch);
        }
        const double once = (seconds() - t) / (double)calls;
        best = once < best ? once : best;
    }
    const double seen = (double)a.keys - 0.5 * (double)(a.queries - 1); /* keys of a query on average */
    printf("%-24s tq %3lld group %lld keys %4lld d %3lld %-4s  %7.1f GFLOP/s  %6.2f GB/s of K, V  %7.1f us\n", name,
           (long long)a.queries, (long long)a.group, (long long)a.keys, (long long)d, q8 ? "q8_0" : "f16",
           4e-9 * (double)(a.queries * a.group * d) * seen / best, 2e-9 * (double)half / best, 1e6 * best);
    free(q);
    free(wide);
    free(kv);
    free(out);
    free(scratch);
}

#if defined(__x86_64__)
/* Decoding at depth: 128 layers of 8 heads of K and V with 4 query heads each, 512 MiB in F16, in pieces of keys. */
static void bench_depth(int q8, int64_t piece) {
    enum { LAYERS = 128, HEADS = 8, GROUP = 4, KEYS = 2048, D = 64 };
    if (skip("attention_depth_avx512", QUERN_CAP_AVX512)) {
        return;
    }
    quern_attention_args a;
    memset(&a, 0, sizeof a);
    a.queries = 1;
    a.group = GROUP;
    a.keys = KEYS;
    a.head_dim = a.value_dim = a.q_head = a.k_key = a.v_key = a.out_head = D;
    a.scale = 0.125f;
    a.k_format = a.v_format = q8 ? QUERN_Q8_0 : QUERN_F16;
    const int64_t head = q8 ? KEYS * D / 32 * 34 : KEYS * D * 2;
    float *q = random_floats(HEADS * GROUP * D, 2.0f);
    float *wide = random_floats(KEYS * D, 2.0f);
    uint8_t *kv = memory(2 * LAYERS * HEADS * head);
    for (int i = 0; i < 2 * LAYERS * HEADS; i++) {
        (q8 ? quern_convert_f32_q8_0_avx512 : quern_convert_f32_f16_avx512)(wide, 0, kv + i * head, 0, 1, KEYS * D);
    }
    float *partial = memory(HEADS * GROUP * QUERN_PARTIAL(D) * 4);
    void *scratch = memory(quern_attention_scratch_bytes(GROUP, D, D));
    double best = 1e9;
    for (const double until = seconds() + 0.5; seconds() < until;) {
        const double t = seconds();
        for (int l = 0; l < LAYERS; l++) {
            const uint8_t *k = kv + 2 * l * HEADS * head;
            for (int64_t j = 0; j < KEYS; j += piece) {
                for (int h = 0; h < HEADS; h++) {
                    quern_attention_step_avx512(q, k + h * head, k + (HEADS + h) * head, NULL, partial, &a, 1, 0, 0, j, j + piece,
                                                scratch);
                }
            }
        }
        const double once = seconds() - t;
        best = once < best ? once : best;
    }
    printf("attention_depth_avx512   128 layers, 8 heads, group 4, keys 2048 d 64 %-4s pieces of %4lld  %6.2f GB/s of K, V  %7.1f us\n",
           q8 ? "q8_0" : "f16", (long long)piece, 1e-9 * 2 * LAYERS * HEADS * (double)head / best, 1e6 * best);
    free(q);
    free(wide);
    free(kv);
    free(partial);
    free(scratch);
}
#endif

static void bench_attention(void) {
    static const struct {
        const char *name;
        uint64_t cap;
        attention_fn *run;
    } tiers[] = {
        {"attention_baseline", QUERN_CAP_BASELINE, quern_attention_baseline},
        {"attention_step_baseline", QUERN_CAP_BASELINE, step_baseline},
#if defined(__x86_64__)
        {"attention_avx2", QUERN_CAP_AVX2, quern_attention_avx2},
        {"attention_step_avx2", QUERN_CAP_AVX2, step_avx2},
        {"attention_step_avx512", QUERN_CAP_AVX512, step_avx512},
        {"attention_avx512", QUERN_CAP_AVX512, quern_attention_avx512},
        {"attention_amx", QUERN_CAP_AMX, quern_attention_amx},
#endif
    };
    static const int64_t shapes[][4] = { /* queries, group, keys, head_dim */
        {1, 1, 16, 64},     {1, 4, 16, 64},     {1, 1, 128, 64},     {1, 4, 128, 64},      {1, 4, 2048, 64},   {1, 1, 2048, 64},   {2, 4, 2048, 64},    {4, 4, 2048, 64},    {64, 4, 512, 64},   {64, 1, 2048, 64},
        {128, 4, 512, 64},  {128, 4, 2048, 64}, {512, 4, 512, 64},   {512, 4, 2048, 64},  {512, 4, 2048, 128},
    };
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        for (int s = 0; s < (int)(sizeof shapes / sizeof *shapes) && !skip(tiers[i].name, tiers[i].cap); s++) {
            if (shapes[s][0] > 1 && strstr(tiers[i].name, "step")) {
                continue;
            }
            for (int f = 0; f < 2; f++) {
                attention_shape(tiers[i].name, tiers[i].run, shapes[s], f);
            }
        }
    }
}

typedef void convert_fn(const void *, int64_t, void *, int64_t, int64_t, int64_t);
typedef void unary_fn(const void *, void *, int64_t, int64_t, int64_t);

static void report(const char *name, double elements, double best) {
    printf("%-28s %8.2f G elements/s\n", name, 1e-9 * elements / best);
}

#define BEST(best, call)                                            \
    double best = 1e9;                                              \
    for (const double until = seconds() + 0.1; seconds() < until;) { \
        const double t_ = seconds();                                \
        call;                                                       \
        const double d_ = seconds() - t_;                           \
        best = d_ < best ? d_ : best;                               \
    }

static void bench_convert(const char *name, uint64_t cap, convert_fn *run) {
    if (skip(name, cap)) {
        return;
    }
    float *x = strstr(name, "convert_f32") ? random_floats(32768, 1.0f) : memory(32768 * 4);
    void *y = memory(32768 * 4);
    BEST(best, run(x, 0, y, 0, 1, 32768))
    report(name, 32768, best);
    free(x);
    free(y);
}

static void bench_unary(const char *name, uint64_t cap, unary_fn *run) {
    if (skip(name, cap)) {
        return;
    }
    float *x = memory(16384 * 4);
    float *y = memory(16384 * 4);
    BEST(best, run(x, y, 16384, strstr(name, "bf16") ? QUERN_BF16 : QUERN_F32, QUERN_NEAR))
    report(name, 16384, best);
    free(x);
    free(y);
}

#define CONVERT(kernel, t, cap) bench_convert("convert_" #kernel "_" #t, cap, quern_convert_##kernel##_##t);
#define UNARY(kernel, t, cap)                                               \
    bench_unary("map_" #kernel "_" #t, cap, quern_map_##kernel##_##t);      \
    bench_unary("map_" #kernel "_bf16_" #t, cap, quern_map_##kernel##_##t);
#define SMALL(t, cap)             \
    CONVERT(f32_q8_0, t, cap)     \
    CONVERT(f32_q4_0, t, cap)     \
    CONVERT(f32_q4_k, t, cap)     \
    CONVERT(f32_q6_k, t, cap)     \
    CONVERT(f32_q8_k, t, cap)     \
    CONVERT(f32_bf16, t, cap)     \
    CONVERT(f32_f16, t, cap)      \
    CONVERT(f16_f32, t, cap)      \
    CONVERT(bf16_f32, t, cap)     \
    CONVERT(q8_0_f32, t, cap)     \
    CONVERT(q4_0_f32, t, cap)     \
    CONVERT(q4_k_f32, t, cap)     \
    CONVERT(q6_k_f32, t, cap)     \
    CONVERT(q8_0_bf16, t, cap)    \
    UNARY(exp, t, cap)            \
    UNARY(silu, t, cap)           \
    UNARY(gelu_tanh, t, cap)      \
    UNARY(gelu_erf, t, cap)

int main(int count, char **arguments) {
    if (count > 1) {
        wanted = arguments[1];
    }
    setvbuf(stdout, NULL, _IOLBF, 0); /* a run that is cut short still shows what it measured */
    big = memory(BIG);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        const entry *e = &entries[i];
        if (skip(e->name, e->cap)) {
            continue;
        }
        if (!strncmp(e->name, "matvec", 6)) {
            bench_matmul(e, 1, (int64_t)(BIG / (e->w_bytes * 2048)) / 32 * 32, 2048);
            bench_matmul(e, 4, 2048, 2048);
            bench_matmul(e, 8, 2048, 2048);
            bench_matmul(e, 16, 2048, 2048);
        } else {
            bench_matmul(e, 4, 2048, 2048);
            bench_matmul(e, 8, 2048, 2048);
            bench_matmul(e, 16, 2048, 2048);
            bench_matmul(e, 32, 2048, 2048);
            bench_matmul(e, 512, 2048, 2048);
        }
    }
#if defined(__x86_64__)
    bench_gated();
#endif
    bench_attention();
#if defined(__x86_64__)
    for (int q8 = 0; q8 < 2; q8++) {
        for (int64_t piece = 256; piece <= 2048; piece *= 8) {
            bench_depth(q8, piece);
        }
    }
#endif
    SMALL(baseline, QUERN_CAP_BASELINE)
#if defined(__x86_64__)
    SMALL(avx2, QUERN_CAP_AVX2)
    SMALL(avx512, QUERN_CAP_AVX512)
#endif
    return 0;
}
