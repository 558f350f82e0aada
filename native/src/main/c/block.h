/*
 * The stored formats: block layouts (the GGUF format specification) and scalar conversions of the 16-bit floats.
 * Everything here is byte-exact: blocks may start at any address, so fields are read through memcpy or as bytes.
 */
#ifndef QUERN_BLOCK_H
#define QUERN_BLOCK_H

#include <stdint.h>
#include <string.h>

/*
 * Kernels are specialised by inlining them with constant arguments. The sanitizers multiply that code, so their builds leave it to
 * the compiler: the same checks of the same statements, in a tenth of the time.
 */
#if defined(QUERN_SANITIZED)
#define QUERN_INLINE static inline
#else
#define QUERN_INLINE static inline __attribute__((always_inline))
#endif

enum {
    QUERN_BLOCK = 32,        /* elements of a Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 or IQ4_NL block */
    QUERN_SUPER = 256,       /* elements of a Q8_K, Q..._K or IQ4_XS block */
    QUERN_Q8_0_BYTES = 34,   /* f16 d; int8 q[32] */
    QUERN_Q4_0_BYTES = 18,   /* f16 d; 16 bytes: low nibbles are elements 0..15, high nibbles 16..31 */
    QUERN_Q4_K_BYTES = 144,  /* f16 d, dmin; 12 bytes of 6-bit scales and minima; 128 bytes of nibbles */
    QUERN_Q6_K_BYTES = 210,  /* 128 bytes low nibbles; 64 bytes high pairs; int8 scale[16]; f16 d */
    QUERN_Q4_1_BYTES = 20,   /* f16 d, m; nibbles as in Q4_0 */
    QUERN_Q5_0_BYTES = 22,   /* f16 d; 4 bytes of fifth bits, bit i for element i; nibbles */
    QUERN_Q5_1_BYTES = 24,   /* f16 d, m; fifth bits; nibbles */
    QUERN_Q2_K_BYTES = 84,   /* 16 bytes of scale (low nibble) and minimum; 64 bytes of pairs; f16 d, dmin */
    QUERN_Q3_K_BYTES = 110,  /* 32 bytes of upper bits; 64 bytes of pairs; 12 bytes of 6-bit scales; f16 d */
    QUERN_Q5_K_BYTES = 176,  /* as Q4_K, with 32 bytes of fifth bits before the nibbles */
    QUERN_IQ4_NL_BYTES = 18, /* as Q4_0, nibbles are indices */
    QUERN_IQ4_XS_BYTES = 136, /* f16 d; 16 bits of upper scale pairs; 4 bytes of scale nibbles; 8 x 16 bytes of indices */
    QUERN_Q8_K_BYTES = 292   /* f32 d; int8 q[256]; int16 sum of each 16: activations only, never stored */
};

/* Offsets of fields inside a block. */
enum {
    Q8_0_QS = 2,
    Q4_0_QS = 2,
    Q4_K_DMIN = 2,
    Q4_K_SCALES = 4,
    Q4_K_QS = 16,
    Q6_K_QH = 128,
    Q6_K_SCALES = 192,
    Q6_K_D = 208,
    Q4_1_QS = 4,
    Q5_0_QH = 2,
    Q5_0_QS = 6,
    Q5_1_QH = 4,
    Q5_1_QS = 8,
    Q2_K_QS = 16,
    Q2_K_D = 80,
    Q2_K_DMIN = 82,
    Q3_K_QS = 32,
    Q3_K_SCALES = 96,
    Q3_K_D = 108,
    Q5_K_QH = 16,
    Q5_K_QS = 48,
    IQ4_XS_HIGH = 2,
    IQ4_XS_LOW = 4,
    IQ4_XS_QS = 8,
    Q8_K_QS = 4,
    Q8_K_SUMS = 260
};

/* The one NaN that quantisers write: which NaN an operation gives is not the same on every machine. */
enum { QUERN_F16_NAN = 0x7e00 };

QUERN_INLINE uint16_t load_u16(const void *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

QUERN_INLINE uint32_t load_u32(const void *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

QUERN_INLINE float bits_to_f32(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

QUERN_INLINE uint32_t f32_to_bits(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* IEEE binary16 to binary32, exact; a NaN keeps its payload and becomes quiet. */
QUERN_INLINE float f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    uint32_t exponent = (h >> 10) & 0x1fu;
    uint32_t mantissa = h & 0x3ffu;
    if (exponent == 0) {
        /* Zero or denormal: mantissa * 2^-24 is exact in binary32. */
        float v = (float)mantissa * 0x1p-24f;
        return bits_to_f32(f32_to_bits(v) | sign);
    }
    if (exponent == 31) {
        uint32_t quiet = mantissa ? 0x400000u : 0u;
        return bits_to_f32(sign | 0x7f800000u | quiet | mantissa << 13);
    }
    return bits_to_f32(sign | (exponent + 112u) << 23 | mantissa << 13);
}

/* IEEE binary32 to binary16, round to nearest even; a NaN stays a (quiet) NaN. */
QUERN_INLINE uint16_t f32_to_f16(float f) {
    uint32_t u = f32_to_bits(f);
    uint32_t sign = (u >> 16) & 0x8000u;
    uint32_t a = u & 0x7fffffffu;
    if (a > 0x7f800000u) {
        return (uint16_t)(sign | 0x7e00u | ((a >> 13) & 0x3ffu));
    }
    if (a >= 0x477ff000u) { /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    }
    if (a < 0x38800000u) { /* below 2^-14: the sum with 0.5 rounds to a multiple of 2^-24 */
        float v = bits_to_f32(a) + 0.5f;
        return (uint16_t)(sign | (f32_to_bits(v) - 0x3f000000u));
    }
    uint32_t rounded = a + 0xfffu + ((a >> 13) & 1u);
    return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
}

QUERN_INLINE float bf16_to_f32(uint16_t h) { return bits_to_f32((uint32_t)h << 16); }

/* Round to nearest even; a NaN stays a (quiet) NaN. */
QUERN_INLINE uint16_t f32_to_bf16(float f) {
    uint32_t u = f32_to_bits(f);
    uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    uint32_t nan = (u >> 16) | 0x40u;
    return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

/* 6-bit scale and minimum of sub-block j (0..7) of a Q4_K block; q is its 12-byte scale field. */
QUERN_INLINE void q4_k_scale_min(const uint8_t *q, int j, uint8_t *scale, uint8_t *min) {
    if (j < 4) {
        *scale = q[j] & 63;
        *min = q[j + 4] & 63;
    } else {
        *scale = (uint8_t)((q[j + 4] & 15) | (q[j - 4] >> 6) << 4);
        *min = (uint8_t)((q[j + 4] >> 4) | (q[j] >> 6) << 4);
    }
}

#endif
