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

/* 2 VL elements. Of BF16, a has those at even places and b those at odd ones; else a comes before b. */
typedef struct pair {
    vf a;
    vf b;
} pair;

QUERN_INLINE pair load_pair(const void *p, int64_t at, int32_t format) {
    pair x;
    if (format == QUERN_BF16) {
        v_load_bf16_pair((const uint16_t *)p + at, &x.a, &x.b);
    } else {
        x.a = load_elements(p, at, format);
        x.b = load_elements(p, at + VL, format);
    }
    return x;
}

/* stream: past the caches; p + at is then on a boundary of the pair's size. */
QUERN_INLINE void store_pair(void *p, int64_t at, int32_t format, pair x, int stream) {
    if (format == QUERN_BF16) {
        v_store_bf16_pair((uint16_t *)p + at, x.a, x.b, stream);
    } else if (format == QUERN_F16) {
        v_store_f16_pair((uint16_t *)p + at, x.a, x.b, stream);
    } else if (stream) {
        v_stream((float *)p + at, x.a);
        v_stream((float *)p + at + VL, x.b);
    } else {
        v_store((float *)p + at, x.a);
        v_store((float *)p + at + VL, x.b);
    }
}

/* n < 2 VL elements, the rest `fill`. */
QUERN_INLINE pair load_pair_n(const void *p, int64_t at, int32_t format, int64_t n, float fill) {
    float few[2 * VL];
    for (int i = 0; i < 2 * VL; i += VL) {
        v_store(few + i, v_set1(fill));
    }
    if (format == QUERN_F32) {
        memcpy(few, (const float *)p + at, (size_t)n * sizeof *few);
    } else {
        uint16_t *to = (uint16_t *)few;
        const uint16_t filling = format == QUERN_F16 ? f32_to_f16(fill) : f32_to_bf16(fill);
        for (int64_t i = 0; i < 2 * VL; i++) {
            to[i] = filling;
        }
        memcpy(to, (const uint16_t *)p + at, (size_t)n * sizeof *to);
    }
    return load_pair(few, 0, format);
}

/* n < 2 VL elements. */
QUERN_INLINE void store_pair_n(void *p, int64_t at, int32_t format, pair x, int64_t n) {
    float few[2 * VL];
    store_pair(few, 0, format, x, 0);
    memcpy((char *)p + at * element_bytes(format), few, (size_t)(n * element_bytes(format)));
}

/* Asks for the line `bytes` behind element `at` of something that is read in order. */
QUERN_INLINE void prefetch_pair(const void *p, int64_t at, int32_t format, int64_t bytes) {
    const char *line = (const char *)p + at * element_bytes(format) + bytes;
    for (int64_t i = 0; i < 2 * VL * element_bytes(format); i += 64) {
        __builtin_prefetch(line + i);
    }
}

#endif
