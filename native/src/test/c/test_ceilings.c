/* Every loop that measures a ceiling does the work that it reports: its sums are those of plain C. */
#include "ceilings.h"
#include "support.h"

#include <math.h>
#include <string.h>

typedef int64_t loop_fn(const void *, int64_t, int64_t, void *);

enum { TILE_BYTES = 1024, SUMS = 12 };

static int64_t cases;

static const struct tier {
    const char *name;
    uint64_t cap;
    int lanes;
    loop_fn *read;
    loop_fn *fma;
} tiers[] = {
    {"baseline", QUERN_CAP_BASELINE, 4, quern_ceiling_read_baseline, quern_ceiling_fma_baseline},
#if defined(__x86_64__)
    {"avx2", QUERN_CAP_AVX2, 8, quern_ceiling_read_avx2, quern_ceiling_fma_avx2},
    {"avx512", QUERN_CAP_AVX512, 16, quern_ceiling_read_avx512, quern_ceiling_fma_avx512},
#endif
};

static void check_read(const struct tier *t, int64_t bytes, int64_t rounds) {
    random_source r = {(uint64_t)(bytes + rounds)};
    uint8_t *x = guarded(bytes, 1);
    uint64_t sum = 0;
    for (int64_t i = 0; i < bytes; i++) {
        x[i] = (uint8_t)next_bits(&r);
    }
    for (int64_t i = 0; i + 8 <= bytes; i += 8) {
        uint64_t word;
        memcpy(&word, x + i, sizeof word);
        sum += word;
    }
    uint64_t sink;
    CHECK(t->read(x, bytes, rounds, &sink) == bytes / 8 * 8 * rounds, "%s: work of %lld bytes", t->name, (long long)bytes);
    CHECK(sink == sum * (uint64_t)rounds, "%s: sum of %lld bytes", t->name, (long long)bytes);
    release_guarded();
    cases++;
}

/* Fused or not, the values are small whole numbers and halves of them: exact for the few steps that matter. */
static void check_fma(const struct tier *t) {
    float *x = guarded(QUERN_CEILING_OPERANDS, 1);
    float *sink = guarded(QUERN_CEILING_SINK, 1);
    const int lanes = t->lanes;
    for (int i = 0; i < QUERN_CEILING_OPERANDS / 4; i++) {
        x[i] = i < lanes ? 0.5f : i < 2 * lanes ? (float)(i % lanes) : 8.0f;
    }
    const int64_t work = t->fma(x, QUERN_CEILING_OPERANDS, 3, sink);
    CHECK(work == 3LL * QUERN_CEILING_STEPS * SUMS * lanes * 2, "%s: work", t->name);
    for (int lane = 0; lane < lanes; lane++) { /* a = a / 2 + lane has the fixed point 2 lane */
        CHECK(fabsf(sink[lane] - SUMS * 2.0f * (float)lane) < 1e-4f, "%s: lane %d is %g", t->name, lane, (double)sink[lane]);
    }
    release_guarded();
    cases++;
}

#if defined(__x86_64__)

static void check_dot(void) {
    random_source r = {7};
    uint8_t *x = guarded(QUERN_CEILING_OPERANDS, 1);
    int32_t *sink = guarded(QUERN_CEILING_SINK, 1);
    for (int i = 0; i < QUERN_CEILING_OPERANDS; i++) {
        x[i] = (uint8_t)next_bits(&r);
    }
    const int64_t work = quern_ceiling_dot_i8_avx512(x, QUERN_CEILING_OPERANDS, 2, sink);
    CHECK(work == 2LL * QUERN_CEILING_STEPS * SUMS * 128, "work of dot_i8");
    for (int lane = 0; lane < 16; lane++) {
        uint32_t sum = 0;
        int32_t dot = 0;
        for (int j = 0; j < 4; j++) {
            dot += x[4 * lane + j] * (int8_t)x[64 + 4 * lane + j];
        }
        for (int i = 0; i < SUMS; i++) {
            uint32_t start;
            memcpy(&start, x + 64 * (2 + i) + 4 * lane, sizeof start);
            sum += start + (uint32_t)dot * 2u * QUERN_CEILING_STEPS;
        }
        CHECK((uint32_t)sink[lane] == sum, "lane %d is %d", lane, sink[lane]);
    }
    release_guarded();
    cases++;
}

static float bf16(const uint8_t *p) {
    uint16_t h;
    memcpy(&h, p, sizeof h);
    const uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static void check_dot_bf16(void) {
    random_source r = {9};
    uint8_t *x = guarded(QUERN_CEILING_OPERANDS, 1);
    float *sink = guarded(QUERN_CEILING_SINK, 1);
    memset(x, 0, QUERN_CEILING_OPERANDS);
    for (int i = 0; i < 128; i += 2) { /* -1, 0, 1: sums are exact */
        static const uint16_t small[3] = {0xbf80, 0, 0x3f80};
        memcpy(x + i, &small[next_bits(&r) % 3], 2);
    }
    const int64_t work = quern_ceiling_dot_bf16_avx512(x, QUERN_CEILING_OPERANDS, 2, sink);
    CHECK(work == 2LL * QUERN_CEILING_STEPS * SUMS * 64, "work of dot_bf16");
    for (int lane = 0; lane < 16; lane++) {
        const uint8_t *a = x + 4 * lane;
        const float dot = bf16(a) * bf16(a + 64) + bf16(a + 2) * bf16(a + 66);
        CHECK(sink[lane] == dot * 2 * QUERN_CEILING_STEPS * SUMS, "lane %d is %g", lane, (double)sink[lane]);
    }
    release_guarded();
    cases++;
}

/* One element of the product of tiles a and b: rows of a, and b's rows hold as many elements along k side by side. */
static double product(int is_bf16, const uint8_t *a, const uint8_t *b, int row, int column) {
    const int side = is_bf16 ? 2 : 4;
    double sum = 0;
    for (int k = 0; k < 16 * side; k++) {
        const int at = 64 * row + 64 / (16 * side) * k;
        const int bt = 64 * (k / side) + 4 * column + 64 / (16 * side) * (k % side);
        sum += is_bf16 ? (double)bf16(a + at) * (double)bf16(b + bt) : (double)((int8_t)a[at] * (int8_t)b[bt]);
    }
    return sum;
}

static void check_tiles(const char *name, loop_fn *loop, int is_bf16, int64_t groups) {
    random_source r = {11 + (uint64_t)groups};
    const int64_t bytes = (groups ? groups : 1) * 4 * TILE_BYTES;
    uint8_t *x = guarded(bytes, 1);
    uint8_t *sink = guarded(QUERN_CEILING_SINK, 1);
    for (int64_t i = 0; i < bytes; i += 2) { /* -1, 0, 1: sums are exact */
        static const uint16_t small[3] = {0xbf80, 0, 0x3f80};
        const uint64_t bits = next_bits(&r);
        const uint16_t pair = is_bf16 ? small[bits % 3] : (uint16_t)((bits % 3 - 1) << 8 | ((bits >> 8) % 3 - 1 + 256) % 256);
        memcpy(x + i, &pair, sizeof pair);
    }
    const int64_t rounds = 2;
    const int64_t times = groups ? rounds : rounds * QUERN_CEILING_STEPS;
    const int64_t work = loop(x, bytes, rounds, sink);
    CHECK(work == times * (groups ? groups : 1) * 4 * 16 * 16 * (is_bf16 ? 64 : 128), "work of %s", name);
    for (int tile = 0; tile < 4; tile++) {
        for (int i = 0; i < 256; i++) {
            double sum = 0;
            for (int64_t g = 0; g < (groups ? groups : 1); g++) {
                const uint8_t *group = x + 4 * TILE_BYTES * g;
                sum += product(is_bf16, group + TILE_BYTES * (tile / 2), group + TILE_BYTES * (2 + tile % 2), i / 16, i % 16);
            }
            float f;
            int32_t n;
            memcpy(&f, sink + TILE_BYTES * tile + 4 * i, sizeof f);
            memcpy(&n, sink + TILE_BYTES * tile + 4 * i, sizeof n);
            CHECK((is_bf16 ? (double)f : (double)n) == sum * (double)times, "%s: tile %d, element %d", name, tile, i);
        }
    }
    release_guarded();
    cases++;
}

#endif

static void check_large_pages(void) {
    uint8_t *p = guarded(1 << 22, 0);
    const int32_t answer = quern_large_pages(p, 1 << 22);
    CHECK(answer >= -1, "an answer of %d", answer);
    CHECK(quern_large_pages(p + 1, 100) == 0 || answer == -1, "a range without a whole page is nothing to ask for");
    memset(p, 1, 1 << 22);
    release_guarded();
    cases++;
}

int main(void) {
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        if (has(tiers[i].cap)) {
            static const int64_t sizes[] = {0, 7, 8, 64, 255, 256, 264, 1023, 4096, 70001};
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                check_read(&tiers[i], sizes[s], 1);
                check_read(&tiers[i], sizes[s], 3);
            }
            check_fma(&tiers[i]);
        }
    }
#if defined(__x86_64__)
    if (has(QUERN_CAP_AVX512)) {
        check_dot();
        check_dot_bf16();
    }
    if (has(QUERN_CAP_AMX)) {
        check_tiles("tiles_bf16", quern_ceiling_tiles_bf16_amx, 1, 0);
        check_tiles("tiles_i8", quern_ceiling_tiles_i8_amx, 0, 0);
        check_tiles("tiles_bf16_memory", quern_ceiling_tiles_bf16_memory_amx, 1, 3);
        check_tiles("tiles_i8_memory", quern_ceiling_tiles_i8_memory_amx, 0, 3);
    }
#endif
    check_large_pages();
    return finished("ceilings", cases);
}
