/*
 * F32-like products on BF16 tiles: each operand is cut into BF16 terms whose sum it is, and the tiles add up the
 * products of the terms that matter. Terms and their tiles; the loops are in split_product.h.
 *
 * Terms. x = high + middle + low, each the rest rounded to 8 bits of mantissa (half away from zero): three terms hold
 * the 24 bits of an F32, two the 11 bits of an F16, one a BF16; two hold an F32 rounded to 17 bits.
 *
 * Range. The tiles take denormal numbers for zero, and low terms are 2^-24 of x. F32 operands are therefore multiplied
 * by 2^32 before they are cut, and sums divided again: nothing above F32's own denormals is lost. What becomes
 * infinite or NaN that way, or was, makes the sum infinite or NaN, and each such sum is computed again in F32 FMA from
 * the operands themselves: IEEE results, at a fifth of the speed.
 *
 * Order along k. A 32-bit pair of a tile holds the elements p and p + 16 of 32, in both operands: terms are then
 * packed with a shift and an or.
 *
 * Tiles. Left: 16 rows as (steps of 32 along k, terms, 16 rows, 16 pairs). Right: groups of 32 columns of the product
 * as (steps, terms, 2 halves of 16 columns, 16 pairs, 16 columns).
 */
#ifndef QUERN_SPLIT_H
#define QUERN_SPLIT_H

#include "tiles.h"

#define SPLIT_SCALE 0x1p32f

/* The terms of 32 elements of a row: 16 pairs each. */
typedef struct split_row {
    __m512i term[3];
} split_row;

/* v rounded to 8 bits of mantissa. */
QUERN_INLINE vf split_high(vf v) {
    const __m512i half = _mm512_set1_epi32(0x8000);
    const __m512i kept = _mm512_set1_epi32((int)0xffff0000u);
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(v), half), kept));
}

/* The upper halves of a and b as pairs; b's lower half is zero. */
QUERN_INLINE __m512i split_pair(vf a, vf b) {
    return _mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(a), 16), _mm512_castps_si512(b));
}

/* a: elements p..p+15, b: p+16..p+31. exact: the last term is what is left, which has 8 bits. */
QUERN_INLINE split_row split(const int terms, const int exact, vf a, vf b) {
    split_row s;
#pragma GCC unroll 3
    for (int t = 0; t < terms; t++) {
        const int all = exact && t == terms - 1;
        const vf high_a = all ? a : split_high(a);
        const vf high_b = all ? b : split_high(b);
        s.term[t] = split_pair(high_a, high_b);
        a = a - high_a;
        b = b - high_b;
    }
    return s;
}

/* Numbers whose first term would be infinite, infinities and NaN. v is scaled already. */
QUERN_INLINE __mmask16 split_fails(vf v) {
    return _mm512_cmpge_epi32_mask(_mm512_castps_si512(v_abs(v)), _mm512_set1_epi32(0x7f7f8000));
}

/* The lanes' bits, a NaN's as those of the usual one: its upper half alone must be a NaN too. */
QUERN_INLINE __m512i split_bits(vf v) {
    return _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), _mm512_castps_si512(v),
                                   _mm512_set1_epi32(0x7fc00000));
}

/* Of the lanes in fails: a NaN, then the number itself, its upper half and its lower. a and b as they came. */
static __attribute__((noinline)) split_row split_whole(split_row s, vf a, vf b, __mmask16 fails_a, __mmask16 fails_b) {
    const __m512i low = _mm512_set1_epi32(0xffff);
    const __m512i bits_a = split_bits(a);
    const __m512i bits_b = split_bits(b);
    const __m512i lower[3] = {_mm512_set1_epi32(0x7fc0), _mm512_srli_epi32(bits_a, 16), _mm512_and_si512(bits_a, low)};
    const __m512i upper[3] = {_mm512_set1_epi32(0x7fc00000), _mm512_andnot_si512(low, bits_b),
                              _mm512_slli_epi32(bits_b, 16)};
    for (int t = 0; t < 3; t++) {
        const __m512i kept_a = _mm512_and_si512(s.term[t], low);
        const __m512i kept_b = _mm512_andnot_si512(low, s.term[t]);
        s.term[t] = _mm512_or_si512(_mm512_mask_blend_epi32(fails_a, kept_a, lower[t]),
                                    _mm512_mask_blend_epi32(fails_b, kept_b, upper[t]));
    }
    return s;
}

/*
 * Unscaled numbers of a right operand: they can be had back from their terms (split_read). With two terms they are
 * rounded to 17 bits, and cut to BF16 from 2^96 on.
 */
QUERN_INLINE split_row split_right(const int terms, vf a, vf b) {
    const vf scale = v_set1(SPLIT_SCALE);
    const vf scaled_a = a * scale;
    const vf scaled_b = b * scale;
    split_row s = split(terms, terms == 3, scaled_a, scaled_b);
    const __mmask16 fails_a = split_fails(scaled_a);
    const __mmask16 fails_b = split_fails(scaled_b);
    if (__builtin_expect(fails_a | fails_b, 0)) {
        s = split_whole(s, a, b, fails_a, fails_b);
    }
    return s;
}

/* 16 numbers from their terms, each in the upper half of a lane. */
QUERN_INLINE vf split_number(const int terms, const __m512i *term) {
    const vf high = _mm512_castsi512_ps(term[0]);
    const vf middle = _mm512_castsi512_ps(term[1]);
    const vf low = terms == 3 ? _mm512_castsi512_ps(term[2]) : v_zero();
    const __m512i bits = _mm512_or_si512(term[1], terms == 3 ? _mm512_srli_epi32(term[2], 16) : _mm512_setzero_si512());
    const vf sum = (high + (middle + low)) * v_set1(1.0f / SPLIT_SCALE);
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(high, high, _CMP_UNORD_Q), sum, _mm512_castsi512_ps(bits));
}

/* The elements of one column of a group of a right operand: (steps * 32) floats. */
QUERN_INLINE void split_read(const int terms, const uint8_t *group, int64_t column, int64_t steps, float *out) {
    const __m512i rows = _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                            _mm512_set1_epi32(TILE_BYTES));
    const uint8_t *at = group + column / TILE * TILE_SIZE + column % TILE * 4;
    for (int64_t t = 0; t < steps; t++, at += (int64_t)terms * 2 * TILE_SIZE, out += TILE_K) {
        __m512i first[3];
        __m512i second[3];
        for (int j = 0; j < terms; j++) {
            const __m512i pair = _mm512_i32gather_epi32(rows, at + (int64_t)j * 2 * TILE_SIZE, 1);
            first[j] = _mm512_slli_epi32(pair, 16);
            second[j] = _mm512_andnot_si512(_mm512_set1_epi32(0xffff), pair);
        }
        v_store(out, split_number(terms, first));
        v_store(out + VL, split_number(terms, second));
    }
}

/* A right operand's tiles from 16 columns that are contiguous along k, ld bytes apart; n of k's elements, k from p. */
QUERN_INLINE void split_columns(const int terms, const uint8_t *in, int64_t ld, int64_t columns, int64_t p, int64_t n,
                                uint8_t *out) {
    vf t[3][TILE];
    for (int64_t j = 0; j < TILE; j++) {
        vf a = v_zero();
        vf b = v_zero();
        if (j < columns) {
            const float *row = (const float *)(const void *)(in + j * ld) + p;
            a = v_load_upto(row, n);
            b = n > VL ? v_load_upto(row + VL, n - VL) : b;
        }
        const split_row s = split_right(terms, a, b);
        for (int i = 0; i < terms; i++) {
            t[i][j] = _mm512_castsi512_ps(s.term[i]);
        }
    }
    for (int i = 0; i < terms; i++) {
        v_transpose(t[i]);
        for (int j = 0; j < TILE; j++) {
            v_store((float *)(void *)(out + (int64_t)i * 2 * TILE_SIZE + j * TILE_BYTES), t[i][j]);
        }
    }
}

#endif
