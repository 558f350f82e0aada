/*
 * For attention_step.c: how it is cut, and what Q8_0 needs. Scales are converted for a block of keys at once, in vectors. A
 * key of one query is multiplied by its scale once its products are added up, of several queries before; exponentials are
 * multiplied by the scales of values, a vector at a time, so that values need nothing but widening.
 */
#ifndef QUERN_ATTENTION_STEP_H
#define QUERN_ATTENTION_STEP_H

#include "attention.h"
#include "kv.h"

enum {
    BLOCK = 64,                    /* keys */
    ROWS = 4,                      /* of the group at a time */
    AHEAD = 64,                    /* rows of K or V between prefetch and use */
    COLUMNS = VL == 16 ? 4 : 2,    /* vectors of value_dim in registers: no more than two Q8_0 blocks */
    WEIGHTS = BLOCK * ROWS         /* exponentials of a pass */
};

/* Keys whose scores of `rows` rows fill a vector. */
#define STEP(rows) (VL / ((rows) == 3 ? 4 : (rows)))

/* Keys [j0, j0 + n) of a head and their values: rows k_bytes and v_bytes apart. */
typedef struct block {
    const char *k;
    const char *v;
    int64_t k_bytes;
    int64_t v_bytes;
    const float *k_scale; /* (head_dim / 32, BLOCK) of Q8_0 */
    const float *v_scale; /* (value_dim / 32, BLOCK) of Q8_0 */
    int64_t j0;
    int64_t n;
} block;

/* scale: (blocks, BLOCK), those of n rows of Q8_0. */
QUERN_INLINE void load_scales(const char *row, int64_t bytes, int64_t n, int64_t blocks, float *scale) {
    uint16_t half[BLOCK] = {0};
    for (int64_t i = 0; i < blocks; i++) {
        for (int64_t j = 0; j < n; j++) {
            half[j] = load_u16(row + j * bytes + i * QUERN_Q8_0_BYTES);
        }
        for (int64_t j = 0; j < n; j += VL) {
            v_store(scale + i * BLOCK + j, v_load_f16(half + j));
        }
    }
}

/*
 * sum: (rows, step) vectors += q times the Q8_0 keys in row, whose scales of block i are scale[i * BLOCK + key]. A block is
 * scaled after its products are added up if it is met by one query alone, else before.
 */
QUERN_INLINE void dots_q8_0(const float *q, int64_t d, const char **row, const float *scale, int64_t blocks, int rows,
                            vf *sum) {
    enum { VECTORS = QUERN_BLOCK / VL };
    const int step = STEP(rows);
    for (int64_t i = 0; i < blocks; i++) {
        const float *x = q + i * QUERN_BLOCK;
        if (rows == 1) {
#pragma GCC unroll 16
            for (int c = 0; c < step; c++) {
                vf dot = v_zero();
#pragma GCC unroll 8
                for (int h = 0; h < VECTORS; h++) {
                    dot = v_fma(v_load(x + h * VL), kv_load_q8_0(row[c] + i * QUERN_Q8_0_BYTES, h * VL), dot);
                }
                sum[c] = v_fma(dot, v_set1(scale[i * BLOCK + c]), sum[c]);
            }
            continue;
        }
#pragma GCC unroll 8
        for (int h = 0; h < VECTORS; h++) {
#pragma GCC unroll 16
            for (int c = 0; c < step; c++) {
                const vf factor = v_set1(scale[i * BLOCK + c]);
                const vf key = kv_load_q8_0(row[c] + i * QUERN_Q8_0_BYTES, h * VL) * factor;
#pragma GCC unroll 4
                for (int r = 0; r < rows; r++) {
                    sum[r * step + c] = v_fma(v_load(x + r * d + h * VL), key, sum[r * step + c]);
                }
            }
        }
    }
}

/* The first n floats again and again; n is a power of two of at most VL. */
QUERN_INLINE vf v_repeat(const float *p, int n) {
#if defined(QUERN_TIER_AVX512)
    return n == 16 ? v_load(p) : n == 8 ? _mm512_broadcast_f32x8(_mm256_loadu_ps(p)) : _mm512_broadcast_f32x4(_mm_loadu_ps(p));
#else
    vf x;
    for (int i = 0; i < VL; i++) {
        x[i] = p[i % n];
    }
    return x;
#endif
}

/* p, (n / STEP, VL), times the scale of each key. */
QUERN_INLINE void scale_weights(const float *p, const float *scale, int64_t n, int step, float *weights) {
    for (int64_t j = 0; j < n; j += step) {
        const int64_t at = j * (VL / step);
        v_store(weights + at, v_load(p + at) * v_repeat(scale + j, step));
    }
}

#endif
