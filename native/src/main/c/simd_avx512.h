/* simd.h for AVX-512 F/BW/VL/DQ: 512 bits. */
#ifndef QUERN_SIMD_AVX512_H
#define QUERN_SIMD_AVX512_H

#include <immintrin.h>

enum { VL = 16 };
typedef __m512 vf;

QUERN_INLINE vf v_set1(float x) { return _mm512_set1_ps(x); }

QUERN_INLINE vf v_load(const float *p) { return _mm512_loadu_ps(p); }

QUERN_INLINE void v_store(float *p, vf v) { _mm512_storeu_ps(p, v); }

QUERN_INLINE __mmask16 v_mask_n(int n) { return (__mmask16)((1u << n) - 1u); }

QUERN_INLINE vf v_load_n(const float *p, int n) { return _mm512_maskz_loadu_ps(v_mask_n(n), p); }

QUERN_INLINE void v_store_n(float *p, vf v, int n) { _mm512_mask_storeu_ps(p, v_mask_n(n), v); }

QUERN_INLINE vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }

QUERN_INLINE vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }

QUERN_INLINE vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }

QUERN_INLINE vf v_if_less(vf a, vf b, vf yes, vf no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}

QUERN_INLINE vf v_abs(vf a) { return _mm512_abs_ps(a); }

QUERN_INLINE vf v_sqrt(vf a) { return _mm512_sqrt_ps(a); }

QUERN_INLINE float v_sum(vf v) {
    __m256 q = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 h = _mm_add_ps(_mm256_castps256_ps128(q), _mm256_extractf128_ps(q, 1));
    h = _mm_add_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
}

QUERN_INLINE float v_hmax(vf v) {
    __m256 q = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 h = _mm_max_ps(_mm256_castps256_ps128(q), _mm256_extractf128_ps(q, 1));
    h = _mm_max_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_max_ss(h, _mm_movehdup_ps(h)));
}

QUERN_INLINE vf v_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

QUERN_INLINE vf v_scale2(vf p, vf n) { return _mm512_scalef_ps(p, n); }

QUERN_INLINE vf v_load_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }

QUERN_INLINE vf v_load_bf16(const uint16_t *p) {
    __m512i w = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(w, 16));
}

QUERN_INLINE void v_store_f16(uint16_t *p, vf v) {
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

/* f32_to_bf16 of each lane; integer arithmetic, because vcvtneps2bf16 would flush denormals. */
QUERN_INLINE __m256i v_round_bf16(vf v) {
    __m512i u = _mm512_castps_si512(v);
    __m512i lsb = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i sum = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), lsb);
    __mmask16 unordered = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    __m512i r = _mm512_mask_or_epi32(sum, unordered, u, _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(r, 16));
}

QUERN_INLINE void v_store_bf16(uint16_t *p, vf v) { _mm256_storeu_si256((__m256i *)p, v_round_bf16(v)); }

/* v_round_bf16, in the upper half of each 32-bit lane; the lower half is arbitrary. */
QUERN_INLINE __m512i v_round_upper(vf v) {
    const __m512i u = _mm512_castps_si512(v);
    const __m512i lsb = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), lsb);
    return _mm512_mask_or_epi32(sum, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), u, _mm512_set1_epi32(0x400000));
}

QUERN_INLINE void v_stream(float *p, vf v) { _mm512_stream_ps(p, v); }

QUERN_INLINE void v_stream_end(void) { _mm_sfence(); }

QUERN_INLINE void v_load_bf16_pair(const uint16_t *p, vf *even, vf *odd) {
    const __m512i w = _mm512_loadu_si512(p);
    *even = _mm512_castsi512_ps(_mm512_slli_epi32(w, 16));
    *odd = _mm512_castsi512_ps(_mm512_and_si512(w, _mm512_set1_epi32((int)0xffff0000)));
}

QUERN_INLINE void v_store_bf16_pair(uint16_t *p, vf even, vf odd, int stream) {
    const __m512i w = _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(v_round_upper(even), 16), v_round_upper(odd));
    if (stream) {
        _mm512_stream_si512((__m512i *)p, w);
    } else {
        _mm512_storeu_si512(p, w);
    }
}

QUERN_INLINE void v_store_f16_pair(uint16_t *p, vf low, vf high, int stream) {
    const __m512i w = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtps_ph(low, _MM_FROUND_TO_NEAREST_INT)),
                                         _mm512_cvtps_ph(high, _MM_FROUND_TO_NEAREST_INT), 1);
    if (stream) {
        _mm512_stream_si512((__m512i *)p, w);
    } else {
        _mm512_storeu_si512(p, w);
    }
}

/* 1 / a, for a in [1, 2]: 14 bits and a step of Newton's, at most 1 ulp off. */
QUERN_INLINE vf v_reciprocal(vf a) {
    const vf r = _mm512_rcp14_ps(a);
    return v_fma(r, _mm512_fnmadd_ps(a, r, v_set1(1.0f)), r);
}

QUERN_INLINE vf v_load_i8(const int8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

QUERN_INLINE vf v_from_i8(__m128i q) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)); }

QUERN_INLINE void v_store_i8(int8_t *p, vf v) {
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(v)));
}

QUERN_INLINE vf v_with_sign(vf a, vf b) { return _mm512_or_ps(a, _mm512_and_ps(b, _mm512_set1_ps(-0.0f))); }

QUERN_INLINE vf v_sum_each(const vf *v) {
    vf t[8];
    vf u[4];
    for (int i = 0; i < 8; i++) { /* of two vectors: a0 + a2, b0 + b2, a1 + a3, b1 + b3 in each 128-bit lane */
        t[i] = _mm512_unpacklo_ps(v[2 * i], v[2 * i + 1]) + _mm512_unpackhi_ps(v[2 * i], v[2 * i + 1]);
    }
    for (int i = 0; i < 4; i++) { /* of four: a, b, c, d */
        const __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(t[2 * i]), _mm512_castps_pd(t[2 * i + 1]));
        const __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(t[2 * i]), _mm512_castps_pd(t[2 * i + 1]));
        u[i] = _mm512_castpd_ps(low) + _mm512_castpd_ps(high);
    }
    const vf left = _mm512_shuffle_f32x4(u[0], u[1], 0x88) + _mm512_shuffle_f32x4(u[0], u[1], 0xdd);
    const vf right = _mm512_shuffle_f32x4(u[2], u[3], 0x88) + _mm512_shuffle_f32x4(u[2], u[3], 0xdd);
    return _mm512_shuffle_f32x4(left, right, 0x88) + _mm512_shuffle_f32x4(left, right, 0xdd);
}

QUERN_INLINE void v_transpose(vf *v) {
    vf t[16];
    vf u[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        u[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
        u[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
        u[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        u[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    /* u[4g + j]: rows 4g..4g+3 of columns j, 4 + j, 8 + j, 12 + j in its four 128-bit lanes. */
    for (int j = 0; j < 4; j++) {
        t[j] = _mm512_shuffle_f32x4(u[j], u[4 + j], 0x88);
        t[4 + j] = _mm512_shuffle_f32x4(u[j], u[4 + j], 0xdd);
        t[8 + j] = _mm512_shuffle_f32x4(u[8 + j], u[12 + j], 0x88);
        t[12 + j] = _mm512_shuffle_f32x4(u[8 + j], u[12 + j], 0xdd);
    }
    for (int j = 0; j < 4; j++) {
        v[j] = _mm512_shuffle_f32x4(t[j], t[8 + j], 0x88);
        v[8 + j] = _mm512_shuffle_f32x4(t[j], t[8 + j], 0xdd);
        v[4 + j] = _mm512_shuffle_f32x4(t[4 + j], t[12 + j], 0x88);
        v[12 + j] = _mm512_shuffle_f32x4(t[4 + j], t[12 + j], 0xdd);
    }
}

#endif
