/*
 * blockdot.h for AVX2 and AVX-512: 256 bits hold exactly one block of 32, in both tiers; AVX-512 adds the VNNI
 * instructions (dpbusd, dpwssd) under the same 256-bit registers.
 *
 * The products are unsigned x signed. Q8_0 in AVX2: |w| times x with w's sign moved over; activations are in
 * [-127, 127], so the sign can always be moved, |w| = 128 fits an unsigned byte, and a pair of products is at most
 * 2 * 128 * 127 = 32512, which fits 16 bits. Elsewhere the weight gets an offset that makes it unsigned, and the offset
 * times the sum of the activations is taken away.
 */
#ifndef QUERN_BLOCKDOT_X86_H
#define QUERN_BLOCKDOT_X86_H

#include <immintrin.h>

typedef __m256 va;

QUERN_INLINE va va_zero(void) { return _mm256_setzero_ps(); }

QUERN_INLINE float va_sum(va v) {
    __m128 h = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    h = _mm_add_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
}

QUERN_INLINE float f16_scale(const uint8_t *p) { return _cvtsh_ss(load_u16(p)); }

QUERN_INLINE __m256i load32(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }

/* Eight sums of four products u8 x s8. */
QUERN_INLINE __m256i dot4(__m256i u, __m256i s) {
#if defined(QUERN_TIER_AVX512)
    return _mm256_dpbusd_epi32(_mm256_setzero_si256(), u, s);
#else
    return _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1));
#endif
}

/* sum + pairs of 16-bit products. */
QUERN_INLINE __m256i dot2_add(__m256i sum, __m256i a, __m256i b) {
#if defined(QUERN_TIER_AVX512)
    return _mm256_dpwssd_epi32(sum, a, b);
#else
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
#endif
}

QUERN_INLINE va scaled_add(va acc, float scale, __m256i sum) {
    return _mm256_fmadd_ps(_mm256_set1_ps(scale), _mm256_cvtepi32_ps(sum), acc);
}

/* The F16 at p in all lanes. */
QUERN_INLINE __m256 f16_scales(const uint8_t *p) { return _mm256_cvtph_ps(_mm_set1_epi16((int16_t)load_u16(p))); }

QUERN_INLINE va dot_q8_0(va acc, const uint8_t *w, const uint8_t *x) {
    __m256i wq = load32(w + Q8_0_QS);
    __m256i xq = load32(x + Q8_0_QS);
#if defined(QUERN_TIER_AVX512)
    /* w + 128 is unsigned; -128 times the sums of four x is the same for every weight row and computed once. */
    __m256i minus_offset = _mm256_sub_epi32(_mm256_setzero_si256(), dot4(_mm256_set1_epi8((char)128), xq));
    __m256i sum = _mm256_dpbusd_epi32(minus_offset, _mm256_xor_si256(wq, _mm256_set1_epi8((char)128)), xq);
#else
    __m256i sum = dot4(_mm256_sign_epi8(wq, wq), _mm256_sign_epi8(xq, wq));
#endif
    return _mm256_fmadd_ps(f16_scales(w) * f16_scales(x), _mm256_cvtepi32_ps(sum), acc);
}

/* For AVX2; blockdot_q4_0_avx512.h is faster where it runs. */
QUERN_INLINE va dot_q4_0(va acc, const uint8_t *w, const uint8_t *x) {
    __m128i packed = _mm_loadu_si128((const __m128i *)(w + Q4_0_QS));
    __m256i both = _mm256_set_m128i(_mm_srli_epi16(packed, 4), packed);
    __m256i wq = _mm256_and_si256(both, _mm256_set1_epi8(15));
    __m256i xq = load32(x + Q8_0_QS);
    __m256i offset = dot4(_mm256_set1_epi8(8), xq); /* nibbles are 8 above the values; once for every weight row */
    __m256i sum = _mm256_sub_epi32(dot4(wq, xq), offset);
    return _mm256_fmadd_ps(f16_scales(w) * f16_scales(x), _mm256_cvtepi32_ps(sum), acc);
}

QUERN_INLINE float q8_k_scale(const uint8_t *x) {
    float d;
    memcpy(&d, x, sizeof d);
    return d;
}

/* Word j of each 128-bit lane, everywhere in that lane. */
QUERN_INLINE __m256i spread_word(__m256i words, int j) {
    return _mm256_shuffle_epi8(words, _mm256_set1_epi16((int16_t)(2 * j | (2 * j + 1) << 8)));
}

QUERN_INLINE va dot_q4_k(va acc, const uint8_t *w, const uint8_t *x) {
    const float dx = q8_k_scale(x);
    uint32_t field[3];
    memcpy(field, w + Q4_K_SCALES, sizeof field);
    const uint32_t six = 0x3f3f3f3fu;
    const uint32_t four = 0x0f0f0f0fu;
    const uint32_t two = 0x03030303u;
    uint32_t scale_low = field[0] & six;
    uint32_t scale_high = (field[2] & four) | ((field[0] >> 6) & two) << 4;
    uint32_t min_low = field[1] & six;
    uint32_t min_high = ((field[2] >> 4) & four) | ((field[1] >> 6) & two) << 4;
    __m128i scale8 = _mm_cvtepu8_epi16(_mm_set_epi32(0, 0, (int)scale_high, (int)scale_low));
    __m128i min8 = _mm_cvtepu8_epi16(_mm_set_epi32(0, 0, (int)min_high, (int)min_low));
    __m256i scales = _mm256_set_m128i(scale8, scale8);

    __m256i sum = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        __m256i packed = load32(w + Q4_K_QS + 32 * c);
        __m256i low = _mm256_and_si256(packed, _mm256_set1_epi8(15));
        __m256i high = _mm256_and_si256(_mm256_srli_epi16(packed, 4), _mm256_set1_epi8(15));
        __m256i p0 = _mm256_maddubs_epi16(low, load32(x + Q8_K_QS + 64 * c));
        __m256i p1 = _mm256_maddubs_epi16(high, load32(x + Q8_K_QS + 64 * c + 32));
        sum = dot2_add(sum, p0, spread_word(scales, 2 * c));
        sum = dot2_add(sum, p1, spread_word(scales, 2 * c + 1));
    }
    __m128i sums0 = _mm_loadu_si128((const __m128i *)(x + Q8_K_SUMS));
    __m128i sums1 = _mm_loadu_si128((const __m128i *)(x + Q8_K_SUMS + 16));
    __m128i of_min = _mm_madd_epi16(_mm_hadd_epi16(sums0, sums1), min8);
    acc = scaled_add(acc, f16_scale(w) * dx, sum);
    return scaled_add(acc, -(f16_scale(w + Q4_K_DMIN) * dx), _mm256_zextsi128_si256(of_min));
}

QUERN_INLINE va dot_q6_k(va acc, const uint8_t *w, const uint8_t *x) {
    const __m256i low4 = _mm256_set1_epi8(15);
    __m128i scale = _mm_loadu_si128((const __m128i *)(w + Q6_K_SCALES));
    /* Even scales belong to the first 16 elements of a group of 32, odd ones to the last. */
    const __m128i even_odd = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    __m256i scales = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(scale, even_odd));
    __m256i sum = _mm256_setzero_si256();
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        __m256i a = load32(w + 64 * h);
        __m256i b = load32(w + 64 * h + 32);
        __m256i high = load32(w + Q6_K_QH + 32 * h);
        const uint8_t *xq = x + Q8_K_QS + 128 * h;
        __m256i h0 = _mm256_slli_epi16(_mm256_and_si256(high, _mm256_set1_epi8(3)), 4);
        __m256i h1 = _mm256_slli_epi16(_mm256_and_si256(high, _mm256_set1_epi8(12)), 2);
        __m256i h2 = _mm256_and_si256(high, _mm256_set1_epi8(48));
        __m256i h3 = _mm256_srli_epi16(_mm256_and_si256(high, _mm256_set1_epi8((char)192)), 2);
        __m256i q0 = _mm256_or_si256(_mm256_and_si256(a, low4), h0);
        __m256i q1 = _mm256_or_si256(_mm256_and_si256(b, low4), h1);
        __m256i q2 = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(a, 4), low4), h2);
        __m256i q3 = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(b, 4), low4), h3);
        sum = dot2_add(sum, _mm256_maddubs_epi16(q0, load32(xq)), spread_word(scales, 4 * h));
        sum = dot2_add(sum, _mm256_maddubs_epi16(q1, load32(xq + 32)), spread_word(scales, 4 * h + 1));
        sum = dot2_add(sum, _mm256_maddubs_epi16(q2, load32(xq + 64)), spread_word(scales, 4 * h + 2));
        sum = dot2_add(sum, _mm256_maddubs_epi16(q3, load32(xq + 96)), spread_word(scales, 4 * h + 3));
    }
    /* The stored value is 32 above the real one: take 32 * scale * (sum of 16 x) away again. */
    __m256i of_32 = _mm256_madd_epi16(_mm256_cvtepi8_epi16(scale), load32(x + Q8_K_SUMS));
    sum = _mm256_sub_epi32(sum, _mm256_slli_epi32(of_32, 5));
    return scaled_add(acc, f16_scale(w + Q6_K_D) * q8_k_scale(x), sum);
}

#endif
