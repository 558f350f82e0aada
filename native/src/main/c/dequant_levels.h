/*
 * Formats without a dot product of their own: a run of 16 or 32 levels becomes signed bytes, then F32, in two steps of
 * dequant.h's kind and with its promise (ggml's values bit for bit). A format is its dequant_..., a line of LOAD_ROW and its name in
 * QUERN_UNPACKED (quern.h): products, casts and look-ups follow from these three.
 *
 * Loops over 32 bytes have constant bounds and shifts, which the compiler turns into vectors in every tier; what it doesn't see are
 * nibbles with a fifth bit and look-ups in a table of 16: these are written for each tier (one row of Q5_0 against F32, one core: 9
 * billion elements a second, and 1.2 as loops).
 */
#ifndef QUERN_DEQUANT_LEVELS_H
#define QUERN_DEQUANT_LEVELS_H

#include "simd.h"

/* Lane i = bit i of bits ? value : 0, of 32. */
#if defined(QUERN_TIER_AVX512) || defined(QUERN_TIER_AMX)
QUERN_INLINE __m256i spread_bits(uint32_t bits, int8_t value) { return _mm256_maskz_set1_epi8(bits, value); }
#elif defined(QUERN_TIER_AVX2)
QUERN_INLINE __m256i spread_bits(uint32_t bits, int8_t value) {
    const __m256i byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    const __m256i here = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)bits), byte), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(here, bit), _mm256_set1_epi8(value));
}
#endif

/* q: a block of 32 whose nibbles are at p, plus 16 where there is a fifth bit, minus middle. */
#if defined(QUERN_TIER_AVX512) || defined(QUERN_TIER_AMX) || defined(QUERN_TIER_AVX2)
QUERN_INLINE void unpack_nibbles(const uint8_t *p, uint32_t fifth, int middle, int8_t *q) {
    const __m128i packed = _mm_loadu_si128((const __m128i *)(const void *)p);
    const __m256i both = _mm256_set_m128i(_mm_srli_epi16(packed, 4), packed);
    const __m256i levels = _mm256_or_si256(_mm256_and_si256(both, _mm256_set1_epi8(15)), spread_bits(fifth, 16));
    _mm256_storeu_si256((__m256i *)(void *)q, _mm256_sub_epi8(levels, _mm256_set1_epi8((int8_t)middle)));
}
#else
QUERN_INLINE void unpack_nibbles(const uint8_t *p, uint32_t fifth, int middle, int8_t *q) {
    for (int i = 0; i < 16; i++) {
        q[i] = (int8_t)((p[i] & 15) + (int)(fifth >> i & 1) * 16 - middle);
        q[i + 16] = (int8_t)((p[i] >> 4) + (int)(fifth >> (i + 16) & 1) * 16 - middle);
    }
}
#endif

static const int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/* 32 values of IQ4: those of the low nibbles of 16 bytes, then of the high ones. */
#if defined(QUERN_TIER_AVX512) || defined(QUERN_TIER_AMX) || defined(QUERN_TIER_AVX2)
QUERN_INLINE void look_up_iq4(const uint8_t *p, int8_t *q) {
    const __m128i values = _mm_loadu_si128((const __m128i *)(const void *)iq4_values);
    const __m128i packed = _mm_loadu_si128((const __m128i *)(const void *)p);
    const __m128i low = _mm_set1_epi8(15);
    _mm_storeu_si128((__m128i *)(void *)q, _mm_shuffle_epi8(values, _mm_and_si128(packed, low)));
    _mm_storeu_si128((__m128i *)(void *)(q + 16), _mm_shuffle_epi8(values, _mm_and_si128(_mm_srli_epi16(packed, 4), low)));
}
#else
QUERN_INLINE void look_up_iq4(const uint8_t *p, int8_t *q) {
    for (int i = 0; i < 16; i++) {
        q[i] = iq4_values[p[i] & 15];
        q[i + 16] = iq4_values[p[i] >> 4];
    }
}
#endif

/* y[i] = s * q[i] - m for n elements, n a multiple of 16. */
QUERN_INLINE void scale_levels(const int8_t *q, float s, float m, float *y, int n) {
    const vf vs = v_set1(s);
    const vf vm = v_set1(m);
    for (int i = 0; i < n; i += VL) {
        v_store(y + i, v_load_i8(q + i) * vs - vm);
    }
}

QUERN_INLINE void dequant_q4_1(const uint8_t *b, float *y) {
    int8_t q[QUERN_BLOCK];
    unpack_nibbles(b + Q4_1_QS, 0, 0, q);
    scale_levels(q, f16_to_f32(load_u16(b)), -f16_to_f32(load_u16(b + 2)), y, QUERN_BLOCK);
}

QUERN_INLINE void dequant_q5_0(const uint8_t *b, float *y) {
    int8_t q[QUERN_BLOCK];
    unpack_nibbles(b + Q5_0_QS, load_u32(b + Q5_0_QH), 16, q);
    scale_levels(q, f16_to_f32(load_u16(b)), 0.0f, y, QUERN_BLOCK);
}

QUERN_INLINE void dequant_q5_1(const uint8_t *b, float *y) {
    int8_t q[QUERN_BLOCK];
    unpack_nibbles(b + Q5_1_QS, load_u32(b + Q5_1_QH), 0, q);
    scale_levels(q, f16_to_f32(load_u16(b)), -f16_to_f32(load_u16(b + 2)), y, QUERN_BLOCK);
}

/* q: 32 pairs of bits, with a third one from bit `bit` of high (none where high is null), minus middle. */
QUERN_INLINE void unpack_pairs(const uint8_t *p, const int shift, const uint8_t *high, const int bit, const int middle,
                               int8_t *q) {
    for (int i = 0; i < 32; i++) {
        const int third = high ? (high[i] >> bit & 1) << 2 : 0;
        q[i] = (int8_t)(((p[i] >> shift & 3) | third) - middle);
    }
}

QUERN_INLINE void dequant_q2_k(const uint8_t *b, float *y) {
    const float d = f16_to_f32(load_u16(b + Q2_K_D));
    const float dmin = f16_to_f32(load_u16(b + Q2_K_DMIN));
#pragma GCC unroll 8
    for (int r = 0; r < 8; r++) {
        int8_t q[32];
        unpack_pairs(b + Q2_K_QS + r / 4 * 32, r % 4 * 2, 0, 0, 0, q);
        for (int h = 0; h < 2; h++) {
            const uint8_t packed = b[2 * r + h];
            scale_levels(q + 16 * h, d * (float)(packed & 15), dmin * (float)(packed >> 4), y + 32 * r + 16 * h, 16);
        }
    }
}

QUERN_INLINE void dequant_q3_k(const uint8_t *b, float *y) {
    const float d = f16_to_f32(load_u16(b + Q3_K_D));
    const uint8_t *s = b + Q3_K_SCALES;
#pragma GCC unroll 8
    for (int r = 0; r < 8; r++) {
        int8_t q[32];
        unpack_pairs(b + Q3_K_QS + r / 4 * 32, r % 4 * 2, b, r, 4, q);
        for (int h = 0; h < 2; h++) {
            const int j = 2 * r + h;
            const int scale = ((s[j % 8] >> j / 8 * 4 & 15) | (s[8 + j % 4] >> j / 4 * 2 & 3) << 4) - 32;
            scale_levels(q + 16 * h, d * (float)scale, 0.0f, y + 16 * j, 16);
        }
    }
}

QUERN_INLINE void dequant_q5_k(const uint8_t *b, float *y) {
    const float d = f16_to_f32(load_u16(b));
    const float dmin = f16_to_f32(load_u16(b + Q4_K_DMIN));
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) {
        const uint8_t *p = b + Q5_K_QS + j / 2 * 32;
        const int shift = j % 2 * 4;
        int8_t q[32];
        for (int i = 0; i < 32; i++) {
            q[i] = (int8_t)((p[i] >> shift & 15) | (b[Q5_K_QH + i] >> j & 1) << 4);
        }
        uint8_t scale;
        uint8_t min;
        q4_k_scale_min(b + Q4_K_SCALES, j, &scale, &min);
        scale_levels(q, d * (float)scale, dmin * (float)min, y + 32 * j, 32);
    }
}

QUERN_INLINE void dequant_iq4_nl(const uint8_t *b, float *y) {
    int8_t q[QUERN_BLOCK];
    look_up_iq4(b + Q4_0_QS, q);
    scale_levels(q, f16_to_f32(load_u16(b)), 0.0f, y, QUERN_BLOCK);
}

QUERN_INLINE void dequant_iq4_xs(const uint8_t *b, float *y) {
    const float d = f16_to_f32(load_u16(b));
    const uint32_t high = load_u16(b + IQ4_XS_HIGH);
    const uint32_t low = load_u32(b + IQ4_XS_LOW);
    for (int r = 0; r < 8; r++) {
        const int scale = (int)((low >> 4 * r & 15) | (high >> 2 * r & 3) << 4) - 32;
        int8_t q[32];
        look_up_iq4(b + IQ4_XS_QS + 16 * r, q);
        scale_levels(q, d * (float)scale, 0.0f, y + 32 * r, 32);
    }
}

/* Elements [k0, k0 + n) of a stored row to F32: load_row_fn of dequant.h. */
#define LOAD_ROW(format, length, bytes)                                                              \
    QUERN_INLINE void load_row_##format(const void *row, int64_t k0, float *y, int64_t n) {          \
        const uint8_t *b = (const uint8_t *)row + k0 / (length) * (bytes);                           \
        for (int64_t i = 0; i < n; i += (length), b += (bytes)) {                                    \
            dequant_##format(b, y + i);                                                              \
        }                                                                                            \
    }

LOAD_ROW(q4_1, QUERN_BLOCK, QUERN_Q4_1_BYTES)
LOAD_ROW(q5_0, QUERN_BLOCK, QUERN_Q5_0_BYTES)
LOAD_ROW(q5_1, QUERN_BLOCK, QUERN_Q5_1_BYTES)
LOAD_ROW(q2_k, QUERN_SUPER, QUERN_Q2_K_BYTES)
LOAD_ROW(q3_k, QUERN_SUPER, QUERN_Q3_K_BYTES)
LOAD_ROW(q5_k, QUERN_SUPER, QUERN_Q5_K_BYTES)
LOAD_ROW(iq4_nl, QUERN_BLOCK, QUERN_IQ4_NL_BYTES)
LOAD_ROW(iq4_xs, QUERN_SUPER, QUERN_IQ4_XS_BYTES)

#endif
