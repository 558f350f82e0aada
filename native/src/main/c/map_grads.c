/*
 * Gradients of activations and gated units, element by element, n elements without gaps of F32, F16 or BF16; F32 inside, rounded
 * once. g is the gradient of the result:
 *
 *   zip_silu_grad, zip_gelu_tanh_grad, zip_gelu_erf_grad     y = g f'(x)
 *   swiglu_grad, geglu_tanh_grad, geglu_erf_grad             d_gate = g up f'(gate),  d_up = g f(gate)
 *
 * Derivatives: vmath.h. Results may be inputs of the same place. flow: maps.c. f and f' of one element share their exponential,
 * so that a gate's gradient costs one, as its value does.
 *
 * Floors: 12 bytes an element of F32 (20 for gates), or 20 to 35 instructions for 16 of them.
 * Measured (quern_bench_gradients, one core of a Xeon at 2.1 GHz, AVX-512), 10^9 elements/s of F32 from cache: silu 2.6, gelu_tanh 2.0,
 * gelu_erf 1.6; of 1.6 M elements 2.0, 1.8, 1.4.
 */
#include "maps.h"
#include "vmath.h"

ZIP(silu_grad, u.a * v_silu_slope(v.a), u.b * v_silu_slope(v.b))
ZIP(gelu_tanh_grad, u.a * v_gelu_tanh_slope(v.a), u.b * v_gelu_tanh_slope(v.b))
ZIP(gelu_erf_grad, u.a * v_gelu_erf_slope(v.a), u.b * v_gelu_erf_slope(v.b))

/* Two results: of the gate and of up. */
typedef struct results {
    pair gate;
    pair up;
} results;

#define GATE_GRAD(name, value, slope)                                                                               \
    QUERN_INLINE results name##_of(pair g, pair x, pair up) {                                                       \
        return (results){{g.a * up.a * slope(x.a), g.b * up.b * slope(x.b)}, {g.a * value(x.a), g.b * value(x.b)}}; \
    }                                                                                                               \
    QUERN_INLINE void name##_loop(const void *g, const void *gate, const void *up, void *d_gate, void *d_up,        \
                                  int64_t n, int32_t format, int64_t flow) {                                        \
        const int through = aligned(d_gate, flow) && aligned(d_up, flow);                                           \
        const int64_t ahead = flow == QUERN_NEAR ? 0 : AHEAD;                                                       \
        int64_t i = 0;                                                                                              \
        for (; i + 2 * VL <= n; i += 2 * VL) {                                                                      \
            prefetch_pair(g, i, format, ahead);                                                                     \
            prefetch_pair(gate, i, format, ahead);                                                                  \
            prefetch_pair(up, i, format, ahead);                                                                    \
            const results r =                                                                                       \
                name##_of(load_pair(g, i, format), load_pair(gate, i, format), load_pair(up, i, format));           \
            store_pair(d_gate, i, format, r.gate, through);                                                         \
            store_pair(d_up, i, format, r.up, through);                                                             \
        }                                                                                                           \
        if (i < n) {                                                                                                \
            const results r = name##_of(load_pair_n(g, i, format, n - i, 0.0f), load_pair_n(gate, i, format, n - i, 0.0f), \
                                        load_pair_n(up, i, format, n - i, 0.0f));                                   \
            store_pair_n(d_gate, i, format, r.gate, n - i);                                                         \
            store_pair_n(d_up, i, format, r.up, n - i);                                                             \
        }                                                                                                           \
        if (through) {                                                                                              \
            v_stream_end();                                                                                         \
        }                                                                                                           \
    }                                                                                                               \
    void QN(name)(const void *g, const void *gate, const void *up, void *d_gate, void *d_up, int64_t n,             \
                  int64_t format, int64_t flow) {                                                                   \
        if (format == QUERN_F32) {                                                                                  \
            name##_loop(g, gate, up, d_gate, d_up, n, QUERN_F32, flow);                                             \
        } else if (format == QUERN_F16) {                                                                           \
            name##_loop(g, gate, up, d_gate, d_up, n, QUERN_F16, flow);                                             \
        } else {                                                                                                    \
            name##_loop(g, gate, up, d_gate, d_up, n, QUERN_BF16, flow);                                            \
        }                                                                                                           \
    }

GATE_GRAD(swiglu_grad, v_silu, v_silu_slope)
GATE_GRAD(geglu_tanh_grad, v_gelu_tanh, v_gelu_tanh_slope)
GATE_GRAD(geglu_erf_grad, v_gelu_erf, v_gelu_erf_slope)
