/*
 * Every x . W^T kernel of every tier against sums in F64 over the stored values; operands between forbidden pages; the
 * same bits for every cut in columns and rows.
 */
#include "reference.h"

#include <math.h>
#include <string.h>

typedef void matmul_fn(const void *, int64_t, const void *, int64_t, float *, int64_t, int64_t, int64_t, int64_t,
                       int64_t, void *);

typedef struct entry {
    const char *name;
    uint64_t cap;
    format x;
    format w;
    int tiles; /* x in the tile order, in so many BF16 terms; with one, weights go through BF16 too */
    matmul_fn *run;
} entry;

/* Formats that are only unpacked. */
#define UNPACKED(t, cap, name, w)                                       \
    {"matvec_f32_" #name "_" #t, cap, F32, w, 0, quern_matvec_f32_##name##_##t}, \
    {"matmul_f32_" #name "_" #t, cap, F32, w, 0, quern_matmul_f32_##name##_##t}

#define TIER(t, cap)                                                                      \
    {"matvec_f32_f32_" #t, cap, F32, F32, 0, quern_matvec_f32_f32_##t},                   \
    {"matvec_f32_f16_" #t, cap, F32, F16, 0, quern_matvec_f32_f16_##t},                   \
    {"matvec_f32_bf16_" #t, cap, F32, BF16, 0, quern_matvec_f32_bf16_##t},                \
    {"matvec_f32_q8_0_" #t, cap, F32, Q8_0, 0, quern_matvec_f32_q8_0_##t},                \
    {"matvec_f32_q4_0_" #t, cap, F32, Q4_0, 0, quern_matvec_f32_q4_0_##t},                \
    {"matvec_f32_q4_k_" #t, cap, F32, Q4_K, 0, quern_matvec_f32_q4_k_##t},                \
    {"matvec_f32_q6_k_" #t, cap, F32, Q6_K, 0, quern_matvec_f32_q6_k_##t},                \
    {"matvec_bf16_bf16_" #t, cap, BF16, BF16, 0, quern_matvec_bf16_bf16_##t},             \
    {"matvec_q8_0_q8_0_" #t, cap, Q8_0, Q8_0, 0, quern_matvec_q8_0_q8_0_##t},             \
    {"matvec_q8_0_q4_0_" #t, cap, Q8_0, Q4_0, 0, quern_matvec_q8_0_q4_0_##t},             \
    {"matvec_q8_k_q4_k_" #t, cap, Q8_K, Q4_K, 0, quern_matvec_q8_k_q4_k_##t},             \
    {"matvec_q8_k_q6_k_" #t, cap, Q8_K, Q6_K, 0, quern_matvec_q8_k_q6_k_##t},             \
    {"matmul_f32_f32_" #t, cap, F32, F32, 0, quern_matmul_f32_f32_##t},                   \
    {"matmul_f32_f16_" #t, cap, F32, F16, 0, quern_matmul_f32_f16_##t},                   \
    {"matmul_f32_bf16_" #t, cap, F32, BF16, 0, quern_matmul_f32_bf16_##t},                \
    {"matmul_f32_q8_0_" #t, cap, F32, Q8_0, 0, quern_matmul_f32_q8_0_##t},                \
    {"matmul_f32_q4_0_" #t, cap, F32, Q4_0, 0, quern_matmul_f32_q4_0_##t},                \
    {"matmul_f32_q4_k_" #t, cap, F32, Q4_K, 0, quern_matmul_f32_q4_k_##t},                \
    {"matmul_f32_q6_k_" #t, cap, F32, Q6_K, 0, quern_matmul_f32_q6_k_##t},                \
    UNPACKED(t, cap, q4_1, Q4_1), UNPACKED(t, cap, q5_0, Q5_0), UNPACKED(t, cap, q5_1, Q5_1),                            \
    UNPACKED(t, cap, q2_k, Q2_K), UNPACKED(t, cap, q3_k, Q3_K), UNPACKED(t, cap, q5_k, Q5_K),                            \
    UNPACKED(t, cap, iq4_nl, IQ4_NL), UNPACKED(t, cap, iq4_xs, IQ4_XS)

#define TILED(t, cap, name, w) {"matmul_bf16_" #name "_" #t, cap, BF16, w, 1, quern_matmul_bf16_##name##_##t}

#define TILES(t, cap)                                                                                           \
    TILED(t, cap, bf16, BF16), TILED(t, cap, f16, F16), TILED(t, cap, f32, F32), TILED(t, cap, q8_0, Q8_0),     \
    TILED(t, cap, q4_0, Q4_0), TILED(t, cap, q4_k, Q4_K), TILED(t, cap, q6_k, Q6_K), TILED(t, cap, q4_1, Q4_1), \
    TILED(t, cap, q5_0, Q5_0), TILED(t, cap, q5_1, Q5_1), TILED(t, cap, q2_k, Q2_K), TILED(t, cap, q3_k, Q3_K), \
    TILED(t, cap, q5_k, Q5_K), TILED(t, cap, iq4_nl, IQ4_NL), TILED(t, cap, iq4_xs, IQ4_XS)

static const entry entries[] = {
    TIER(baseline, QUERN_CAP_BASELINE),
#if defined(__x86_64__)
    TIER(avx2, QUERN_CAP_AVX2),
    TIER(avx512, QUERN_CAP_AVX512),
    TILES(avx512, QUERN_CAP_AVX512),
    TILES(amx, QUERN_CAP_AMX),
    {"matvec_bf16_bf16_amx", QUERN_CAP_AMX, BF16, BF16, 0, quern_matvec_bf16_bf16_amx},
    {"matmul_bf16x3_f32_amx", QUERN_CAP_AMX, F32, F32, 3, quern_matmul_bf16x3_f32_amx},
    {"matmul_bf16x3_f16_amx", QUERN_CAP_AMX, F32, F16, 3, quern_matmul_bf16x3_f16_amx},
    {"matmul_bf16x3_bf16_amx", QUERN_CAP_AMX, F32, BF16, 3, quern_matmul_bf16x3_bf16_amx},
    {"matmul_bf16x2_f16_amx", QUERN_CAP_AMX, BF16, F16, 2, quern_matmul_bf16x2_f16_amx},
#endif
};

/* Rows of activations of format f; the kernels' own quantisers make the 8-bit ones. */
static void make_activations(random_source *r, format f, uint8_t *x, int64_t m, int64_t k) {
    float *row = malloc((size_t)(k ? k : 1) * sizeof *row);
    for (int64_t i = 0; i < m; i++) {
        uint8_t *out = x + i * row_bytes(f, k);
        fill_floats(r, row, k);
        if (f == Q8_0) {
            quern_convert_f32_q8_0_baseline(row, 0, out, 0, 1, k);
        } else if (f == Q8_K) {
            quern_convert_f32_q8_k_baseline(row, 0, out, 0, 1, k);
        } else {
            random_row(r, f, 0, out, k);
        }
    }
    free(row);
}

/* The rows of x (BF16 or F32, xb bytes each) in tile order. */
static uint8_t *in_tiles(const entry *e, const uint8_t *x, int64_t xb, int64_t m, int64_t k, int64_t ldx, int at_end) {
    uint8_t *packed = guarded((m + 31) / 32 * 32 * ldx, at_end);
#if defined(__x86_64__)
    static void (*const convert[])(const void *, int64_t, void *, int64_t, int64_t, int64_t) = {
        quern_convert_f32_bf16_tiles_avx512, quern_convert_f32_bf16x2_tiles_amx, quern_convert_f32_bf16x3_tiles_amx};
    float *rows = malloc((size_t)(m * k + 1) * sizeof *rows);
    double *values = malloc((size_t)(k + 1) * sizeof *values);
    for (int64_t i = 0; i < m; i++) {
        row_values(e->x, x + i * xb, k, values);
        for (int64_t p = 0; p < k; p++) {
            rows[i * k + p] = (float)values[p];
        }
    }
    convert[e->tiles - 1](rows, k * 4, packed, ldx, m, k);
    free(rows);
    free(values);
#else
    (void)e;
    (void)x;
    (void)xb;
#endif
    return packed;
}

static void check_case(const entry *e, int64_t m, int64_t n, int64_t k, int wild, int at_end) {
    random_source r = {(uint64_t)(m * 1000003 + n * 1009 + k * 7 + wild)};
    const int64_t xb = row_bytes(e->x, k);
    const int64_t wb = row_bytes(e->w, k);
    uint8_t *x = guarded(m * xb, at_end);
    uint8_t *w = guarded(n * wb, at_end);
    float *y = guarded(m * n * 4, at_end);
    float *again = guarded(m * n * 4, !at_end);
    void *scratch = scratch_memory(quern_scratch_bytes(k));
    make_activations(&r, e->x, x, m, k);
    for (int64_t j = 0; j < n; j++) {
        random_row(&r, e->w, wild, w + j * wb, k);
    }
    memset(y, 0x7f, (size_t)(m * n * 4));
    const int64_t ldx = e->tiles ? (k + 31) / 32 * 64 * e->tiles : xb;
    const uint8_t *rows = e->tiles ? in_tiles(e, x, xb, m, k, ldx, at_end) : x;
    e->run(rows, ldx, w, wb, y, n, m, 0, n, k, scratch);

    double *xv = malloc((size_t)(m * k + 1) * sizeof *xv);
    double *wv = malloc((size_t)(k + 1) * sizeof *wv);
    for (int64_t i = 0; i < m; i++) {
        row_values(e->x, x + i * xb, k, xv + i * k);
    }
    for (int64_t j = 0; j < n; j++) {
        row_values(e->w, w + j * wb, k, wv);
        double largest = 0;
        for (int64_t p = 0; p < k; p++) {
            if (e->tiles == 1) {
                wv[p] = bf16_value(bf16_of((float)wv[p]));
                wv[p] = fabs(wv[p]) < 0x1p-126 ? 0.0 : wv[p];
            }
            largest = fmax(largest, fabs(wv[p]));
        }
        for (int64_t i = 0; i < m; i++) {
            double sum = 0;
            double size = 0;
            for (int64_t p = 0; p < k; p++) {
                sum += xv[i * k + p] * wv[p];
                size += fabs(xv[i * k + p]) * largest;
            }
            const double error = fabs(y[i * n + j] - sum);
            CHECK(error <= 1e-6 * size + 1e-30, "%s m=%lld n=%lld k=%lld wild=%d at (%lld, %lld): %.9g, not %.9g (%.3g)", e->name,
                  (long long)m, (long long)n, (long long)k, wild, (long long)i, (long long)j, (double)y[i * n + j], sum,
                  error / size);
        }
    }
    free(xv);
    free(wv);

    /* Cuts: columns at odd places, rows one by one and in two parts. */
    memset(again, 0x55, (size_t)(m * n * 4));
    for (int64_t n0 = 0, step = 1; n0 < n; n0 += step, step = step * 3 + 1) {
        const int64_t n1 = n0 + step < n ? n0 + step : n;
        const int64_t cut = e->tiles ? m / 3 / 32 * 32 : m / 3;
        e->run(rows, ldx, w, wb, again, n, cut, n0, n1, k, scratch);
        e->run(rows + cut * ldx, ldx, w, wb, again + cut * n, n, m - cut, n0, n1, k, scratch);
    }
    CHECK(memcmp(y, again, (size_t)(m * n * 4)) == 0, "%s m=%lld n=%lld k=%lld: bits depend on the cut", e->name,
          (long long)m, (long long)n, (long long)k);
    release_guarded();
}

#if defined(__x86_64__)
typedef void gated_fn(const void *, int64_t, const void *, const void *, int64_t, void *, int64_t, int64_t, int64_t,
                      int64_t, int64_t, void *, int64_t);

#define GATED(t, cap, name, w) \
    {"matmul_gated_bf16_" #name "_" #t, cap, w, quern_matmul_bf16_##name##_##t, quern_matmul_gated_bf16_##name##_##t}

#define GATED_TIER(t, cap)                                                                                   \
    GATED(t, cap, bf16, BF16), GATED(t, cap, f16, F16), GATED(t, cap, f32, F32), GATED(t, cap, q8_0, Q8_0),  \
    GATED(t, cap, q4_0, Q4_0), GATED(t, cap, q4_k, Q4_K), GATED(t, cap, q6_k, Q6_K), GATED(t, cap, q5_0, Q5_0), \
    GATED(t, cap, q5_k, Q5_K)

static const struct {
    const char *name;
    uint64_t cap;
    format w;
    matmul_fn *plain;
    gated_fn *run;
} gated[] = {GATED_TIER(avx512, QUERN_CAP_AVX512), GATED_TIER(amx, QUERN_CAP_AMX)};

/* A gated product has the bits of its parts: two products, the gate, the conversion. Also when it is cut in columns. */
static void check_gated(int which, int64_t m, int64_t n, int64_t k, int64_t kind, int at_end) {
    random_source r = {(uint64_t)(m * 1000003 + n * 1009 + k * 7 + kind)};
    const int64_t wb = row_bytes(gated[which].w, k);
    const int64_t xb = row_bytes(BF16, k);
    const int64_t ldx = (k + 31) / 32 * 64;
    const int64_t ldy = (n + 31) / 32 * 64;
    const int64_t padded = (m + 31) / 32 * 32;
    uint8_t *x = guarded(m * xb, at_end);
    uint8_t *w[2] = {guarded(n * wb, at_end), guarded(n * wb, !at_end)};
    make_activations(&r, BF16, x, m, k);
    for (int64_t j = 0; j < 2 * n; j++) {
        random_row(&r, gated[which].w, 0, w[j % 2] + j / 2 * wb, k);
    }
    const entry narrow = {.x = BF16, .tiles = 1};
    const uint8_t *rows = in_tiles(&narrow, x, xb, m, k, ldx, at_end);
    void *scratch = scratch_memory(quern_scratch_bytes(k));
    float *part[2] = {guarded(m * n * 4, at_end), guarded(m * n * 4, at_end)};
    for (int h = 0; h < 2; h++) {
        gated[which].plain(rows, ldx, w[h], wb, part[h], n, m, 0, n, k, scratch);
    }
    (kind == QUERN_GATE_SILU ? quern_swiglu_avx512 : kind == QUERN_GATE_GELU_TANH ? quern_geglu_tanh_avx512 : quern_geglu_erf_avx512)(
        part[0], n, part[1], n, part[0], n, m, n);
    uint8_t *expected = guarded(padded * ldy, at_end);
    uint8_t *y = guarded(padded * ldy, at_end);
    memset(expected, 0, (size_t)(padded * ldy));
    memset(y, 0, (size_t)(padded * ldy));
    quern_convert_f32_bf16_tiles_avx512(part[0], n * 4, expected, ldy, m, n);
    const int64_t cut = n / 2 / 32 * 32;
    gated[which].run(rows, ldx, w[0], w[1], wb, y, ldy, m, 0, cut, k, scratch, kind);
    gated[which].run(rows, ldx, w[0], w[1], wb, y, ldy, m, cut, n, k, scratch, kind);
    CHECK(memcmp(y, expected, (size_t)(padded * ldy)) == 0, "%s m=%lld n=%lld k=%lld: not the bits of its parts",
          gated[which].name, (long long)m, (long long)n, (long long)k);
    release_guarded();
}

typedef void narrow_fn(const void *, int64_t, const void *, int64_t, void *, int64_t, int64_t, int64_t, int64_t, int64_t, void *);

typedef void convert_fn(const void *, int64_t, void *, int64_t, int64_t, int64_t);

static const struct {
    uint64_t cap;
    convert_fn *convert;
    matmul_fn *wide;
    narrow_fn *run;
} narrowing[] = {
    {QUERN_CAP_AVX512, quern_convert_bf16_bf16_tiles_avx512, quern_matmul_bf16_bf16_avx512, quern_matmul_bf16_bf16_to_bf16_avx512},
    {QUERN_CAP_AMX, quern_convert_bf16_bf16_tiles_amx, quern_matmul_bf16_bf16_amx, quern_matmul_bf16_bf16_to_bf16_amx},
};

/* Results in BF16, from activations in BF16, are those in F32 rounded. Also when columns are cut. */
static void check_narrow(int tier, int64_t m, int64_t n, int64_t k, int at_end) {
    random_source r = {(uint64_t)(m * 1000003 + n * 1009 + k * 7)};
    const int64_t xb = row_bytes(BF16, k);
    const int64_t ldx = (k + 31) / 32 * 64;
    uint8_t *x = guarded(m * xb, at_end);
    uint8_t *w = guarded(n * xb, at_end);
    make_activations(&r, BF16, x, m, k);
    for (int64_t j = 0; j < n; j++) {
        random_row(&r, BF16, 0, w + j * xb, k);
    }
    const entry narrow = {.x = BF16, .tiles = 1};
    const uint8_t *rows = in_tiles(&narrow, x, xb, m, k, ldx, at_end);
    uint8_t *tiles = guarded((m + 31) / 32 * 32 * ldx, at_end);
    memcpy(tiles, rows, (size_t)((m + 31) / 32 * 32 * ldx)); /* halves without a row are left alone */
    narrowing[tier].convert(x, xb, tiles, ldx, m, k);
    CHECK(memcmp(tiles, rows, (size_t)((m + 31) / 32 * 32 * ldx)) == 0, "convert_bf16_bf16_tiles m=%lld k=%lld: not the same tiles",
          (long long)m, (long long)k);
    void *scratch = scratch_memory(quern_scratch_bytes(k));
    float *wide = guarded(m * n * 4, at_end);
    uint16_t *y = guarded(m * n * 2, at_end);
    memset(y, 0x55, (size_t)(m * n * 2));
    narrowing[tier].wide(tiles, ldx, w, xb, wide, n, m, 0, n, k, scratch);
    const int64_t step = n > 40 ? 37 : n;
    for (int64_t n0 = 0; n0 < n; n0 += step) {
        narrowing[tier].run(tiles, ldx, w, xb, y, n, m, n0, n0 + step < n ? n0 + step : n, k, scratch);
    }
    for (int64_t i = 0; i < m * n; i++) {
        const uint16_t expected = fabsf(wide[i]) < 0x1p-126f ? (uint16_t)(signbit(wide[i]) ? 0x8000 : 0) : bf16_of(wide[i]);
        CHECK(y[i] == expected, "matmul_bf16_bf16_to_bf16 m=%lld n=%lld k=%lld at %lld: %x, not %x", (long long)m, (long long)n,
              (long long)k, (long long)i, y[i], expected);
    }
    release_guarded();
}

static int64_t check_all_narrow(const int64_t *ms, const int64_t *ns) {
    int64_t cases = 0;
    for (int t = 0; t < 2; t++) {
        if (!has(narrowing[t].cap)) {
            continue;
        }
        for (int c = 0; c < 14; c++, cases++) {
            check_narrow(t, ms[c % 12], ns[c], 1 + 61 * c, c & 1);
        }
        check_narrow(t, 40, 300, 0, 1);
        check_narrow(t, 1030, 70, 520, 0); /* not as stored, and more rows than sums fit in scratch */
        cases += 2;
    }
    return cases;
}

static int64_t check_all_gated(const int64_t *ms, const int64_t *ns) {
    int64_t cases = 0;
    for (int f = 0; f < (int)(sizeof gated / sizeof *gated); f++) {
        if (!has(gated[f].cap)) {
            continue;
        }
        const int64_t length = block_length(gated[f].w);
        for (int c = 0; c < 14; c++, cases++) {
            check_gated(f, ms[c % 12], ns[c], length == 1 ? 257 - c : 256 * (1 + c % 3), 1 + c % 3, c & 1);
        }
        check_gated(f, 40, 300, length == 1 ? 0 : 512, 1, 1);
        check_gated(f, 530, 130, 256, 1, 0); /* more rows than sums fit in scratch */
        cases += 2;
    }
    return cases;
}
#endif

int main(void) {
    static const int64_t plain_k[] = {0, 1, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 255, 256, 257, 520};
    static const int64_t small_k[] = {32, 64, 96, 256, 320, 768};
    static const int64_t large_k[] = {256, 512, 768};
    static const int64_t ms[] = {1, 2, 3, 5, 12, 13, 16, 17, 31, 33, 97, 65};
    static const int64_t ns[] = {1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 65, 127, 257};
    int64_t cases = 0;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        const entry *e = &entries[i];
        if (!has(e->cap)) {
            continue;
        }
        const int64_t length = block_length(e->w) > block_length(e->x) ? block_length(e->w) : block_length(e->x);
        const int64_t *ks = length == 1 ? plain_k : length == 32 ? small_k : large_k;
        const int k_count = length == 1 ? 17 : length == 32 ? 6 : 3;
        for (int a = 0; a < k_count; a++) {
            for (int b = 0; b < 14; b++) {
                /* Every m meets every k and n somewhere, without the full product. */
                check_case(e, ms[(a + b) % 12], ns[b], ks[a], (a + b) & 1, b & 1);
                cases++;
            }
        }
        /* Deep enough that scratch grows with k. */
        check_case(e, 18, 33, length == 1 ? 5001 : 5120, 0, 1);
        /* And longer than what is laid out at a time, the last piece no whole number of groups. */
        check_case(e, 2, 9, length == 32 ? 32864 : 33024, 0, 1);
        cases += 2;
        for (int c = 0; c < 12; c++) {
            check_case(e, ms[c], 33, ks[k_count - 1], 0, 1);
            cases++;
        }
    }
#if defined(__x86_64__)
    /* Few rows meet these weights as they are stored, many unpacked: the cut in rows must not show. */
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        if (has(entries[i].cap) && strstr(entries[i].name, "matmul_bf16_bf16_")) {
            check_case(&entries[i], 280, 40, 1930, 0, 1);
            cases++;
        }
    }
    cases += check_all_gated(ms, ns);
    cases += check_all_narrow(ms, ns);
#endif
    return finished("matmul", cases);
}
