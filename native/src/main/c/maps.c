/*
 * Whole tensors of F32, F16 or BF16 element by element, in a stream: n elements without gaps, computed in F32, rounded once.
 *
 *   map_exp, map_sigmoid, map_silu, map_gelu_tanh, map_gelu_erf     y = f(x)
 *   zip_add, zip_mul                                                y = a + b, a b
 *   zip_swiglu, zip_geglu_tanh, zip_geglu_erf                       y = f(gate) up
 *
 * y may be an input. Formulas: elementwise.c, vmath.h. flow says how large the whole is of which this is a slice:
 *   QUERN_NEAR     small enough to be in a core's cache
 *   QUERN_FAR      inputs, and the lines of the result, are asked for AHEAD bytes before their turn, over the ends of pages,
 *                  where the processor's own prefetcher stops
 *   QUERN_THROUGH  inputs likewise, and the result is stored past the caches: without reading its lines first
 *
 * Two vectors at a time: BF16 is widened and narrowed in place then, even and odd elements apart, without a permutation.
 */
#include "elements.h"
#include "vmath.h"

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

MAP(exp, v_exp)
MAP(sigmoid, v_sigmoid)
MAP(silu, v_silu)
MAP(gelu_tanh, v_gelu_tanh)
MAP(gelu_erf, v_gelu_erf)

ZIP(add, u.a + v.a, u.b + v.b)
ZIP(mul, u.a * v.a, u.b * v.b)
ZIP(swiglu, v_silu(u.a) * v.a, v_silu(u.b) * v.b)
ZIP(geglu_tanh, v_gelu_tanh(u.a) * v.a, v_gelu_tanh(u.b) * v.b)
ZIP(geglu_erf, v_gelu_erf(u.a) * v.a, v_gelu_erf(u.b) * v.b)
