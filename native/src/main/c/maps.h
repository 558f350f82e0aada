/* The loops of maps.c and map_grads.c: functions of one or two elements, in a stream. `flow`: maps.c. */
#ifndef QUERN_MAPS_H
#define QUERN_MAPS_H

#include "elements.h"

enum { AHEAD = 4096 };

QUERN_INLINE int aligned(const void *y, int64_t flow) { return flow == QUERN_THROUGH && (uintptr_t)y % 64 == 0; }

#define LOOP(INPUTS_AHEAD, FULL, PART)                                     \
    const int through = aligned(y, flow);                                  \
    const int64_t ahead = flow == QUERN_NEAR ? 0 : AHEAD;                  \
    int64_t i = 0;                                                         \
    for (; i + 2 * VL <= n; i += 2 * VL) {                                 \
        INPUTS_AHEAD                                                       \
        const pair r = FULL;                                               \
        if (through) {                                                     \
            store_pair(y, i, format, r, 1);                                \
        } else {                                                           \
            prefetch_pair(y, i, format, ahead);                            \
            store_pair(y, i, format, r, 0);                                \
        }                                                                  \
    }                                                                      \
    if (i < n) {                                                           \
        store_pair_n(y, i, format, PART, n - i);                           \
    }                                                                      \
    if (through) {                                                         \
        v_stream_end();                                                    \
    }

#define MAP(name, function)                                                                                          \
    QUERN_INLINE pair name##_of(pair x) { return (pair){function(x.a), function(x.b)}; }                             \
    QUERN_INLINE void name##_loop(const void *x, void *y, int64_t n, int32_t format, int64_t flow) {                 \
        LOOP(prefetch_pair(x, i, format, ahead);, name##_of(load_pair(x, i, format)),                                \
             name##_of(load_pair_n(x, i, format, n - i, 0.0f)))                                                      \
    }                                                                                                                \
    void QN(map_##name)(const void *x, void *y, int64_t n, int64_t format, int64_t flow) {                           \
        if (format == QUERN_F32) {                                                                                   \
            name##_loop(x, y, n, QUERN_F32, flow);                                                                   \
        } else if (format == QUERN_F16) {                                                                            \
            name##_loop(x, y, n, QUERN_F16, flow);                                                                   \
        } else {                                                                                                     \
            name##_loop(x, y, n, QUERN_BF16, flow);                                                                  \
        }                                                                                                            \
    }

#define ZIP(name, first, second)                                                                                     \
    QUERN_INLINE pair name##_of(pair u, pair v) { return (pair){first, second}; }                                    \
    QUERN_INLINE void name##_loop(const void *a, const void *b, void *y, int64_t n, int32_t format, int64_t flow) {  \
        LOOP(prefetch_pair(a, i, format, ahead); prefetch_pair(b, i, format, ahead);                                 \
             , name##_of(load_pair(a, i, format), load_pair(b, i, format)),                                          \
             name##_of(load_pair_n(a, i, format, n - i, 0.0f), load_pair_n(b, i, format, n - i, 0.0f)))              \
    }                                                                                                                \
    void QN(zip_##name)(const void *a, const void *b, void *y, int64_t n, int64_t format, int64_t flow) {            \
        if (format == QUERN_F32) {                                                                                   \
            name##_loop(a, b, y, n, QUERN_F32, flow);                                                                \
        } else if (format == QUERN_F16) {                                                                            \
            name##_loop(a, b, y, n, QUERN_F16, flow);                                                                \
        } else {                                                                                                     \
            name##_loop(a, b, y, n, QUERN_BF16, flow);                                                               \
        }                                                                                                            \
    }

#endif
