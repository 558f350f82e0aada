/*
 * The ceilings of vector units and memory; ceilings.h says what each loop computes.
 *
 * Reading: STREAMS pieces of the buffer side by side, each with a sum of its own; the hardware's prefetchers follow a
 * stream within 4 KiB and start anew behind it, so software asks AHEAD bytes ahead. The arithmetic takes 12 independent
 * sums, more than latency times units needs (4 cycles, 2 units), and as many as 16 registers leave room for.
 */
#include "ceilings.h"
#include "simd.h"

enum { STREAMS = 4, AHEAD = 2048, SUMS = 12, LINE = 64 };

typedef uint64_t words __attribute__((vector_size(4 * VL)));

enum { LINE_WORDS = LINE / (int)sizeof(words) };

QUERN_INLINE words load_words(const uint8_t *p) {
    words w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* What was read may have changed: nothing is kept from one round to the next. */
QUERN_INLINE void forget(void) { __asm__ volatile("" : : : "memory"); }

int64_t QN(ceiling_read)(const void *x, int64_t bytes, int64_t rounds, void *sink) {
    const int64_t stream = bytes / STREAMS / LINE * LINE;
    words sums[STREAMS];
    memset(sums, 0, sizeof sums);
    uint64_t sum = 0;
    for (int64_t r = 0; r < rounds; r++, forget()) {
        const uint8_t *p = x;
        for (int64_t i = 0; i < stream; i += LINE) {
#pragma GCC unroll 4
            for (int s = 0; s < STREAMS; s++) {
                const uint8_t *line = p + s * stream + i;
                __builtin_prefetch(line + AHEAD);
                for (int w = 0; w < LINE_WORDS; w++) {
                    sums[s] += load_words(line + w * (int)sizeof(words));
                }
            }
        }
        for (int64_t i = STREAMS * stream; i + 8 <= bytes; i += 8) {
            uint64_t word;
            memcpy(&word, p + i, sizeof word);
            sum += word;
        }
    }
    for (int s = 0; s < STREAMS; s++) {
        for (int w = 0; w < (int)(sizeof(words) / sizeof(uint64_t)); w++) {
            sum += sums[s][w];
        }
    }
    memcpy(sink, &sum, sizeof sum);
    return rounds * (bytes / 8 * 8);
}

int64_t QN(ceiling_fma)(const void *x, int64_t bytes, int64_t rounds, void *sink) {
    (void)bytes;
    const vf b = v_load(x);
    const vf c = v_load((const float *)x + VL);
    vf sums[SUMS];
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) {
        sums[i] = v_load((const float *)x + (2 + i) * VL);
    }
    for (int64_t r = 0; r < rounds * QUERN_CEILING_STEPS; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++) {
            sums[i] = v_fma(sums[i], b, c);
        }
    }
    vf sum = v_zero();
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) {
        sum = sum + sums[i];
    }
    v_store(sink, sum);
    return rounds * QUERN_CEILING_STEPS * SUMS * VL * 2;
}

#if defined(QUERN_TIER_AVX512)

int64_t QN(ceiling_dot_i8)(const void *x, int64_t bytes, int64_t rounds, void *sink) {
    (void)bytes;
    const __m512i a = _mm512_loadu_si512(x);
    const __m512i b = _mm512_loadu_si512((const uint8_t *)x + 64);
    __m512i sums[SUMS];
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) {
        sums[i] = _mm512_loadu_si512((const uint8_t *)x + (2 + i) * 64);
    }
    for (int64_t r = 0; r < rounds * QUERN_CEILING_STEPS; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++) {
            sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
        }
    }
    __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) {
        sum = _mm512_add_epi32(sum, sums[i]);
    }
    _mm512_storeu_si512(sink, sum);
    return rounds * QUERN_CEILING_STEPS * SUMS * 64 * 2;
}

int64_t QN(ceiling_dot_bf16)(const void *x, int64_t bytes, int64_t rounds, void *sink) {
    (void)bytes;
    const __m512bh a = (__m512bh)_mm512_loadu_si512(x);
    const __m512bh b = (__m512bh)_mm512_loadu_si512((const uint8_t *)x + 64);
    vf sums[SUMS];
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) {
        sums[i] = v_load((const float *)x + (2 + i) * VL);
    }
    for (int64_t r = 0; r < rounds * QUERN_CEILING_STEPS; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++) {
            sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
        }
    }
    vf sum = v_zero();
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) {
        sum = sum + sums[i];
    }
    v_store(sink, sum);
    return rounds * QUERN_CEILING_STEPS * SUMS * VL * 4;
}

#endif
