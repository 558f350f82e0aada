/*
 * Speed of the products in tiles of a training step on one core, at the sizes of two GPTs: 0.8 M parameters (width 128, 768 rows)
 * and 10.6 M (384, 4,096 rows). A step touches each operand once among hundreds of MiB, so each run takes the next of several
 * sets of operands, and is the middle one of the times: bringing b into tiles, then products in slices of rows. `warm` as the
 * first argument takes one set again and again; a further one keeps the kernels whose name contains it.
 */
#define _GNU_SOURCE
#include "quern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
enum { MOST_SETS = 12, RUNS = 36, TOTAL = 400 << 20, SLICE = 512, SLICE_BESIDE = 256 };

typedef void convert_fn(const void *, int64_t, void *, int64_t, int64_t, int64_t);

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
    memset(p, 0, (size_t)bytes);
    return p;
}

static float *random_floats(int64_t n) {
    float *x = memory(n * 4);
    uint32_t bits = 1;
    for (int64_t i = 0; i < n; i++) {
        bits = bits * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)bits * 0x1p-31f;
    }
    return x;
}

static int by_size(const void *a, const void *b) {
    const double d = *(const double *)a - *(const double *)b;
    return d < 0 ? -1 : d > 0;
}

/* Which product of a linear map: its result, the gradient of its input, that of its weight, that one across, or in ranges of k. */
enum { FORWARD, INPUT, WEIGHT, WEIGHT_ACROSS, OUTER };

typedef struct shape {
    int kind;
    int64_t m;
    int64_t n;
    int64_t k;
} shape;

static void bench(const shape *s, int rounded, int warm, const char *wanted) {
    static const char *const kinds[] = {"x w^T", "g w", "g^T x", "x^T g", "outer"};
    const char *name = rounded ? "gemm_bf16_f32" : "gemm_bf16x3_f32";
    if (!strstr(name, wanted) || (s->kind == OUTER && !rounded)) {
        return;
    }
    const int64_t m = s->m;
    const int64_t n = s->n;
    const int64_t k = s->k;
    const int beside = s->kind >= WEIGHT;
    const int across = s->kind == WEIGHT_ACROSS;
    const int64_t bytes = (k + 31) / 32 * 32 * (rounded ? 2 : 6);
    const int64_t all = (m * k + n * k + m * n) * 4;
    const int64_t sets = warm ? 1 : all * MOST_SETS < TOTAL ? MOST_SETS : TOTAL / all + 1;
    float *a[MOST_SETS];
    float *b[MOST_SETS];
    float *y[MOST_SETS];
    uint8_t *tiles = memory((n + 31) / 32 * 32 * bytes);
    void *scratch = memory(quern_scratch_bytes(k));
    float *sums = memory(s->kind == OUTER ? 2 * (m + 31) * (n + 31) * 4 + 65536 : 64);
    for (int64_t i = 0; i < sets; i++) {
        a[i] = random_floats(m * k);
        b[i] = random_floats(n * k);
        y[i] = memory(m * n * 4);
    }
    convert_fn *rows = rounded ? quern_convert_f32_bf16_tiles_amx : quern_convert_f32_bf16x3_tiles_amx;
    convert_fn *columns = !rounded ? quern_gemm_columns_f32_amx : beside ? quern_gemm_left_columns_bf16_amx : quern_gemm_columns_bf16_amx;
    const int64_t row = beside ? 1 : k;
    const int64_t step = beside ? m : 1;
    const int64_t ldy = across ? m : n;
    double cut[RUNS];
    double time[RUNS];
    for (int64_t r = 0; r < RUNS; r++) {
        const int64_t i = r % sets;
        const double t = seconds();
        if (s->kind == OUTER) {
            enum { RANGES = 2, SIDE = 768 };
            const int64_t range = (k / RANGES + 31) / 32 * 32;
            const int64_t wide = (n + 31) / 32 * 4096;
            const int64_t whole = (m + 31) / 32 * wide;
            for (int64_t p = 0; p < k; p += range) {
                for (int64_t j = 0; j < m * n; j += SIDE * n) {
                    const int64_t h = m - j / n < SIDE ? m - j / n : SIDE;
                    quern_gemm_outer_bf16_amx(a[i] + p * m + j / n, m, b[i] + p * n, n,
                                              (float *)(void *)((uint8_t *)sums + p / range * whole + j / n / 32 * wide), wide, h, n,
                                              k - p < range ? k - p : range, scratch);
                }
            }
            cut[r] = 0;
            for (int64_t j = 0; j < m; j += 32) {
                quern_gemm_outer_sums_amx((const float *)(const void *)((uint8_t *)sums + j / 32 * wide), whole, RANGES, y[i] + j * n, n,
                                          m - j < 32 ? m - j : 32, n);
            }
            time[r] = seconds() - t;
            continue;
        }
        (s->kind == FORWARD ? rows : columns)(b[i], s->kind == FORWARD ? k * 4 : n * 4, tiles, bytes, n, k);
        cut[r] = seconds() - t;
        const int64_t slice = beside ? SLICE_BESIDE : SLICE;
        for (int64_t j = 0; j < m; j += slice) {
            const int64_t h = m - j < slice ? m - j : slice;
            float *to = y[i] + (across ? j : j * ldy);
            if (rounded) {
                (across ? quern_gemm_bf16_f32_across_amx : quern_gemm_bf16_f32_amx)(a[i] + j * row, row, step, tiles, bytes, to, ldy,
                                                                                  h, 0, n, k, NULL, NULL, 0, scratch);
            } else {
                (across ? quern_gemm_bf16x3_f32_across_amx : quern_gemm_bf16x3_f32_amx)(a[i] + j * row, row, step, tiles, 0, bytes, to,
                                                                                      ldy, h, 0, n, k, scratch);
            }
        }
        time[r] = seconds() - t;
    }
    qsort(time, RUNS, sizeof *time, by_size);
    qsort(cut, RUNS, sizeof *cut, by_size);
    printf("%-16s %-6s %5lld x %5lld x %5lld  %8.1f GFLOP/s  %8.1f us, %4.1f%% for b\n", name, kinds[s->kind], (long long)m,
           (long long)n, (long long)k, 2e-9 * (double)m * (double)n * (double)k / time[RUNS / 2], 1e6 * time[RUNS / 2],
           100 * cut[RUNS / 2] / time[RUNS / 2]);
    for (int64_t i = 0; i < sets; i++) {
        free(a[i]);
        free(b[i]);
        free(y[i]);
    }
    free(tiles);
    free(scratch);
    free(sums);
}

int main(int count, char **arguments) {
    static const shape shapes[] = {
        {FORWARD, 4096, 384, 384}, {FORWARD, 4096, 1536, 384}, {FORWARD, 4096, 384, 1536}, {FORWARD, 4096, 65, 384},
        {INPUT, 4096, 384, 384},   {INPUT, 4096, 1536, 384},   {INPUT, 4096, 384, 1536},   {INPUT, 4096, 384, 65},
        {WEIGHT, 384, 384, 4096},  {WEIGHT, 1536, 384, 4096},  {WEIGHT_ACROSS, 1536, 384, 4096}, {WEIGHT_ACROSS, 384, 65, 4096},
        {OUTER, 384, 384, 4096},   {OUTER, 1536, 384, 4096},   {OUTER, 128, 128, 768},     {OUTER, 512, 128, 768},
        {FORWARD, 768, 128, 128},  {FORWARD, 768, 512, 128},   {FORWARD, 768, 128, 512},   {INPUT, 768, 128, 512},
        {WEIGHT, 128, 128, 768},   {WEIGHT, 512, 128, 768},    {FORWARD, 1024, 1024, 1024}, {FORWARD, 2048, 2048, 2048},
    };
    const int warm = count > 1 && !strcmp(arguments[1], "warm");
    if (!(quern_caps() & QUERN_CAP_AMX)) {
        return 0;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int rounded = 1; rounded >= 0; rounded--) {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            bench(&shapes[i], rounded, warm, count > 1 + warm ? arguments[1 + warm] : "");
        }
    }
    return 0;
}

#else

int main(void) { return 0; }

#endif
