/*
 * Row conversions: y[r, :] = to(x[r, :]) for r in [0, rows).
 *
 *   x: (rows, k) in the source format, ldx bytes from row to row; y: (rows, k) in the target format, ldy bytes.
 *
 * Loops: rows, then the row in pieces of at most 256 elements, which stay in the first-level cache when a conversion
 * takes two steps (blocks -> F32 -> BF16). Measured on one core at 2.1 GHz from cached data, in 10^9 elements/s: see
 * the table in quern.h.
 *
 * Quantisers:
 *   Q8_0  d = max|x| / 127 stored as F16, q = round(x / d) with ties away from zero: ggml's reference, byte for byte.
 *         An infinity gives d = infinity, a NaN d = NaN, and q = 0.
 *   Q8_K  d = max|x| / 127 stored as F32, q = round(x / d) with ties to even; sums of each 16 q. Activations only.
 *         An infinity or a NaN gives d = NaN and q = 0.
 * So whatever is computed from a block that is not finite is visibly NaN. Quantisers of weights: quantize.c.
 */
#include "convert.h"
#include "dequant_levels.h"

/* Largest |x| of n floats, or NaN if one of them is not finite. n is a multiple of 32. */
QUERN_INLINE float amax_or_nan(const float *x, int n) {
    vf top = v_zero();
    vf bad = v_zero();
    for (int i = 0; i < n; i += VL) {
        vf v = v_load(x + i);
        top = v_max(v_abs(v), top);
        bad = v_fma(v, v_zero(), bad);
    }
    float b = v_sum(bad);
    return b == 0.0f ? v_hmax(top) : bits_to_f32(0x7fc00000u);
}

/* Products may be infinite or NaN where a scale is denormal: all land in [-127, 127]. */
QUERN_INLINE vf clamp_127(vf t) { return v_max(v_min(t, v_set1(127.0f)), v_set1(-127.0f)); }

/*
 * Blocks that are zero, not finite, or so small that 1 / d is infinite: x / d is then 0, infinite or NaN. Out of the
 * way of the others.
 */
static __attribute__((noinline)) void quantize_odd_q8_0(const float *x, uint8_t *y) {
    float amax = 0.0f;
    for (int i = 0; i < QUERN_BLOCK && amax == amax; i++) {
        const float a = __builtin_fabsf(x[i]);
        amax = a <= amax ? amax : a; /* a NaN stays */
    }
    const float d = amax / 127.0f;
    const float inverse = d == 0.0f ? 0.0f : 1.0f / d;
    const uint16_t stored = d == d ? f32_to_f16(d) : QUERN_F16_NAN;
    memcpy(y, &stored, sizeof stored);
    for (int i = 0; i < QUERN_BLOCK; i++) {
        const float t = x[i] * inverse;
        y[Q8_0_QS + i] = (uint8_t)(t > 0.0f ? 127 : t < 0.0f ? -128 : 0);
    }
}

QUERN_INLINE void quantize_block_q8_0(const float *x, uint8_t *y) {
    const float d = amax_or_nan(x, QUERN_BLOCK) / 127.0f;
    if (!(d > 0x1p-128f)) { /* the inverse of that is infinite */
        quantize_odd_q8_0(x, y);
        return;
    }
    const uint16_t stored = f32_to_f16(d);
    memcpy(y, &stored, sizeof stored);
    int8_t *q = (int8_t *)y + Q8_0_QS;
    const vf inverse = v_set1(1.0f / d);
    /* The float below one half: adding 0.5 itself would carry 0.49999997 up to 1. */
    const vf half = v_set1(0x1.fffffep-2f);
    for (int i = 0; i < QUERN_BLOCK; i += VL) {
        vf t = v_load(x + i) * inverse;
        v_store_i8(q + i, t + v_with_sign(half, t));
    }
}

QUERN_INLINE void quantize_block_q8_k(const float *x, uint8_t *y) {
    const float amax = amax_or_nan(x, QUERN_SUPER);
    const float d = amax / 127.0f;
    memcpy(y, &d, sizeof d);
    int8_t *q = (int8_t *)y + Q8_K_QS;
    if (!(d > 0.0f)) {
        memset(q, 0, QUERN_Q8_K_BYTES - Q8_K_QS);
        return;
    }
    const vf inverse = v_set1(127.0f / amax);
    for (int i = 0; i < QUERN_SUPER; i += VL) {
        v_store_i8(q + i, v_round(clamp_127(v_load(x + i) * inverse)));
    }
    int16_t sum[QUERN_SUPER / 16];
    for (int g = 0; g < QUERN_SUPER / 16; g++) {
        int32_t total = 0;
        for (int i = 0; i < 16; i++) {
            total += q[16 * g + i];
        }
        sum[g] = (int16_t)total;
    }
    memcpy(y + Q8_K_SUMS, sum, sizeof sum);
}

ROWS(f32_q8_0, {
    for (int64_t b = 0; b < k / QUERN_BLOCK; b++) {
        quantize_block_q8_0((const float *)in + b * QUERN_BLOCK, out + b * QUERN_Q8_0_BYTES);
    }
})

ROWS(f32_q8_k, {
    for (int64_t b = 0; b < k / QUERN_SUPER; b++) {
        quantize_block_q8_k((const float *)in + b * QUERN_SUPER, out + b * QUERN_Q8_K_BYTES);
    }
})

/* n floats to 16-bit floats; store: VL at a time, scalar: one. */
QUERN_INLINE void narrow(const float *x, uint16_t *y, int64_t n, void (*store)(uint16_t *, vf), uint16_t (*scalar)(float)) {
    int64_t i = 0;
    for (; i + VL <= n; i += VL) {
        store(y + i, v_load(x + i));
    }
    for (; i < n; i++) {
        y[i] = scalar(x[i]);
    }
}

ROWS(f32_bf16, { narrow((const float *)in, (uint16_t *)out, k, v_store_bf16, f32_to_bf16); })

ROWS(f32_f16, { narrow((const float *)in, (uint16_t *)out, k, v_store_f16, f32_to_f16); })

#define TO_F32(format) ROWS(format##_f32, { load_row_##format(in, 0, (float *)out, k); })

TO_F32(f16)
TO_F32(bf16)
TO_F32(q8_0)
TO_F32(q4_0)
TO_F32(q4_k)
TO_F32(q6_k)

#define TO_BF16(format)                                                                      \
    ROWS(format##_bf16, {                                                                    \
        float piece[QUERN_SUPER];                                                            \
        for (int64_t i = 0; i < k; i += QUERN_SUPER) {                                       \
            int64_t n = k - i < QUERN_SUPER ? k - i : QUERN_SUPER;                           \
            load_row_##format(in, i, piece, n);                                              \
            narrow(piece, (uint16_t *)out + i, n, v_store_bf16, f32_to_bf16);                \
        }                                                                                    \
    })

TO_BF16(f16)
TO_BF16(q8_0)
TO_BF16(q4_0)
TO_BF16(q4_k)
TO_BF16(q6_k)

#define UNPACKED(format, tier) TO_F32(format)
QUERN_UNPACKED(UNPACKED, )
