/*
 * y[i, n] = sum over p of x[i, p] * w[n, p] for Q4_0 weights and few rows of Q8_0 activations, AVX-512.
 *
 * Loops: activation rows; pieces of Q4_0_DEPTH elements, their activations laid out once for a whole slice of weights; weight
 * rows four at a time (the streams of matmul_blocks.c); groups of four blocks. A second activation row finds the slice in
 * the second-level cache.
 *
 * A group is 72 bytes, a block to each quarter of a register: one permutation of words brings three blocks together, the
 * fourth is loaded into its place. Nibbles stay unsigned, 8 above their values; -8 times the sum of the activations is what
 * integer sums start from. 14 vector instructions for four blocks, where each block for itself takes 10.
 *
 * One core at 3.3 GHz, k = 2048, GB/s of weights: from the second-level cache 27 (each block for itself 17), from the third
 * 25 (16), and where two cores read 48 MB from there 45 (30).
 */
#ifndef QUERN_BLOCKDOT_Q4_0_AVX512_H
#define QUERN_BLOCKDOT_Q4_0_AVX512_H

enum {
    Q4_0_GROUP = 4,                            /* blocks in a register */
    Q4_0_DEPTH = 16384,                        /* elements laid out at a time: 32 KiB */
    Q4_0_STEP = Q4_0_GROUP * QUERN_Q4_0_BYTES, /* bytes of a group */
    Q4_0_LAST = 3 * QUERN_Q4_0_BYTES + Q4_0_QS /* where its last nibbles start */
};

/* Activations of a group; quarter j belongs to block j. */
typedef struct q4_0_x {
    __m512i low;   /* elements 0 to 15 of each block */
    __m512i high;  /* elements 16 to 31 */
    __m512i start; /* -8 times the sums of those that meet in a lane */
    __m512 scale;
} q4_0_x;

/* x: count blocks of Q8_0; to: (ceil(count / 4)); blocks that are missing are zero. */
QUERN_INLINE void q4_0_lay_out(const uint8_t *x, int64_t count, q4_0_x *to) {
    const __m512i eight = _mm512_set1_epi8(8);
    for (int64_t b = 0; b < count; b += Q4_0_GROUP, to++) {
        memset(to, 0, sizeof *to);
        for (int j = 0; j < Q4_0_GROUP && b + j < count; j++, x += QUERN_Q8_0_BYTES) {
            memcpy((uint8_t *)&to->low + 16 * j, x + Q8_0_QS, 16);
            memcpy((uint8_t *)&to->high + 16 * j, x + Q8_0_QS + 16, 16);
            const __m128 d = _mm_set1_ps(f16_scale(x));
            memcpy((uint8_t *)&to->scale + 16 * j, &d, sizeof d);
        }
        __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), eight, to->low);
        sum = _mm512_dpbusd_epi32(sum, eight, to->high);
        to->start = _mm512_sub_epi32(_mm512_setzero_si512(), sum);
    }
}

/* Where a group's words belong: nibbles of blocks 0 to 2 to their quarters, scales everywhere in theirs. */
typedef struct q4_0_places {
    __m512i nibbles;
    __m512i scales;
} q4_0_places;

QUERN_INLINE q4_0_places q4_0_find_places(void) {
    uint16_t nibbles[32];
    uint16_t scales[32] = {0};
    for (int i = 0; i < 32; i++) {
        nibbles[i] = (uint16_t)(i < 24 ? 9 * (i / 8) + 1 + i % 8 : 0);
        scales[i] = (uint16_t)(9 * (i / 4 % 4));
    }
    return (q4_0_places){_mm512_loadu_si512(nibbles), _mm512_loadu_si512(scales)};
}

/* first: the group's first 64 bytes; last: the nibbles of its last block. */
QUERN_INLINE __m512 q4_0_dot(__m512 acc, __m512i first, __m128i last, const q4_0_x *x, q4_0_places at) {
    const __m512i low4 = _mm512_set1_epi8(15);
    __m512i packed = _mm512_permutexvar_epi16(at.nibbles, first);
    packed = _mm512_mask_broadcast_i32x4(packed, 0xf000, last);
    __m512i sum = _mm512_dpbusd_epi32(x->start, _mm512_and_si512(packed, low4), x->low);
    sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(_mm512_srli_epi16(packed, 4), low4), x->high);
    const __m256i d = _mm512_castsi512_si256(_mm512_permutexvar_epi16(at.scales, first));
    return _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtph_ps(d), x->scale), _mm512_cvtepi32_ps(sum), acc);
}

/* Rows of w are ldw bytes apart, results ly; with add the sums go on. */
QUERN_INLINE void q4_0_rows(const int rows, const uint8_t *w, int64_t ldw, const q4_0_x *x, int64_t blocks, float *y,
                            int64_t ly, int add) {
    const q4_0_places at = q4_0_find_places();
    const __mmask64 rest = ((__mmask64)1 << blocks % Q4_0_GROUP * QUERN_Q4_0_BYTES) - 1;
    __m512 acc[4];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
        acc[r] = _mm512_setzero_ps();
    }
    for (int64_t b = 0; b + Q4_0_GROUP <= blocks; b += Q4_0_GROUP, w += Q4_0_STEP, x++) {
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            const uint8_t *p = w + r * ldw;
            __builtin_prefetch(p + AHEAD);
            __builtin_prefetch(p + AHEAD + 64);
            acc[r] = q4_0_dot(acc[r], _mm512_loadu_si512(p), _mm_loadu_si128((const __m128i *)(p + Q4_0_LAST)), x, at);
        }
    }
    if (rest) {
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            acc[r] = q4_0_dot(acc[r], _mm512_maskz_loadu_epi8(rest, w + r * ldw), _mm_setzero_si128(), x, at);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
        const float sum = _mm512_reduce_add_ps(acc[r]);
        y[r * ly] = add ? y[r * ly] + sum : sum;
    }
}

QUERN_INLINE void q4_0_slice(const uint8_t *x, int64_t ldx, const uint8_t *w, int64_t ldw, float *y, int64_t ldy, int64_t m,
                             int64_t n0, int64_t n1, int64_t k) {
    q4_0_x laid[Q4_0_DEPTH / QUERN_BLOCK / Q4_0_GROUP];
    const int64_t quarter = (n1 - n0) / 4;
    for (int64_t i = 0; i < m; i++, x += ldx, y += ldy) {
        for (int64_t p = 0; p == 0 || p < k; p += Q4_0_DEPTH) { /* k = 0 still stores zeros */
            const int64_t blocks = (k - p < Q4_0_DEPTH ? k - p : Q4_0_DEPTH) / QUERN_BLOCK;
            const uint8_t *wp = w + p / QUERN_BLOCK * QUERN_Q4_0_BYTES;
            q4_0_lay_out(x + p / QUERN_BLOCK * QUERN_Q8_0_BYTES, blocks, laid);
            for (int64_t n = n0; n < n0 + quarter; n++) {
                q4_0_rows(4, wp + n * ldw, quarter * ldw, laid, blocks, y + n, quarter, p > 0);
            }
            for (int64_t n = n0 + 4 * quarter; n < n1; n++) {
                q4_0_rows(1, wp + n * ldw, 0, laid, blocks, y + n, 0, p > 0);
            }
        }
    }
}

#endif
