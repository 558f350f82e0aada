#include "reference.h"

#include <math.h>
#include <string.h>

static uint16_t u16_at(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

const char *format_name(format f) {
    static const char *const names[] = {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k", "q6_k", "q4_1", "q5_0",
                                        "q5_1", "q2_k", "q3_k", "q5_k", "iq4_nl", "iq4_xs", "q8_k"};
    return names[f];
}

int64_t block_length(format f) {
    static const int64_t lengths[] = {1, 1, 1, 32, 32, 256, 256, 32, 32, 32, 256, 256, 256, 32, 256, 256};
    return lengths[f];
}

int64_t row_bytes(format f, int64_t k) {
    static const int64_t bytes[] = {4, 2, 2, 34, 18, 144, 210, 20, 22, 24, 84, 110, 176, 18, 136, 292};
    return k / block_length(f) * bytes[f];
}

double half_value(uint16_t h) {
    const int exponent = h >> 10 & 31;
    const int mantissa = h & 1023;
    double v = exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
    if (exponent == 31) {
        v = mantissa ? NAN : INFINITY;
    }
    return h & 0x8000 ? -v : v;
}

double bf16_value(uint16_t h) {
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* The nearest of the two BF16 neighbours, the even one on a tie. */
uint16_t bf16_of(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    if (x != x) {
        return (uint16_t)(u >> 16 | 0x40);
    }
    const uint32_t low = u & 0xffff;
    uint32_t high = u >> 16;
    if (low > 0x8000 || (low == 0x8000 && (high & 1))) {
        high++;
    }
    return (uint16_t)high;
}

static uint16_t random_scale(random_source *r, int wild) {
    static const uint16_t extreme[] = {0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x8001, 0x2e66, 0xae66};
    const uint64_t bits = next_bits(r);
    if (wild) {
        return extreme[bits % 8];
    }
    return (uint16_t)(0x2000 + bits % 0x0400 + (bits >> 32 & 1) * 0x8000); /* about 0.01 */
}

static void put16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

void random_row(random_source *r, format f, int wild, uint8_t *row, int64_t k) {
    const int64_t bytes = row_bytes(f, k);
    if (f == F32) {
        for (int64_t i = 0; i < k; i++) {
            float v = next_float(r);
            memcpy(row + 4 * i, &v, 4);
        }
        return;
    }
    if (f == F16 || f == BF16) {
        for (int64_t i = 0; i < k; i++) {
            float v = next_float(r);
            uint16_t h = bf16_of(v);
            if (f == F16) {
                h = (uint16_t)(0x2c00 + next_bits(r) % 0x1000 + (v < 0 ? 0x8000 : 0));
                if (wild && i % 5 == 0) {
                    h = (uint16_t)(h & 0x83ff); /* denormal */
                }
            }
            put16(row + 2 * i, h);
        }
        return;
    }
    for (int64_t i = 0; i < bytes; i++) {
        row[i] = (uint8_t)next_bits(r);
    }
    for (int64_t b = 0; b < k / block_length(f); b++) {
        uint8_t *block = row + b * row_bytes(f, block_length(f));
        const int d = f == Q6_K ? 208 : f == Q2_K ? 80 : f == Q3_K ? 108 : 0;
        put16(block + d, random_scale(r, wild));
        if (f == Q4_K || f == Q5_K || f == Q2_K || f == Q4_1 || f == Q5_1) {
            put16(block + d + 2, random_scale(r, wild));
        }
    }
}

static void q4_k_values(const uint8_t *b, double *v) {
    const float d = (float)half_value(u16_at(b));
    const float dmin = (float)half_value(u16_at(b + 2));
    const uint8_t *s = b + 4;
    for (int i = 0; i < 256; i++) {
        const int j = i / 32;
        const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) + 16 * (s[j - 4] >> 6);
        const int min = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) + 16 * (s[j] >> 6);
        const uint8_t packed = b[16 + 32 * (j / 2) + i % 32];
        const int q = j % 2 ? packed >> 4 : packed & 15;
        const float high = d * (float)scale * (float)q;
        const float low = dmin * (float)min;
        v[i] = high - low;
    }
}

/* The 6-bit field j of Q5_K's scales (which 0) or minima (which 1). */
static int six_bits(const uint8_t *s, int j, int which) {
    const int low = j < 4 ? s[j + 4 * which] & 63 : s[j + 4] >> 4 * which & 15;
    return j < 4 ? low : low + 16 * (s[j - 4 + 4 * which] >> 6);
}

/* Element i of a block of 32: its nibble. */
static int nibble(const uint8_t *p, int i) { return p[i % 16] >> (i < 16 ? 0 : 4) & 15; }

static float unpacked_value(format f, const uint8_t *b, int i) {
    static const int code[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    const float d = (float)half_value(u16_at(b));
    const float m = (float)half_value(u16_at(b + 2));
    const int half = i / 128;
    const int run = i / 32;
    const int sub = i / 16;
    float scale;
    float low;
    switch (f) {
        case Q4_1:
            return d * (float)nibble(b + 4, i) + m;
        case Q5_0:
            return d * (float)(nibble(b + 6, i) + 16 * (b[2 + i / 8] >> i % 8 & 1) - 16);
        case Q5_1:
            return d * (float)(nibble(b + 8, i) + 16 * (b[4 + i / 8] >> i % 8 & 1)) + m;
        case Q2_K:
            scale = (float)half_value(u16_at(b + 80)) * (float)(b[sub] & 15);
            low = (float)half_value(u16_at(b + 82)) * (float)(b[sub] >> 4);
            scale *= (float)(b[16 + 32 * half + i % 32] >> 2 * (run % 4) & 3);
            return scale - low;
        case Q3_K: {
            const int six = (b[96 + sub % 8] >> 4 * (sub / 8) & 15) + 16 * (b[104 + sub % 4] >> 2 * (sub / 4) & 3) - 32;
            const int q = (b[32 + 32 * half + i % 32] >> 2 * (run % 4) & 3) + 4 * (b[i % 32] >> run & 1) - 4;
            return (float)half_value(u16_at(b + 108)) * (float)six * (float)q;
        }
        case Q5_K: {
            const int q = (b[48 + 32 * (run / 2) + i % 32] >> 4 * (run % 2) & 15) + 16 * (b[16 + i % 32] >> run & 1);
            scale = d * (float)six_bits(b + 4, run, 0) * (float)q;
            low = m * (float)six_bits(b + 4, run, 1);
            return scale - low;
        }
        case IQ4_NL:
            return d * (float)code[nibble(b + 2, i)];
        default: {
            const int six = (b[4 + run / 2] >> 4 * (run % 2) & 15) + 16 * (u16_at(b + 2) >> 2 * run & 3) - 32;
            return d * (float)six * (float)code[nibble(b + 8 + 16 * run, i % 32)];
        }
    }
}

static void q6_k_values(const uint8_t *b, double *v) {
    const float d = (float)half_value(u16_at(b + 208));
    for (int i = 0; i < 256; i++) {
        const int half = i / 128;
        const int quarter = i % 128 / 32;
        const int l = i % 32;
        const uint8_t low = b[64 * half + l + 32 * (quarter % 2)];
        const int nibble = quarter < 2 ? low & 15 : low >> 4;
        const int pair = b[128 + 32 * half + l] >> (2 * quarter) & 3;
        const int8_t scale = (int8_t)b[192 + i / 16];
        v[i] = d * (float)scale * (float)(nibble + 16 * pair - 32);
    }
}

void row_values(format f, const uint8_t *row, int64_t k, double *values) {
    for (int64_t i = 0; i < k; i += block_length(f)) {
        const uint8_t *b = row + row_bytes(f, i);
        double *v = values + i;
        float x;
        switch (f) {
            case F32:
                memcpy(&x, b, 4);
                v[0] = x;
                break;
            case F16:
                v[0] = half_value(u16_at(b));
                break;
            case BF16:
                v[0] = bf16_value(u16_at(b));
                break;
            case Q8_0:
                for (int j = 0; j < 32; j++) {
                    v[j] = half_value(u16_at(b)) * (int8_t)b[2 + j];
                }
                break;
            case Q4_0:
                for (int j = 0; j < 32; j++) {
                    const uint8_t packed = b[2 + j % 16];
                    v[j] = half_value(u16_at(b)) * ((j < 16 ? packed & 15 : packed >> 4) - 8);
                }
                break;
            case Q4_K:
                q4_k_values(b, v);
                break;
            case Q6_K:
                q6_k_values(b, v);
                break;
            case Q4_1:
            case Q5_0:
            case Q5_1:
            case Q2_K:
            case Q3_K:
            case Q5_K:
            case IQ4_NL:
            case IQ4_XS:
                for (int j = 0; j < block_length(f); j++) {
                    v[j] = unpacked_value(f, b, j);
                }
                break;
            case Q8_K:
                memcpy(&x, b, 4);
                for (int j = 0; j < 256; j++) {
                    v[j] = (double)x * (int8_t)b[4 + j];
                }
                break;
        }
    }
}
