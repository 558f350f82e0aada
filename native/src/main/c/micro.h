/*
 * The F32 register tile that every packed product shares (matmul_f32.c, gemm_f32.c, attention.c):
 *
 *   y[i, 0..NR) (+)= sum over p in [0, kc) of a[i * a_rs + p * a_ks] * b[p, 0..NR),   i in [0, MR)
 *
 *   b: (kc, NR) packed, 64-byte aligned; a: any strides, in elements.
 *
 * Each product is added in the order of p to one accumulator per element, which starts from y when kc is a later
 * piece of a longer sum: an element's bits depend on its row, its column and k, and on nothing else.
 *
 * Tile sizes: 12 x 32 on AVX-512 (24 accumulators + 2 of b out of 32 registers; 14 loads for 24 FMAs, and two loads
 * and two FMAs go per cycle), 6 x 16 on AVX2 (12 + 2 of 16), 6 x 8 in the baseline.
 */
#ifndef QUERN_MICRO_H
#define QUERN_MICRO_H

#include "simd.h"

enum {
    NV = 2,                      /* vectors across a tile */
    NR = NV * VL,                /* columns of a tile */
    MR = VL == 16 ? 12 : 6,      /* rows of a tile */
    KC = 256,                    /* depth of a packed piece: an NR-wide piece is 32 KiB on AVX-512 */
    NC = 256                     /* columns packed at a time: 256 KiB, an eighth of a 2 MiB second-level cache */
};

QUERN_INLINE void tile_rows(const int mr, int64_t kc, const float *a, int64_t a_rs, int64_t a_ks, const float *b,
                            float *y, int64_t ldy, int64_t columns, int accumulate) {
    vf acc[MR][NV];
#pragma GCC unroll 12
    for (int i = 0; i < mr; i++) {
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++) {
            acc[i][j] = v_zero();
            if (accumulate && columns > j * VL) {
                acc[i][j] = v_load_upto(y + i * ldy + j * VL, columns - j * VL);
            }
        }
    }
    for (int64_t p = 0; p < kc; p++) {
        vf b0 = v_load(b + p * NR);
        vf b1 = v_load(b + p * NR + VL);
#pragma GCC unroll 12
        for (int i = 0; i < mr; i++) {
            vf ai = v_set1(a[i * a_rs + p * a_ks]);
            acc[i][0] = v_fma(ai, b0, acc[i][0]);
            acc[i][1] = v_fma(ai, b1, acc[i][1]);
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < mr; i++) {
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++) {
            if (columns > j * VL) {
                v_store_upto(y + i * ldy + j * VL, acc[i][j], columns - j * VL);
            }
        }
    }
}

/* rows in [1, MR], columns in [1, NR]. */
static inline void tile(int rows, int64_t kc, const float *a, int64_t a_rs, int64_t a_ks, const float *b, float *y,
                        int64_t ldy, int64_t columns, int accumulate) {
#define ROWS_CASE(n)                                                                     \
    case n:                                                                              \
        if (n <= MR) {                                                                   \
            tile_rows(n <= MR ? n : 1, kc, a, a_rs, a_ks, b, y, ldy, columns, accumulate); \
        }                                                                                \
        break;
    switch (rows) {
        ROWS_CASE(1)
        ROWS_CASE(2)
        ROWS_CASE(3)
        ROWS_CASE(4)
        ROWS_CASE(5)
        ROWS_CASE(6)
        ROWS_CASE(7)
        ROWS_CASE(8)
        ROWS_CASE(9)
        ROWS_CASE(10)
        ROWS_CASE(11)
        ROWS_CASE(12)
        default:
            break;
    }
#undef ROWS_CASE
}

/* b[p, j] = rows[j * ld + p] for p in [0, kc), j in [0, NR): packs NR rows of kc floats as columns, VL x VL at a time. */
static inline void pack_transposed(const float *rows, int64_t ld, int64_t kc, float *b) {
    int64_t p = 0;
    for (; p + VL <= kc; p += VL) {
        for (int j = 0; j < NV; j++) {
            vf t[VL];
            for (int i = 0; i < VL; i++) {
                t[i] = v_load(rows + (j * VL + i) * ld + p);
            }
            v_transpose(t);
            for (int i = 0; i < VL; i++) {
                v_store(b + (p + i) * NR + j * VL, t[i]);
            }
        }
    }
    for (; p < kc; p++) {
        for (int j = 0; j < NR; j++) {
            b[p * NR + j] = rows[j * ld + p];
        }
    }
}

#endif
