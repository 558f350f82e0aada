/* Elements of F32, F16 and BF16 as vectors of F32. `format` is a constant wherever speed matters. */
#ifndef QUERN_ELEMENTS_H
#define QUERN_ELEMENTS_H

#include "quern.h"
#include "simd.h"

QUERN_INLINE int64_t element_bytes(int32_t format) { return format == QUERN_F32 ? 4 : 2; }

QUERN_INLINE const void *element_at(const void *p, int64_t at, int32_t format) {
    return (const char *)p + at * element_bytes(format);
}

/* VL elements from `at` on. */
QUERN_INLINE vf load_elements(const void *p, int64_t at, int32_t format) {
    return format == QUERN_F32   ? v_load((const float *)p + at)
           : format == QUERN_F16 ? v_load_f16((const uint16_t *)p + at)
                                 : v_load_bf16((const uint16_t *)p + at);
}

/* min(n, VL) elements, the rest zero; reads not one byte more. */
QUERN_INLINE vf load_elements_upto(const void *p, int64_t at, int32_t format, int64_t n) {
    if (n >= VL) {
        return load_elements(p, at, format);
    }
    if (format == QUERN_F32) {
        return v_load_n((const float *)p + at, (int)n);
    }
    uint16_t few[VL] = {0};
    memcpy(few, (const uint16_t *)p + at, (size_t)n * sizeof *few);
    return load_elements(few, 0, format);
}

/* min(n, VL) elements, rounded to nearest, ties to even. */
QUERN_INLINE void store_elements_upto(void *p, int64_t at, int32_t format, vf x, int64_t n) {
    if (format == QUERN_F32) {
        v_store_upto((float *)p + at, x, n);
        return;
    }
    uint16_t few[VL];
    uint16_t *to = n >= VL ? (uint16_t *)p + at : few;
    if (format == QUERN_F16) {
        v_store_f16(to, x);
    } else {
        v_store_bf16(to, x);
    }
    if (n < VL) {
        memcpy((uint16_t *)p + at, few, (size_t)n * sizeof *few);
    }
}

#endif
