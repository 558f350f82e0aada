/*
 * Rotary embedding of every tier against libm's sine and cosine: every quarter of the circle, angles from the smallest to
 * those that only libm reduces, not a number, awkward head sizes, in place, guard pages.
 */
#include "support.h"

#include <math.h>
#include <string.h>

typedef void rope_fn(const float *, float *, const void *, int64_t, const float *, int64_t, int64_t, int64_t, int64_t);

#define TIER(t, cap) {#t, cap, quern_rope_half_##t, quern_rope_interleaved_##t}

static const struct tier {
    const char *name;
    uint64_t cap;
    rope_fn *half;
    rope_fn *interleaved;
} tiers[] = {
    TIER(baseline, QUERN_CAP_BASELINE),
#if defined(__x86_64__)
    TIER(avx2, QUERN_CAP_AVX2),
    TIER(avx512, QUERN_CAP_AVX512),
#endif
};

enum { TOKENS = 3, HEADS = 3 };

static void near(double actual, double expected, double scale, const char *tier, int64_t position, int64_t i) {
    CHECK(isnan(expected) ? isnan(actual) : fabs(actual - expected) <= 3e-7 * scale, "%s position %lld pair %lld: %.9g, not %.9g",
          tier, (long long)position, (long long)i, actual, expected);
}

static void check(const struct tier *t, int64_t head_dim, int64_t half, const int64_t *positions, int wide, int at_end) {
    random_source r = {(uint64_t)(head_dim * 100 + half + positions[0])};
    const int64_t count = TOKENS * HEADS * head_dim;
    float *x = guarded(count * 4, at_end);
    float *y = guarded(count * 4, at_end);
    float *frequencies = guarded(half * 4, at_end);
    int64_t *long_positions = guarded(TOKENS * 8, at_end);
    int32_t *short_positions = guarded(TOKENS * 4, at_end);
    const void *given = wide ? (const void *)long_positions : (const void *)short_positions;
    fill_floats(&r, x, count);
    for (int64_t i = 0; i < half; i++) {
        frequencies[i] = i == 5 ? NAN : i % 3 == 2 ? next_float(&r) : powf(10000.0f, -(float)i / (float)half);
    }
    for (int i = 0; i < TOKENS; i++) {
        long_positions[i] = positions[i];
        short_positions[i] = (int32_t)positions[i];
    }
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        rope_fn *rope = interleaved ? t->interleaved : t->half;
        rope(x, y, given, wide, frequencies, TOKENS, HEADS, head_dim, half);
        for (int64_t row = 0; row < TOKENS * HEADS; row++) {
            const float *in = x + row * head_dim;
            const float *out = y + row * head_dim;
            const int64_t position = positions[row / HEADS];
            for (int64_t i = 0; i < half; i++) {
                const double angle = (double)position * (double)frequencies[i];
                const int64_t a = interleaved ? 2 * i : i;
                const int64_t b = interleaved ? 2 * i + 1 : i + half;
                const double scale = fabs((double)in[a]) + fabs((double)in[b]);
                near(out[a], in[a] * cos(angle) - in[b] * sin(angle), scale, t->name, position, i);
                near(out[b], in[a] * sin(angle) + in[b] * cos(angle), scale, t->name, position, i);
            }
            for (int64_t i = 2 * half; i < head_dim; i++) {
                CHECK(out[i] == in[i], "%s touches the rest of a head", t->name);
            }
        }
    }
    t->half(x, y, given, wide, frequencies, TOKENS, HEADS, head_dim, half);
    t->half(x, x, given, wide, frequencies, TOKENS, HEADS, head_dim, half);
    CHECK(memcmp(x, y, (size_t)(count * 4)) == 0, "%s in place", t->name);
    release_guarded();
}

int main(void) {
    static const int64_t shapes[][2] = {{64, 32}, {48, 24}, {128, 64}, {80, 16}, {6, 3}, {34, 17}, {64, 1}, {10, 0}, {300, 131}};
    static const int64_t positions[][TOKENS] = {
        {0, 1, 2}, {3, 4, 5}, {511, 512, 131071}, {1647098, 1647100, 20000000}, {-7, -100000, 2147483647}};
    int64_t cases = 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            for (size_t p = 0; p < sizeof positions / sizeof *positions; p++) {
                for (int ends = 0; has(tiers[i].cap) && ends < 4; ends++) {
                    check(&tiers[i], shapes[s][0], shapes[s][1], positions[p], ends / 2, ends % 2);
                    cases++;
                }
            }
        }
    }
    return finished("rope", cases);
}
