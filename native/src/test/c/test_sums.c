/* sums.c in every tier: against F64, guard pages, one slice or many, ids that repeat and that count from the end. */
#include "support.h"

#include <math.h>
#include <string.h>

static const struct tier {
    const char *name;
    uint64_t cap;
    void (*columns)(const float *, int64_t, float *, int64_t, int64_t);
    void (*all)(const float *, int64_t, float *);
    void (*squares)(const float *, int64_t, float *);
    void (*index_add)(const float *, int64_t, const void *, int64_t, float *, int64_t, int64_t, int64_t, int64_t);
} tiers[] = {
#define TIER(t, cap) {#t, cap, quern_sum_columns_##t, quern_sum_all_##t, quern_sum_squares_##t, quern_index_add_##t}
    TIER(baseline, QUERN_CAP_BASELINE),
#if defined(__x86_64__)
    TIER(avx2, QUERN_CAP_AVX2),
    TIER(avx512, QUERN_CAP_AVX512),
#endif
};

static void check_columns(const struct tier *t, int64_t rows, int64_t c, int64_t gap) {
    random_source r = {(uint64_t)(rows * 1000 + c)};
    const int64_t ld = c + gap;
    float *x = guarded(((rows > 0 ? rows - 1 : 0) * ld + (rows > 0 ? c : 0)) * 4, 1);
    float *y = guarded(c * 4, 1);
    fill_floats(&r, x, rows > 0 ? (rows - 1) * ld + c : 0);
    memset(y, 0x7f, (size_t)c * 4);
    t->columns(x, ld, y, rows, c);
    for (int64_t j = 0; j < c; j++) {
        double sum = 0;
        double size = 0;
        for (int64_t i = 0; i < rows; i++) {
            sum += x[i * ld + j];
            size += fabs(x[i * ld + j]);
        }
        CHECK(fabs(y[j] - sum) <= 1e-6 * size, "%s %lld x %lld: %g, not %g", t->name, (long long)rows, (long long)c, (double)y[j], sum);
        float alone;
        t->columns(x + j, ld, &alone, rows, 1);
        CHECK(memcmp(&alone, y + j, sizeof alone) == 0, "%s %lld x %lld: bits depend on the cut", t->name, (long long)rows, (long long)c);
    }
    release_guarded();
}

static void check_all(const struct tier *t, int64_t n) {
    random_source r = {(uint64_t)n};
    float *x = guarded(n * 4, 1);
    fill_floats(&r, x, n);
    double sum = 0;
    double size = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        size += fabs(x[i]);
    }
    float y = NAN;
    t->all(x, n, &y);
    CHECK(fabs(y - sum) <= 1e-6 * size, "%s %lld: %g, not %g", t->name, (long long)n, (double)y, sum);
    float squares = NAN;
    t->squares(x, n, &squares);
    for (int64_t i = 0; i < n; i++) {
        x[i] *= x[i];
    }
    t->all(x, n, &y);
    CHECK(squares == y, "%s %lld squares: %g, not %g", t->name, (long long)n, (double)squares, (double)y);
    release_guarded();
}

static void check_index_add(const struct tier *t, int64_t count, int64_t rows, int64_t c, int wide) {
    random_source r = {(uint64_t)(count * 100 + c)};
    float *x = guarded(count * c * 4, 1);
    float *y = guarded(rows * c * 4, 1);
    float *expected = guarded(rows * c * 4, 0);
    int64_t *longs = guarded(count * 8, 1);
    int32_t *ints = guarded(count * 4, 1);
    fill_floats(&r, x, count * c);
    fill_floats(&r, y, rows * c);
    memcpy(expected, y, (size_t)(rows * c) * 4);
    for (int64_t i = 0; i < count; i++) {
        longs[i] = (int64_t)(next_bits(&r) % (uint64_t)(2 * rows)) - rows;
        ints[i] = (int32_t)longs[i];
        for (int64_t j = 0; j < c; j++) {
            expected[(longs[i] + rows) % rows * c + j] += x[i * c + j];
        }
    }
    const int64_t half = c / 2; /* two slices of columns */
    t->index_add(x, c, wide ? (const void *)longs : ints, wide, y, c, count, rows, half);
    t->index_add(x + half, c, wide ? (const void *)longs : ints, wide, y + half, c, count, rows, c - half);
    CHECK(memcmp(y, expected, (size_t)(rows * c) * 4) == 0, "%s %lld into %lld x %lld", t->name, (long long)count, (long long)rows,
          (long long)c);
    release_guarded();
}

int main(void) {
    static const int64_t sizes[] = {0, 1, 7, 8, 9, 31, 33, 64, 127, 257};
    static const int64_t widths[] = {1, 3, 15, 16, 17, 65, 128};
    int64_t cases = 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        for (size_t s = 0; has(tiers[i].cap) && s < sizeof sizes / sizeof *sizes; s++) {
            check_all(&tiers[i], sizes[s] * 5);
            for (size_t w = 0; w < sizeof widths / sizeof *widths; w++, cases += 2) {
                check_columns(&tiers[i], sizes[s], widths[w], (int64_t)(w % 3));
                check_index_add(&tiers[i], sizes[s], 5 + (int64_t)w, widths[w], (int)(w % 2));
            }
        }
    }
    return finished("sums", cases);
}
