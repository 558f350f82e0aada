/*
 * Rotary embedding of F32 rows.
 *
 *   rope_half         for i in [0, half): (y[i], y[i + half]) = rotate(x[i], x[i + half])
 *   rope_interleaved                      (y[2i], y[2i + 1]) = rotate(x[2i], x[2i + 1])
 *                     rotate(a, b) = (a cos - b sin, a sin + b cos), angle = positions[t] * frequencies[i]; the rest of a
 *                     head is copied. x, y: (tokens, heads, head_dim) without gaps; y may be x. positions: (tokens) I64 if
 *                     wide, else I32; frequencies: (half), 2 half <= head_dim.
 *
 * The angle is the F64 product. Its sine and cosine are worked out in F64 too and rounded once, SPAN pairs at a time, for
 * all heads of a token: Taylor series after the angle has been reduced to [-pi/4, pi/4] by a pi/2 in three pieces of 33
 * bits, so that whole quarters up to 2^20 subtract without error; beyond (a million radians) libm. Plain loops without
 * branches, which compilers turn into vectors: 512 tokens with 12 heads of 64 take one core 57 us (avx512), 130 in the
 * baseline.
 */
#include "quern.h"
#include "simd.h"

#include <math.h>

enum { SPAN = 64 };

static const double LARGEST = 1647099.0; /* 2^20 quarters */

/* Sine and cosine of r in [-pi/4, pi/4], within 2^-52. */
QUERN_INLINE double sine_near_zero(double r) {
    const double z = r * r;
    double s = -1.0 / 1307674368000.0;
    s = s * z + 1.0 / 6227020800.0;
    s = s * z - 1.0 / 39916800.0;
    s = s * z + 1.0 / 362880.0;
    s = s * z - 1.0 / 5040.0;
    s = s * z + 1.0 / 120.0;
    s = s * z - 1.0 / 6.0;
    return r + r * z * s;
}

QUERN_INLINE double cosine_near_zero(double r) {
    const double z = r * r;
    double c = 1.0 / 20922789888000.0;
    c = c * z - 1.0 / 87178291200.0;
    c = c * z + 1.0 / 479001600.0;
    c = c * z - 1.0 / 3628800.0;
    c = c * z + 1.0 / 40320.0;
    c = c * z - 1.0 / 720.0;
    c = c * z + 1.0 / 24.0;
    c = c * z - 0.5;
    return 1.0 + z * c;
}

/* Cosines and sines of n angles of at most LARGEST. */
QUERN_INLINE void turn(double position, const float *frequencies, float *cosine, float *sine, int64_t n) {
    const double to_integer = 0x1.8p52; /* added and taken away, it rounds to an integer */
    for (int64_t i = 0; i < n; i++) {
        const double angle = position * (double)frequencies[i];
        const double quarters = (angle * 0x1.45f306dc9c883p-1 + to_integer) - to_integer;
        const double r = ((angle - quarters * 0x1.921fb544p0) - quarters * 0x1.0b4611a6p-34) - quarters * 0x1.3198a2e037073p-69;
        const double s = sine_near_zero(r);
        const double c = cosine_near_zero(r);
        const int32_t q = (int32_t)quarters;
        const double along = q & 1 ? s : c;
        const double across = q & 1 ? c : s;
        cosine[i] = (float)((q + 1) & 2 ? -along : along);
        sine[i] = (float)(q & 2 ? -across : across);
    }
}

static void turn_far(double position, const float *frequencies, float *cosine, float *sine, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        const double angle = position * (double)frequencies[i];
        cosine[i] = (float)cos(angle);
        sine[i] = (float)sin(angle);
    }
}

/* Whether all angles are within LARGEST; no if one is NaN. */
QUERN_INLINE int is_near(double position, const float *frequencies, int64_t n) {
    int near = 1;
    for (int64_t i = 0; i < n; i++) {
        near &= fabs(position * (double)frequencies[i]) <= LARGEST;
    }
    return near;
}

QUERN_INLINE void rotate_half(const float *x, float *y, const float *cosine, const float *sine, int64_t half, int64_t n) {
    for (int64_t i = 0; i < n; i += VL) {
        const vf a = v_load_upto(x + i, n - i);
        const vf b = v_load_upto(x + half + i, n - i);
        const vf c = v_load_upto(cosine + i, n - i);
        const vf s = v_load_upto(sine + i, n - i);
        v_store_upto(y + i, a * c - b * s, n - i);
        v_store_upto(y + half + i, a * s + b * c, n - i);
    }
}

QUERN_INLINE void rotate_interleaved(const float *x, float *y, const float *cosine, const float *sine, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        const float a = x[2 * i];
        const float b = x[2 * i + 1];
        y[2 * i] = a * cosine[i] - b * sine[i];
        y[2 * i + 1] = a * sine[i] + b * cosine[i];
    }
}

QUERN_INLINE void rope(const float *x, float *y, const void *positions, int64_t wide, const float *frequencies,
                       int64_t tokens, int64_t heads, int64_t head_dim, int64_t half, int interleaved) {
    float cosine[SPAN];
    float sine[SPAN];
    for (int64_t t = 0; t < tokens; t++, x += heads * head_dim, y += heads * head_dim) {
        const double position = wide ? (double)((const int64_t *)positions)[t] : (double)((const int32_t *)positions)[t];
        for (int64_t i = 0; i < half; i += SPAN) {
            const int64_t n = half - i < SPAN ? half - i : SPAN;
            if (is_near(position, frequencies + i, n)) {
                turn(position, frequencies + i, cosine, sine, n);
            } else {
                turn_far(position, frequencies + i, cosine, sine, n);
            }
            for (int64_t h = 0; h < heads * head_dim; h += head_dim) {
                if (interleaved) {
                    rotate_interleaved(x + h + 2 * i, y + h + 2 * i, cosine, sine, n);
                } else {
                    rotate_half(x + h + i, y + h + i, cosine, sine, half, n);
                }
            }
        }
        for (int64_t h = 0; x != y && h < heads * head_dim; h += head_dim) {
            for (int64_t i = 2 * half; i < head_dim; i++) {
                y[h + i] = x[h + i];
            }
        }
    }
}

void QN(rope_half)(const float *x, float *y, const void *positions, int64_t wide, const float *frequencies,
                   int64_t tokens, int64_t heads, int64_t head_dim, int64_t half) {
    rope(x, y, positions, wide, frequencies, tokens, heads, head_dim, half, 0);
}

void QN(rope_interleaved)(const float *x, float *y, const void *positions, int64_t wide, const float *frequencies,
                          int64_t tokens, int64_t heads, int64_t head_dim, int64_t half) {
    rope(x, y, positions, wide, frequencies, tokens, heads, head_dim, half, 1);
}
