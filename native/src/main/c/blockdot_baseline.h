/* blockdot.h in plain C: one accumulator, integer sums exact. */
#ifndef QUERN_BLOCKDOT_BASELINE_H
#define QUERN_BLOCKDOT_BASELINE_H

typedef float va;

QUERN_INLINE va va_zero(void) { return 0.0f; }

QUERN_INLINE float va_sum(va a) { return a; }

QUERN_INLINE float f16_scale(const uint8_t *p) { return f16_to_f32(load_u16(p)); }

QUERN_INLINE va dot_q8_0(va acc, const uint8_t *w, const uint8_t *x) {
    const int8_t *a = (const int8_t *)w + Q8_0_QS;
    const int8_t *b = (const int8_t *)x + Q8_0_QS;
    int32_t sum = 0;
    for (int i = 0; i < QUERN_BLOCK; i++) {
        sum += a[i] * b[i];
    }
    return acc + f16_scale(w) * f16_scale(x) * (float)sum;
}

QUERN_INLINE va dot_q4_0(va acc, const uint8_t *w, const uint8_t *x) {
    const uint8_t *a = w + Q4_0_QS;
    const int8_t *b = (const int8_t *)x + Q8_0_QS;
    int32_t sum = 0;
    for (int i = 0; i < 16; i++) {
        sum += ((a[i] & 15) - 8) * b[i] + ((a[i] >> 4) - 8) * b[i + 16];
    }
    return acc + f16_scale(w) * f16_scale(x) * (float)sum;
}

QUERN_INLINE int32_t sum_of_16(const uint8_t *x, int g) { return (int16_t)load_u16(x + Q8_K_SUMS + 2 * g); }

QUERN_INLINE float q8_k_scale(const uint8_t *x) {
    float d;
    memcpy(&d, x, sizeof d);
    return d;
}

QUERN_INLINE va dot_q4_k(va acc, const uint8_t *w, const uint8_t *x) {
    const float dx = q8_k_scale(x);
    int32_t sum = 0;
    int32_t sum_min = 0;
    for (int j = 0; j < 8; j++) {
        const uint8_t *a = w + Q4_K_QS + 32 * (j / 2);
        const int8_t *b = (const int8_t *)x + Q8_K_QS + 32 * j;
        const int shift = 4 * (j & 1);
        int32_t part = 0;
        for (int i = 0; i < 32; i++) {
            part += ((a[i] >> shift) & 15) * b[i];
        }
        uint8_t scale;
        uint8_t min;
        q4_k_scale_min(w + Q4_K_SCALES, j, &scale, &min);
        sum += scale * part;
        sum_min += min * (sum_of_16(x, 2 * j) + sum_of_16(x, 2 * j + 1));
    }
    return acc + (f16_scale(w) * dx * (float)sum - f16_scale(w + Q4_K_DMIN) * dx * (float)sum_min);
}

QUERN_INLINE va dot_q6_k(va acc, const uint8_t *w, const uint8_t *x) {
    const int8_t *scale = (const int8_t *)w + Q6_K_SCALES;
    int32_t sum = 0;
    for (int h = 0; h < 2; h++) {
        const int8_t *b = (const int8_t *)x + Q8_K_QS + 128 * h;
        int8_t q[128];
        unpack_q6_k_half(w + 64 * h, w + Q6_K_QH + 32 * h, q);
        for (int g = 0; g < 8; g++) {
            int32_t part = 0;
            for (int i = 0; i < 16; i++) {
                part += q[16 * g + i] * b[16 * g + i];
            }
            sum += scale[8 * h + g] * part;
        }
    }
    return acc + f16_scale(w + Q6_K_D) * q8_k_scale(x) * (float)sum;
}

#endif
