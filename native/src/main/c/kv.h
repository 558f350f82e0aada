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

/* Asks for a row of n elements that is needed soon. */
QUERN_INLINE void kv_prefetch(const void *row, int32_t format, int64_t n) {
    for (int64_t i = 0; i < kv_bytes(n, format); i += 64) {
        __builtin_prefetch((const char *)row + i);
    }
}

/* VL elements of a Q8_0 row from `at`, a multiple of VL, on, not yet multiplied by their block's scale. */
QUERN_INLINE vf kv_load_q8_0(const void *row, int64_t at) {
    return v_load_i8((const int8_t *)row + at / QUERN_BLOCK * QUERN_Q8_0_BYTES + Q8_0_QS + at % QUERN_BLOCK);
}

#endif
