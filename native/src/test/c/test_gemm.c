/*
 * gemm_f32 and gemm_f64 of every tier, gemm_split.c and gemm_bf16.c, whose operands are rounded first: all transposes and strides,
 * against F64 sums; guard pages; cuts.
 */
#include "reference.h"

#include <math.h>
#include <string.h>

typedef void f32_fn(const float *, int64_t, int64_t, const float *, int64_t, int64_t, float *, int64_t, int64_t, int64_t,
                    int64_t, int64_t, void *);
typedef void f64_fn(const double *, int64_t, int64_t, const double *, int64_t, int64_t, double *, int64_t, int64_t,
                    int64_t, int64_t, int64_t, void *);

static float rounded(float x, int to_bf16) {
    const uint32_t bits = (uint32_t)bf16_of(x) << 16;
    memcpy(&x, &bits, to_bf16 ? sizeof x : 0);
    return x;
}

#if defined(__x86_64__)
/*
 * Products in tiles as the others are called: b is cut on the way, its columns as they are contiguous. across: the kernel stores
 * the transpose. What a kernel does not take is gemm_f32's.
 */
#define IN_TILES(name, kernel, across, by_rows, by_columns, element_bytes, any_a)                                            \
    static void name(const float *a, int64_t a_row, int64_t a_k, const float *b, int64_t b_k, int64_t b_column, float *y,    \
                     int64_t ldy, int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch) {                             \
        const int64_t bytes = (k + 31) / 32 * 32 * (element_bytes);                                                          \
        const int64_t n = n1 - n0;                                                                                           \
        uint8_t *tiles = guarded((n + 31) / 32 * 32 * bytes, 1);                                                             \
        if ((b_column != 1 && b_k != 1) || (!(any_a) && a_row != 1 && a_k != 1)) {                                           \
            quern_gemm_f32_avx512(a, a_row, a_k, b, b_k, b_column, y, ldy, m, n0, n1, k, scratch);                           \
            return;                                                                                                          \
        }                                                                                                                    \
        if (b_column == 1) {                                                                                                 \
            by_rows(b + n0, b_k * 4, tiles, bytes, n, k);                                                                    \
        } else {                                                                                                             \
            by_columns(b + n0 * b_column, b_column * 4, tiles, bytes, n, k);                                                 \
        }                                                                                                                    \
        if (!(across)) {                                                                                                     \
            kernel(a, a_row, a_k, tiles, 0, bytes, y + n0, ldy, m, 0, n, k, scratch);                                        \
            return;                                                                                                          \
        }                                                                                                                    \
        float *turned = guarded(n * m * 4, 1);                                                                               \
        kernel(a, a_row, a_k, tiles, 0, bytes, turned, m, m, 0, n, k, scratch);                                              \
        for (int64_t i = 0; i < m * n; i++) {                                                                                \
            y[i / n * ldy + n0 + i % n] = turned[i % n * m + i / n];                                                         \
        }                                                                                                                    \
    }

IN_TILES(split_f32, quern_gemm_bf16x3_f32_amx, 0, quern_gemm_columns_f32_amx, quern_convert_f32_bf16x3_tiles_amx, 6, 1)
IN_TILES(split_across, quern_gemm_bf16x3_f32_across_amx, 1, quern_gemm_columns_f32_amx, quern_convert_f32_bf16x3_tiles_amx, 6, 0)

/* The rounded ones, whose b is on the left where a's rows lie side by side. */
static uint8_t *rounded_tiles(const float *b, int64_t b_k, int64_t b_column, int64_t n, int64_t k, int beside) {
    const int64_t bytes = (k + 31) / 32 * 32 * 2;
    uint8_t *tiles = guarded((n + 31) / 32 * 32 * bytes, 1);
    if (b_column == 1) {
        (beside ? quern_gemm_left_columns_bf16_amx : quern_gemm_columns_bf16_amx)(b, b_k * 4, tiles, bytes, n, k);
    } else {
        (beside ? quern_gemm_left_rows_bf16_amx : quern_convert_f32_bf16_tiles_amx)(b, b_column * 4, tiles, bytes, n, k);
    }
    return tiles;
}

static void bf16_f32(const float *a, int64_t a_row, int64_t a_k, const float *b, int64_t b_k, int64_t b_column, float *y,
                     int64_t ldy, int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch) {
    const uint8_t *tiles = rounded_tiles(b + n0 * b_column, b_k, b_column, n1 - n0, k, a_k != 1);
    quern_gemm_bf16_f32_amx(a, a_row, a_k, tiles, (k + 31) / 32 * 64, y + n0, ldy, m, 0, n1 - n0, k, NULL, NULL, 0, scratch);
}

static void bf16_across(const float *a, int64_t a_row, int64_t a_k, const float *b, int64_t b_k, int64_t b_column, float *y,
                        int64_t ldy, int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch) {
    const int64_t n = n1 - n0;
    const uint8_t *tiles = rounded_tiles(b + n0 * b_column, b_k, b_column, n, k, a_k != 1);
    float *turned = guarded(n * m * 4, 1);
    quern_gemm_bf16_f32_across_amx(a, a_row, a_k, tiles, (k + 31) / 32 * 64, turned, m, m, 0, n, k, NULL, NULL, 0, scratch);
    for (int64_t i = 0; i < m * n; i++) {
        y[i / n * ldy + n0 + i % n] = turned[i % n * m + i / n];
    }
}

/* Bias and residual are added to the finished sum, in this order; columns from a multiple of 32 on; both orders of a. */
static void check_linear(int64_t m, int64_t n, int64_t k, int beside) {
    random_source r = {(uint64_t)(m + n + k)};
    const int64_t row = beside ? 1 : k;
    const int64_t step = beside ? m : 1;
    const int64_t bytes = (k + 31) / 32 * 64;
    float *a = guarded(m * k * 4, 1);
    float *b = guarded(n * k * 4, 1);
    float *bias = guarded(n * 4, 1);
    float *residual = guarded(m * n * 4, 1);
    float *plain = guarded(m * n * 4, 1);
    float *y = guarded(m * n * 4, 1);
    void *scratch = scratch_memory(quern_scratch_bytes(k));
    fill_floats(&r, a, m * k);
    fill_floats(&r, b, n * k);
    fill_floats(&r, bias, n);
    fill_floats(&r, residual, m * n);
    const uint8_t *tiles = rounded_tiles(b, 1, k, n, k, beside);
    for (int with = 0; with < 4; with++) {
        const float *add = with & 1 ? bias : NULL;
        float *rows = with & 2 ? residual : NULL;
        for (int64_t n0 = 0; n0 < n; n0 += 64) {
            const int64_t n1 = n0 + 64 < n ? n0 + 64 : n;
            quern_gemm_bf16_f32_amx(a, row, step, tiles, bytes, with ? y : plain, n, m, n0, n1, k, add, rows, 0, scratch);
        }
        for (int64_t i = 0; with && i < m * n; i++) {
            const float sum = plain[i] + (add ? bias[i % n] : 0.0f);
            const float expected = sum + (rows ? residual[i] : 0.0f);
            CHECK(y[i] == expected, "linear %lldx%lldx%lld beside %d with %d: %g, not %g", (long long)m, (long long)n,
                  (long long)k, beside, with, (double)y[i], (double)expected);
        }
    }
    float *ones = guarded(m * n * 4, 1);
    float *expected = guarded(m * n * 4, 1);
    float *slope = guarded(m * n * 4, 1);
    for (int64_t i = 0; i < m * n; i++) {
        ones[i] = 1.0f;
    }
    quern_gemm_bf16_f32_amx(a, row, step, tiles, bytes, y, n, m, 0, n, k, NULL, residual, QUERN_MULTIPLY, scratch);
    for (int64_t i = 0; i < m * n; i++) {
        CHECK(y[i] == plain[i] * residual[i], "times %lldx%lldx%lld beside %d", (long long)m, (long long)n, (long long)k, beside);
    }
    for (int64_t f = QUERN_GATE_SILU; f <= QUERN_GATE_GELU_ERF; f++) {
        quern_gemm_bf16_f32_amx(a, row, step, tiles, bytes, y, n, m, 0, n, k, NULL, residual, f, scratch);
        (f == QUERN_GATE_SILU       ? quern_map_silu_avx512
         : f == QUERN_GATE_GELU_TANH ? quern_map_gelu_tanh_avx512
                                     : quern_map_gelu_erf_avx512)(plain, expected, m * n, QUERN_F32, QUERN_NEAR);
        (f == QUERN_GATE_SILU       ? quern_zip_silu_grad_avx512
         : f == QUERN_GATE_GELU_TANH ? quern_zip_gelu_tanh_grad_avx512
                                     : quern_zip_gelu_erf_grad_avx512)(ones, plain, slope, m * n, QUERN_F32, QUERN_NEAR);
        CHECK(memcmp(y, expected, (size_t)(m * n) * 4) == 0 && memcmp(residual, slope, (size_t)(m * n) * 4) == 0,
              "activation %lld of %lldx%lldx%lld beside %d", (long long)f, (long long)m, (long long)n, (long long)k, beside);
    }
    release_guarded();
}

/* a^T b of ranges of k, added in order: as the F64 sums of rounded operands, and within guard pages. */
static void check_outer(int64_t m, int64_t n, int64_t k, int64_t range) {
    random_source r = {(uint64_t)(m + n + k)};
    const int64_t group = (n + 31) / 32 * 4096;
    const int64_t whole = (m + 31) / 32 * group;
    const int64_t ranges = (k + range - 1) / range;
    float *a = guarded(m * k * 4, 1);
    float *b = guarded(n * k * 4, 1);
    float *y = guarded(m * n * 4, 1);
    float *sums = scratch_memory(ranges * whole);
    void *scratch = scratch_memory(quern_scratch_bytes(range));
    fill_floats(&r, a, m * k);
    fill_floats(&r, b, n * k);
    for (int64_t p = 0; p < k; p += range) {
        quern_gemm_outer_bf16_amx(a + p * m, m, b + p * n, n, (float *)(void *)((uint8_t *)sums + p / range * whole), group, m, n,
                                  k - p < range ? k - p : range, scratch);
    }
    for (int64_t i = 0; i < m; i += 32) {
        quern_gemm_outer_sums_amx((const float *)(const void *)((const uint8_t *)sums + i / 32 * group), whole, ranges, y + i * n, n,
                                  m - i < 32 ? m - i : 32, n);
    }
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            double size = 1e-30;
            for (int64_t p = 0; p < k; p++) {
                const double v = (double)rounded(a[p * m + i], 1) * (double)rounded(b[p * n + j], 1);
                sum += v;
                size += fabs(v);
            }
            CHECK(fabs(y[i * n + j] - sum) <= 2e-6 * size, "outer %lldx%lldx%lld: %g, not %g", (long long)m, (long long)n,
                  (long long)k, (double)y[i * n + j], sum);
        }
    }
    release_guarded();
}
#endif

static const struct tier {
    const char *name;
    uint64_t cap;
    f32_fn *f32;
    f64_fn *f64;
    int rounded; /* operands to BF16; takes no strided ones */
} tiers[] = {
    {"baseline", QUERN_CAP_BASELINE, quern_gemm_f32_baseline, quern_gemm_f64_baseline, 0},
#if defined(__x86_64__)
    {"avx2", QUERN_CAP_AVX2, quern_gemm_f32_avx2, quern_gemm_f64_avx2, 0},
    {"avx512", QUERN_CAP_AVX512, quern_gemm_f32_avx512, quern_gemm_f64_avx512, 0},
    {"amx", QUERN_CAP_AMX, split_f32, quern_gemm_f64_avx512, 0},
    {"amx across", QUERN_CAP_AMX, split_across, quern_gemm_f64_avx512, 0},
    {"bf16", QUERN_CAP_AMX, bf16_f32, quern_gemm_f64_avx512, 1},
    {"bf16 across", QUERN_CAP_AMX, bf16_across, quern_gemm_f64_avx512, 1},
#endif
};

/* Strides of a (rows, columns) matrix: row-major, transposed, or every third element of rows twice as long. */
static void strides(int layout, int64_t rows, int64_t columns, int64_t *row, int64_t *column, int64_t *extent) {
    *row = layout == 0 ? columns : layout == 1 ? 1 : 6 * columns;
    *column = layout == 0 ? 1 : layout == 1 ? rows : 3;
    *extent = rows && columns ? (rows - 1) * *row + (columns - 1) * *column + 1 : 0;
}

static void check_case(const struct tier *t, int64_t m, int64_t n, int64_t k, int la, int lb, int at_end) {
    if (t->rounded && (la == 2 || lb == 2)) {
        return;
    }
    random_source r = {(uint64_t)(m + 31 * n + 977 * k + la + 3 * lb)};
    int64_t ar, ak, br, bc, a_extent, b_extent;
    strides(la, m, k, &ar, &ak, &a_extent);
    strides(lb, k, n, &br, &bc, &b_extent);
    float *a = guarded(a_extent * 4, at_end);
    float *b = guarded(b_extent * 4, at_end);
    float *y = guarded(m * n * 4, at_end);
    float *again = guarded(m * n * 4, at_end);
    double *ad = guarded(a_extent * 8, at_end);
    double *bd = guarded(b_extent * 8, at_end);
    double *yd = guarded(m * n * 8, at_end);
    void *scratch = scratch_memory(quern_scratch_bytes(k));
    fill_floats(&r, a, a_extent);
    fill_floats(&r, b, b_extent);
    for (int64_t i = 0; i < a_extent; i++) {
        ad[i] = rounded(a[i], t->rounded);
    }
    for (int64_t i = 0; i < b_extent; i++) {
        bd[i] = rounded(b[i], t->rounded);
    }
    t->f32(a, ar, ak, b, br, bc, y, n, m, 0, n, k, scratch);
    t->f64(ad, ar, ak, bd, br, bc, yd, n, m, 0, n, k, scratch);
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            double size = 1e-30;
            for (int64_t p = 0; p < k; p++) {
                const double v = ad[i * ar + p * ak] * bd[p * br + j * bc];
                sum += v;
                size += fabs(v);
            }
            CHECK(fabs(yd[i * n + j] - sum) <= 1e-14 * size, "f64 %s %lldx%lldx%lld layouts %d %d", t->name, (long long)m,
                  (long long)n, (long long)k, la, lb);
            CHECK(fabs(y[i * n + j] - sum) <= 2e-6 * size, "f32 %s %lldx%lldx%lld layouts %d %d: %g, not %g", t->name,
                  (long long)m, (long long)n, (long long)k, la, lb, (double)y[i * n + j], sum);
        }
    }
    const int64_t cut = m / 2;
    for (int64_t n0 = 0; n0 < n; n0 += 13) {
        const int64_t n1 = n0 + 13 < n ? n0 + 13 : n;
        t->f32(a, ar, ak, b, br, bc, again, n, cut, n0, n1, k, scratch);
        t->f32(a + cut * ar, ar, ak, b, br, bc, again + cut * n, n, m - cut, n0, n1, k, scratch);
    }
    CHECK(memcmp(y, again, (size_t)(m * n * 4)) == 0, "%s %lldx%lldx%lld: bits depend on the cut", t->name, (long long)m,
          (long long)n, (long long)k);
    release_guarded();
}

int main(void) {
    static const int64_t sizes[][3] = {{1, 1, 1},   {1, 17, 3},   {3, 15, 16},  {12, 32, 64},  {13, 33, 65}, {31, 31, 31},
                                       {5, 63, 127}, {33, 257, 17}, {24, 96, 257}, {2, 300, 520}, {7, 5, 0}, {70, 40, 0},   {65, 16, 255}, {289, 33, 270}, {40, 530, 300}, {300, 70, 800}, {520, 96, 384}, {70, 40, 1600}};
    int64_t cases = 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        for (size_t s = 0; has(tiers[i].cap) && s < sizeof sizes / sizeof *sizes; s++) {
            for (int layouts = 0; layouts < 9; layouts++) {
                check_case(&tiers[i], sizes[s][0], sizes[s][1], sizes[s][2], layouts / 3, layouts % 3, layouts & 1);
                cases++;
            }
        }
    }
#if defined(__x86_64__)
    for (size_t s = 0; has(QUERN_CAP_AMX) && s < sizeof sizes / sizeof *sizes; s++) {
        check_linear(sizes[s][0], sizes[s][1], sizes[s][2], 0);
        check_linear(sizes[s][0], sizes[s][1], sizes[s][2], 1);
        cases += 2;
    }
    static const int64_t outer[][4] = {{32, 32, 512, 128}, {65, 384, 520, 160}, {33, 17, 1000, 256}, {1, 47, 300, 96}, {130, 70, 513, 288}};
    for (size_t s = 0; has(QUERN_CAP_AMX) && s < sizeof outer / sizeof *outer; s++) {
        check_outer(outer[s][0], outer[s][1], outer[s][2], outer[s][3]);
        cases++;
    }
#endif
    return finished("gemm", cases);
}
