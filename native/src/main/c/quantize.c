/*
 * Quantisers of weights: rows of F32 to Q4_0, Q4_K and Q6_K, byte for byte what the Java reference
 * (BlockCodec) writes, which is what ggml writes without an importance matrix. Q8_0 is in convert.c.
 *
 *   Q4_0  d = e / -8 for the element e of largest magnitude; q = trunc(x / d + 8.5) in [0, 15].
 *   Q4_K  per 32 elements a scale and a minimum (offset_search), both then rounded to 6 bits of the block's largest;
 *         q = round((x + min) / scale) for them as they are stored.
 *   Q6_K  per 16 elements a scale (signed_search), then rounded to 8 bits; q = round(x / scale).
 * Where a stored scale is 0 the K-formats keep the levels of the search. Infinity and NaN are not errors here.
 *
 * Loops: the row in stretches of at least VL sub-blocks, a sub-block to a lane (scalesearch.h).
 *
 * Measured on one thread of a Xeon at 2.1 GHz, 2^20 normally distributed elements, best of several runs called from
 * Java, other processes running beside it; 10^6 elements/s:
 *
 *          Java reference   baseline   avx2   avx512
 *   Q4_0   476              697        915    1879
 *   Q4_K   15               50         118    164
 *   Q6_K   16               75         207    304
 */
#include "convert.h"
#include "scalesearch.h"

/* The nearest integer, ties to even, then cut to int32 as Java does: NaN is 0, what is too large the largest. */
QUERN_INLINE int32_t nearest_int(float x) {
    const float r = __builtin_rintf(x);
    return r != r ? 0 : r >= 0x1p31f ? INT32_MAX : r <= -0x1p31f ? INT32_MIN : (int32_t)r;
}

/* Stores d as F16 and gives what was stored. */
QUERN_INLINE float store_f16(uint8_t *to, float d) {
    const uint16_t h = d == d ? f32_to_f16(d) : QUERN_F16_NAN;
    memcpy(to, &h, sizeof h);
    return f16_to_f32(h);
}

/* The first element of the largest magnitude; NaNs do not count. */
QUERN_INLINE float extreme_of(const float *x, int n) {
    vf high = v_zero();
    vf low = v_zero();
    for (int i = 0; i < n; i += VL) {
        high = v_max(v_load(x + i), high);
        low = v_min(v_load(x + i), low);
    }
    const float up = v_hmax(high);
    const float down = v_hmax(v_zero() - low);
    if (up != down) {
        return up > down ? up : -down;
    }
    for (int i = 0; up > 0.0f && i < n; i++) {
        if (__builtin_fabsf(x[i]) == up) {
            return x[i];
        }
    }
    return 0.0f;
}

QUERN_INLINE void quantize_block_q4_0(const float *x, uint8_t *y) {
    const float d = extreme_of(x, QUERN_BLOCK) / -8.0f;
    store_f16(y, d);
    const vf inverse = v_set1(d == 0.0f ? 0.0f : 1.0f / d);
    int8_t q[QUERN_BLOCK];
    for (int i = 0; i < QUERN_BLOCK; i += VL) {
        vf t = v_load(x + i) * inverse + v_set1(8.5f);
        v_store_i8(q + i, v_min(v_max(t, v_zero()), v_set1(15.0f)));
    }
    for (int i = 0; i < QUERN_BLOCK / 2; i++) {
        y[Q4_0_QS + i] = (uint8_t)(q[i] | q[i + 16] << 4);
    }
}

QUERN_INLINE void quantize_q4_0(const float *x, uint8_t *y, int64_t n) {
    for (int64_t b = 0; b < n / QUERN_BLOCK; b++) {
        quantize_block_q4_0(x + b * QUERN_BLOCK, y + b * QUERN_Q4_0_BYTES);
    }
}

enum { Q4_K_SUBS = QUERN_SUPER / OFFSET_LENGTH, Q6_K_SUBS = QUERN_SUPER / SIGNED_LENGTH };

/* x: (8, 32); fit's elements from s0 on are those of its sub-blocks. */
QUERN_INLINE void write_block_q4_k(const float *x, const offset_fit *fit, int s0, uint8_t *y) {
    const float *scales = fit->scale + s0;
    const float *mins = fit->min + s0;
    float max_scale = 0.0f;
    float max_min = 0.0f;
    for (int s = 0; s < Q4_K_SUBS; s++) {
        max_scale = scales[s] <= max_scale || max_scale != max_scale ? max_scale : scales[s]; /* a NaN stays */
        max_min = mins[s] <= max_min || max_min != max_min ? max_min : mins[s];
    }
    const float inverse_scale = max_scale > 0.0f ? 63.0f / max_scale : 0.0f;
    const float inverse_min = max_min > 0.0f ? 63.0f / max_min : 0.0f;
    const float d = store_f16(y, max_scale / 63.0f);
    const float dmin = store_f16(y + Q4_K_DMIN, max_min / 63.0f);
    uint8_t packed[12] = {0};
    int8_t level[Q4_K_SUBS][OFFSET_LENGTH];
    for (int s = 0; s < Q4_K_SUBS; s++) {
        /* as an unsigned byte first: a scale can come out negative, and then wraps as in ggml */
        int scale = nearest_int(inverse_scale * scales[s]) & 0xff;
        int min = nearest_int(inverse_min * mins[s]) & 0xff;
        scale = scale > 63 ? 63 : scale;
        min = min > 63 ? 63 : min;
        if (s < 4) {
            packed[s] = (uint8_t)scale;
            packed[s + 4] = (uint8_t)min;
        } else {
            packed[s + 4] = (uint8_t)((scale & 15) | (min & 15) << 4);
            packed[s - 4] |= (uint8_t)(scale >> 4 << 6);
            packed[s] |= (uint8_t)(min >> 4 << 6);
        }
        const float stored = d * (float)scale;
        const vf step = v_set1(stored);
        const vf offset = v_set1(dmin * (float)min);
        const vf inverse = v_set1(fit->inverse[s0 + s]);
        const vf low = v_set1(fit->low[s0 + s]);
        for (int i = 0; i < OFFSET_LENGTH; i += VL) {
            vf v = v_load(x + s * OFFSET_LENGTH + i);
            vf t = stored != 0.0f ? (v + offset) / step : inverse * (v - low);
            v_store_i8(level[s] + i, nearest_upto(t, 15.0f));
        }
    }
    memcpy(y + Q4_K_SCALES, packed, sizeof packed);
    for (int s = 0; s < Q4_K_SUBS; s += 2) {
        for (int i = 0; i < OFFSET_LENGTH; i++) {
            y[Q4_K_QS + s / 2 * OFFSET_LENGTH + i] = (uint8_t)(level[s][i] | level[s + 1][i] << 4);
        }
    }
}

QUERN_INLINE void quantize_q4_k(const float *x, uint8_t *y, int64_t n) {
    /* 16 lanes are the sub-blocks of two blocks: the row's last one may come with a block of zeros */
    enum { BLOCKS = (int)VL > (int)Q4_K_SUBS ? (int)VL / Q4_K_SUBS : 1, SUBS = BLOCKS * Q4_K_SUBS };
    float found[4][SUBS];
    float padded[BLOCKS * QUERN_SUPER];
    const offset_fit fit = {found[0], found[1], found[2], found[3]};
    for (int64_t b = 0; b < n / QUERN_SUPER; b += BLOCKS) {
        const int64_t left = n / QUERN_SUPER - b;
        const int here = left < BLOCKS ? (int)left : BLOCKS;
        const float *in = x + b * QUERN_SUPER;
        if (here < BLOCKS) {
            memset(padded, 0, sizeof padded);
            memcpy(padded, in, (size_t)here * QUERN_SUPER * sizeof *in);
            in = padded;
        }
        for (int s = 0; s < SUBS; s += VL) {
            offset_search(in + s * OFFSET_LENGTH, 15.0f, &fit, s);
        }
        for (int i = 0; i < here; i++) {
            write_block_q4_k(in + i * QUERN_SUPER, &fit, i * Q4_K_SUBS, y + (b + i) * QUERN_Q4_K_BYTES);
        }
    }
}

/* level: (16, 16), 0..63. */
QUERN_INLINE void pack_q6_k(const int8_t *level, uint8_t *y) {
    for (int h = 0; h < 2; h++) {
        const int8_t *q = level + h * 128;
        for (int i = 0; i < 64; i++) {
            y[h * 64 + i] = (uint8_t)((q[i] & 15) | (q[64 + i] & 15) << 4);
        }
        for (int i = 0; i < 32; i++) {
            y[Q6_K_QH + h * 32 + i] =
                (uint8_t)(q[i] >> 4 | q[32 + i] >> 4 << 2 | q[64 + i] >> 4 << 4 | q[96 + i] >> 4 << 6);
        }
    }
}

/* x: (16, 16). */
QUERN_INLINE void quantize_block_q6_k(const float *x, uint8_t *y) {
    float found[3][Q6_K_SUBS];
    const signed_fit fit = {found[0], found[1], found[2]};
    for (int s = 0; s < Q6_K_SUBS; s += VL) {
        signed_search(x + s * SIGNED_LENGTH, 32.0f, &fit, s);
    }
    float extreme = 0.0f;
    for (int s = 0; s < Q6_K_SUBS; s++) {
        extreme = __builtin_fabsf(fit.scale[s]) > __builtin_fabsf(extreme) ? fit.scale[s] : extreme;
    }
    if (__builtin_fabsf(extreme) < 1e-15f) {
        memset(y, 0, QUERN_Q6_K_BYTES);
        return;
    }
    const float inverse = -128.0f / extreme;
    const float d = store_f16(y + Q6_K_D, 1.0f / inverse);
    int8_t level[QUERN_SUPER];
    for (int s = 0; s < Q6_K_SUBS; s++) {
        const int32_t rounded = nearest_int(inverse * fit.scale[s]);
        const int32_t scale = rounded > 127 ? 127 : rounded;
        y[Q6_K_SCALES + s] = (uint8_t)scale;
        const float stored = d * (float)scale;
        const vf step = v_set1(stored);
        const vf searched = v_set1(fit.inverse[s]);
        const vf base = v_set1(stored != 0.0f ? 32.0f : fit.base[s]);
        for (int i = s * SIGNED_LENGTH; i < (s + 1) * SIGNED_LENGTH; i += VL) {
            vf v = v_load(x + i);
            vf t = stored != 0.0f ? v / step : searched * v;
            v_store_i8(level + i, nearest_within(t, -32.0f, 31.0f) + base);
        }
    }
    pack_q6_k(level, y);
}

QUERN_INLINE void quantize_q6_k(const float *x, uint8_t *y, int64_t n) {
    for (int64_t b = 0; b < n / QUERN_SUPER; b++) {
        quantize_block_q6_k(x + b * QUERN_SUPER, y + b * QUERN_Q6_K_BYTES);
    }
}

ROWS(f32_q4_0, { quantize_q4_0((const float *)in, out, k); })

ROWS(f32_q4_k, { quantize_q4_k((const float *)in, out, k); })

ROWS(f32_q6_k, { quantize_q6_k((const float *)in, out, k); })
