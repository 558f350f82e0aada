/*
 * Blocks to F32, the same code in every tier: nibbles are first unpacked to int8 (byte loops that the compiler
 * vectorises), then widened and scaled. Formulas: the GGUF format specification. Multiplications are in ggml's order
 * ((d * scale) * q, then minus dmin * min), so that values agree with it bit for bit.
 */
#ifndef QUERN_DEQUANT_H
#define QUERN_DEQUANT_H

#include "simd.h"

/* y[i] = s * q[i] - m for n elements, n a multiple of 16. */
QUERN_INLINE void scale_i8(const int8_t *q, float s, float m, float *y, int n) {
    const vf vs = v_set1(s);
    const vf vm = v_set1(m);
    for (int i = 0; i < n; i += VL) {
        v_store(y + i, v_load_i8(q + i) * vs - vm);
    }
}

QUERN_INLINE void scale_i8_only(const int8_t *q, float s, float *y, int n) {
    const vf vs = v_set1(s);
    for (int i = 0; i < n; i += VL) {
        v_store(y + i, v_load_i8(q + i) * vs);
    }
}

/* One block each. b: stored bytes; y: 32 or 256 floats. */
QUERN_INLINE void dequant_q8_0(const uint8_t *b, float *y) {
    scale_i8_only((const int8_t *)b + Q8_0_QS, f16_to_f32(load_u16(b)), y, QUERN_BLOCK);
}

#if defined(QUERN_TIER_AVX2) || defined(QUERN_TIER_AVX512) || defined(QUERN_TIER_AMX)
QUERN_INLINE void dequant_q4_0(const uint8_t *b, float *y) {
    const vf d = v_set1(f16_to_f32(load_u16(b)));
    const __m128i packed = _mm_loadu_si128((const __m128i *)(b + Q4_0_QS));
    const __m128i low = _mm_set1_epi8(15);
    const __m128i eight = _mm_set1_epi8(8);
    const __m128i q[2] = {_mm_sub_epi8(_mm_and_si128(packed, low), eight),
                          _mm_sub_epi8(_mm_and_si128(_mm_srli_epi16(packed, 4), low), eight)};
    for (int h = 0; h < 2; h++) {
        v_store(y + 16 * h, v_from_i8(q[h]) * d);
        if (VL == 8) {
            v_store(y + 16 * h + 8, v_from_i8(_mm_srli_si128(q[h], 8)) * d);
        }
    }
}
#else
QUERN_INLINE void dequant_q4_0(const uint8_t *b, float *y) {
    const float d = f16_to_f32(load_u16(b));
    for (int i = 0; i < 16; i++) {
        y[i] = (float)((b[Q4_0_QS + i] & 15) - 8) * d;
        y[i + 16] = (float)((b[Q4_0_QS + i] >> 4) - 8) * d;
    }
}
#endif

QUERN_INLINE void dequant_q4_k(const uint8_t *b, float *y) {
    const float d = f16_to_f32(load_u16(b));
    const float dmin = f16_to_f32(load_u16(b + Q4_K_DMIN));
    for (int j = 0; j < 8; j += 2) { /* 32 bytes hold two sub-blocks: low nibbles j, high nibbles j + 1 */
        const uint8_t *p = b + Q4_K_QS + 16 * j;
        int8_t q[64];
        for (int i = 0; i < 32; i++) {
            q[i] = (int8_t)(p[i] & 15);
            q[i + 32] = (int8_t)(p[i] >> 4);
        }
        uint8_t s0;
        uint8_t m0;
        uint8_t s1;
        uint8_t m1;
        q4_k_scale_min(b + Q4_K_SCALES, j, &s0, &m0);
        q4_k_scale_min(b + Q4_K_SCALES, j + 1, &s1, &m1);
        scale_i8(q, d * (float)s0, dmin * (float)m0, y + 32 * j, 32);
        scale_i8(q + 32, d * (float)s1, dmin * (float)m1, y + 32 * j + 32, 32);
    }
}

/* q[0..127]: the half's values minus 32. ql: its 64 low-nibble bytes; qh: its 32 bytes of high pairs. */
QUERN_INLINE void unpack_q6_k_half(const uint8_t *ql, const uint8_t *qh, int8_t *q) {
    for (int i = 0; i < 32; i++) {
        q[i] = (int8_t)(((ql[i] & 15) | (qh[i] & 3) << 4) - 32);
        q[i + 32] = (int8_t)(((ql[i + 32] & 15) | ((qh[i] >> 2) & 3) << 4) - 32);
        q[i + 64] = (int8_t)(((ql[i] >> 4) | ((qh[i] >> 4) & 3) << 4) - 32);
        q[i + 96] = (int8_t)(((ql[i + 32] >> 4) | (qh[i] >> 6) << 4) - 32);
    }
}

QUERN_INLINE void dequant_q6_k(const uint8_t *b, float *y) {
    const float d = f16_to_f32(load_u16(b + Q6_K_D));
    const int8_t *scale = (const int8_t *)b + Q6_K_SCALES;
    for (int h = 0; h < 2; h++) {
        int8_t q[128];
        unpack_q6_k_half(b + 64 * h, b + Q6_K_QH + 32 * h, q);
        for (int g = 0; g < 8; g++) {
            scale_i8_only(q + 16 * g, d * (float)scale[8 * h + g], y + 128 * h + 16 * g, 16);
        }
    }
}

/*
 * Elements [k0, k0 + n) of one stored row to F32, for each format. k0 is a multiple of 256; n of the block length.
 * load_row_f32 is the same for rows that are F32 already.
 */
typedef void load_row_fn(const void *row, int64_t k0, float *y, int64_t n);

QUERN_INLINE void load_row_f32(const void *row, int64_t k0, float *y, int64_t n) {
    const float *p = (const float *)row + k0;
    memcpy(y, p, (size_t)n * sizeof *p);
}

QUERN_INLINE void load_row_f16(const void *row, int64_t k0, float *y, int64_t n) {
    const uint16_t *p = (const uint16_t *)row + k0;
    int64_t i = 0;
    for (; i + VL <= n; i += VL) {
        v_store(y + i, v_load_f16(p + i));
    }
    for (; i < n; i++) {
        y[i] = f16_to_f32(p[i]);
    }
}

QUERN_INLINE void load_row_bf16(const void *row, int64_t k0, float *y, int64_t n) {
    const uint16_t *p = (const uint16_t *)row + k0;
    int64_t i = 0;
    for (; i + VL <= n; i += VL) {
        v_store(y + i, v_load_bf16(p + i));
    }
    for (; i < n; i++) {
        y[i] = bf16_to_f32(p[i]);
    }
}

QUERN_INLINE void load_row_q8_0(const void *row, int64_t k0, float *y, int64_t n) {
    const uint8_t *b = (const uint8_t *)row + k0 / QUERN_BLOCK * QUERN_Q8_0_BYTES;
    for (int64_t i = 0; i < n; i += QUERN_BLOCK, b += QUERN_Q8_0_BYTES) {
        dequant_q8_0(b, y + i);
    }
}

QUERN_INLINE void load_row_q4_0(const void *row, int64_t k0, float *y, int64_t n) {
    const uint8_t *b = (const uint8_t *)row + k0 / QUERN_BLOCK * QUERN_Q4_0_BYTES;
    for (int64_t i = 0; i < n; i += QUERN_BLOCK, b += QUERN_Q4_0_BYTES) {
        dequant_q4_0(b, y + i);
    }
}

QUERN_INLINE void load_row_q4_k(const void *row, int64_t k0, float *y, int64_t n) {
    const uint8_t *b = (const uint8_t *)row + k0 / QUERN_SUPER * QUERN_Q4_K_BYTES;
    for (int64_t i = 0; i < n; i += QUERN_SUPER, b += QUERN_Q4_K_BYTES) {
        dequant_q4_k(b, y + i);
    }
}

QUERN_INLINE void load_row_q6_k(const void *row, int64_t k0, float *y, int64_t n) {
    const uint8_t *b = (const uint8_t *)row + k0 / QUERN_SUPER * QUERN_Q6_K_BYTES;
    for (int64_t i = 0; i < n; i += QUERN_SUPER, b += QUERN_Q6_K_BYTES) {
        dequant_q6_k(b, y + i);
    }
}

#endif
