/*
 * Rows of keys and values, the elements of a head: F32, F16 and BF16, or Q8_0, whose blocks fill a head. Offsets are in
 * elements, whole blocks for Q8_0; `format` is a constant wherever speed matters.
 */
#ifndef QUERN_KV_H
#define QUERN_KV_H

#include "block.h"
#include "elements.h"

/* Bytes of n elements; n may be negative. */
QUERN_INLINE int64_t kv_bytes(int64_t n, int32_t format) {
    return format == QUERN_Q8_0 ? n / QUERN_BLOCK * QUERN_Q8_0_BYTES : n * element_bytes(format);
}

QUERN_INLINE const void *kv_at(const void *p, int64_t at, int32_t format) {
    return (const char *)p + kv_bytes(at, format);
}

/* VL elements of a row from `at`, a multiple of VL, on; those of Q8_0 are not yet multiplied by their block's scale. */
QUERN_INLINE vf kv_load(const void *row, int64_t at, int32_t format) {
    if (format != QUERN_Q8_0) {
        return load_elements(row, at, format);
    }
    const int64_t block = at / QUERN_BLOCK;
    return v_load_i8((const int8_t *)row + block * QUERN_Q8_0_BYTES + Q8_0_QS + at % QUERN_BLOCK);
}

/* min(n, VL) elements of a row, the rest zero; n is at least VL for Q8_0. */
QUERN_INLINE vf kv_load_upto(const void *row, int64_t at, int32_t format, int64_t n) {
    return format == QUERN_Q8_0 ? kv_load(row, at, format) : load_elements_upto(row, at, format, n);
}

/* Asks for a row of n elements that is needed soon. */
QUERN_INLINE void kv_prefetch(const void *row, int32_t format, int64_t n) {
    for (int64_t i = 0; i < kv_bytes(n, format); i += 64) {
        __builtin_prefetch((const char *)row + i);
    }
}

/*
 * scale: (n, d / 32), those of the Q8_0 rows [j0, j0 + n), `stride` elements from row to row; half: room for as many
 * uint16_t. Both rounded up to VL.
 */
QUERN_INLINE void kv_scales(const void *p, int64_t stride, int64_t j0, int64_t n, int64_t d, uint16_t *half, float *scale) {
    const int64_t blocks = d / QUERN_BLOCK;
    for (int64_t j = 0; j < n; j++) {
        const uint8_t *row = kv_at(p, (j0 + j) * stride, QUERN_Q8_0);
        for (int64_t b = 0; b < blocks; b++) {
            half[j * blocks + b] = load_u16(row + b * QUERN_Q8_0_BYTES);
        }
    }
    for (int64_t i = 0; i < n * blocks; i += VL) {
        v_store(scale + i, v_load_f16(half + i));
    }
}

#endif
