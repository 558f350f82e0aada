/* simd.h for AVX2 + FMA + F16C: 256 bits. */
#ifndef QUERN_SIMD_AVX2_H
#define QUERN_SIMD_AVX2_H

#include <immintrin.h>

enum { VL = 8 };
typedef __m256 vf;

QUERN_INLINE vf v_set1(float x) { return _mm256_set1_ps(x); }

QUERN_INLINE vf v_load(const float *p) { return _mm256_loadu_ps(p); }

QUERN_INLINE void v_store(float *p, vf v) { _mm256_storeu_ps(p, v); }

QUERN_INLINE __m256i v_mask_n(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

QUERN_INLINE vf v_load_n(const float *p, int n) { return _mm256_maskload_ps(p, v_mask_n(n)); }

QUERN_INLINE void v_store_n(float *p, vf v, int n) { _mm256_maskstore_ps(p, v_mask_n(n), v); }

QUERN_INLINE vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }

QUERN_INLINE vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }

QUERN_INLINE vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }

QUERN_INLINE vf v_if_less(vf a, vf b, vf yes, vf no) {
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}

QUERN_INLINE vf v_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }

QUERN_INLINE vf v_sqrt(vf a) { return _mm256_sqrt_ps(a); }

QUERN_INLINE float v_sum(vf v) {
    __m128 h = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    h = _mm_add_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
}

QUERN_INLINE float v_hmax(vf v) {
    __m128 h = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    h = _mm_max_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_max_ss(h, _mm_movehdup_ps(h)));
}

QUERN_INLINE vf v_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

QUERN_INLINE vf v_scale2(vf p, vf n) {
    __m256i k = _mm256_cvtps_epi32(n);
    __m256i h = _mm256_srai_epi32(k, 1);
    __m256i bias = _mm256_set1_epi32(127);
    vf first = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(h, bias), 23));
    vf second = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(k, h), bias), 23));
    return p * first * second;
}

QUERN_INLINE vf v_load_f16(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }

QUERN_INLINE vf v_load_bf16(const uint16_t *p) {
    __m256i w = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(w, 16));
}

QUERN_INLINE void v_store_f16(uint16_t *p, vf v) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

/* f32_to_bf16 of each lane, in the low half of each 32-bit lane. */
QUERN_INLINE __m256i v_round_bf16(vf v) {
    __m256i u = _mm256_castps_si256(v);
    __m256i lsb = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    __m256i sum = _mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), lsb);
    __m256i nan = _mm256_or_si256(u, _mm256_set1_epi32(0x400000));
    __m256i unordered = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    return _mm256_srli_epi32(_mm256_blendv_epi8(sum, nan, unordered), 16);
}

QUERN_INLINE void v_store_bf16(uint16_t *p, vf v) {
    __m256i r = v_round_bf16(v);
    __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
    _mm_storeu_si128((__m128i *)p, packed);
}

QUERN_INLINE void v_stream(float *p, vf v) { _mm256_stream_ps(p, v); }

QUERN_INLINE void v_stream_end(void) { _mm_sfence(); }

QUERN_INLINE void v_load_bf16_pair(const uint16_t *p, vf *even, vf *odd) {
    const __m256i w = _mm256_loadu_si256((const __m256i *)p);
    *even = _mm256_castsi256_ps(_mm256_slli_epi32(w, 16));
    *odd = _mm256_castsi256_ps(_mm256_and_si256(w, _mm256_set1_epi32((int)0xffff0000)));
}

QUERN_INLINE void v_store_pair(uint16_t *p, __m256i w, int stream) {
    if (stream) {
        _mm256_stream_si256((__m256i *)p, w);
    } else {
        _mm256_storeu_si256((__m256i *)p, w);
    }
}

QUERN_INLINE void v_store_bf16_pair(uint16_t *p, vf even, vf odd, int stream) {
    v_store_pair(p, _mm256_or_si256(v_round_bf16(even), _mm256_slli_epi32(v_round_bf16(odd), 16)), stream);
}

QUERN_INLINE void v_store_f16_pair(uint16_t *p, vf low, vf high, int stream) {
    const __m256i w = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm256_cvtps_ph(low, _MM_FROUND_TO_NEAREST_INT)),
                                              _mm256_cvtps_ph(high, _MM_FROUND_TO_NEAREST_INT), 1);
    v_store_pair(p, w, stream);
}

QUERN_INLINE vf v_reciprocal(vf a) { return v_set1(1.0f) / a; }

QUERN_INLINE vf v_load_i8(const int8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

QUERN_INLINE vf v_from_i8(__m128i q) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)); }

QUERN_INLINE void v_store_i8(int8_t *p, vf v) {
    __m256i i = _mm256_cvttps_epi32(v);
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
    _mm_storel_epi64((__m128i *)p, _mm_packs_epi16(words, words));
}

QUERN_INLINE vf v_with_sign(vf a, vf b) { return _mm256_or_ps(a, _mm256_and_ps(b, _mm256_set1_ps(-0.0f))); }

QUERN_INLINE void v_transpose(vf *v) {
    vf t[8];
    vf u[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        u[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        u[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        u[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        u[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
        v[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
}

/* Lane i: the sum of v[i]'s lanes; halves first. */
QUERN_INLINE vf v_sum_each(const vf *v) {
    vf t[8];
    for (int i = 0; i < 8; i++) {
        t[i] = v[i];
    }
    v_transpose(t);
    for (int n = 8 / 2; n > 0; n /= 2) {
        for (int i = 0; i < n; i++) {
            t[i] = t[i] + t[i + n];
        }
    }
    return t[0];
}

#endif
