/*
 * AMX tiles as products and attention use them: two left operands, two right ones, four sums. Products have the same loops over the
 * same order of operands where there is no AMX (tile_dots.h).
 */
#ifndef QUERN_TILES_H
#define QUERN_TILES_H

#include "simd.h"

enum {
    TILE = 16,        /* rows of a tile */
    TILE_K = 32,      /* BF16 elements along k in a tile row */
    TILE_BYTES = 64,  /* bytes of a tile row */
    TILE_SIZE = 1024, /* bytes of a tile */
    PAIR = 32         /* rows or columns of two tiles */
};

#if defined(QUERN_TIER_AMX)

typedef struct tile_config {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t column_bytes[16];
    uint8_t rows[16];
} tile_config;

/*
 * 0..3: sums (left operand's upper or lower, right one's left or right); 4, 5: left operands; 6, 7: right ones. upper and
 * lower: rows of the left operands, and of the sums.
 */
QUERN_INLINE void configure_rows(int64_t upper, int64_t lower) {
    tile_config config __attribute__((aligned(64)));
    memset(&config, 0, sizeof config);
    config.palette = 1;
    for (int t = 0; t < 8; t++) {
        config.column_bytes[t] = TILE_BYTES;
        config.rows[t] = TILE;
    }
    config.rows[0] = config.rows[1] = config.rows[4] = (uint8_t)upper;
    config.rows[2] = config.rows[3] = config.rows[5] = (uint8_t)lower;
    /* gcc 12 believes that the instruction reads less than 64 bytes and would drop the stores above. */
    __asm__ volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
}

QUERN_INLINE void configure(void) { configure_rows(TILE, TILE); }

/* Tile loads do not tell gcc 12 that they read memory: everything stored so far must be there. */
QUERN_INLINE void fence(void) { __asm__ volatile("" : : : "memory"); }

QUERN_INLINE void release(void) { _tile_release(); }

#else

QUERN_INLINE void configure(void) {}

QUERN_INLINE void release(void) {}

#endif

QUERN_INLINE __m512i narrow_pair(vf low, vf high) { return (__m512i)_mm512_cvtne2ps_pbh(high, low); }

/* Two rows of 16 as pairs of BF16: lane i holds the first's element i, then the second's. */
QUERN_INLINE __m512i narrow_rows(vf first, vf second) {
    const __m512i turns = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20,
                                           4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(turns, narrow_pair(first, second));
}

/* n floats, at most 16; none below 1. */
QUERN_INLINE vf load_some(const float *x, int64_t n) { return n >= VL ? v_load(x) : n > 0 ? v_load_upto(x, n) : v_zero(); }

#endif
