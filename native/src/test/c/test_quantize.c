/*
 * Quantisers of weights in every tier against plain code, one sub-block at a time and with branches, byte for byte;
 * operands between forbidden pages.
 */
#include "reference.h"

#include <math.h>
#include <string.h>

typedef void convert_fn(const void *, int64_t, void *, int64_t, int64_t, int64_t);

#define TIER(t, cap) {#t, cap, {quern_convert_f32_q4_0_##t, quern_convert_f32_q4_k_##t, quern_convert_f32_q6_k_##t}}

static const struct tier {
    const char *name;
    uint64_t cap;
    convert_fn *to[3];
} tiers[] = {
    TIER(baseline, QUERN_CAP_BASELINE),
#if defined(__x86_64__)
    TIER(avx2, QUERN_CAP_AVX2),
    TIER(avx512, QUERN_CAP_AVX512),
#endif
};

/* F16 of x from the definition, one NaN for all. */
static uint16_t half_of(float x) {
    if (x != x) {
        return 0x7e00;
    }
    const double a = fabs((double)x);
    const int exponent = a < 0x1p-14 ? -14 : a < 0x1p17 ? ilogb(a) : 17;
    const double q = nearbyint(ldexp(a, 10 - exponent));
    const uint32_t h = a < 0x1p-14 ? (uint32_t)q : a >= 65520.0 ? 0x7c00u : (uint32_t)((exponent + 14) << 10) + (uint32_t)q;
    return (uint16_t)((signbit(x) ? 0x8000u : 0u) | h);
}

static float put_half(uint8_t *to, float x) {
    const uint16_t h = half_of(x);
    to[0] = (uint8_t)h;
    to[1] = (uint8_t)(h >> 8);
    return (float)half_value(h);
}

static int nearest(float x, int low, int high) {
    if (x != x) {
        return 0;
    }
    const double r = nearbyint((double)x);
    return r < low ? low : r > high ? high : (int)r;
}

static void plain_q4_0(const float *x, uint8_t *y) {
    float e = 0;
    for (int i = 0; i < 32; i++) {
        e = fabsf(x[i]) > fabsf(e) ? x[i] : e;
    }
    const float d = e / -8;
    const float inverse = d == 0 ? 0 : 1 / d;
    put_half(y, d);
    for (int i = 0; i < 32; i++) {
        const float t = x[i] * inverse + 8.5f;
        const int q = !(t > 0) ? 0 : t >= 15 ? 15 : (int)t;
        y[2 + i % 16] = (uint8_t)(i < 16 ? q : y[2 + i % 16] | q << 4);
    }
}

static float offset_error(const float *x, const int *l, float scale, float low, float rms) {
    float e = 0;
    for (int i = 0; i < 32; i++) {
        const float d = scale * (float)l[i] + low - x[i];
        e += (rms + fabsf(x[i])) * (d * d);
    }
    return e;
}

static float plain_offset(const float *x, int *levels, float *min) {
    float squares = 0;
    float low = x[0];
    float high = x[0];
    float sum_w = 0;
    float sum_x = 0;
    int nan = 0;
    for (int i = 0; i < 32; i++) {
        squares += x[i] * x[i];
        nan |= x[i] != x[i];
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    const float rms = sqrtf(squares / 32);
    for (int i = 0; i < 32; i++) {
        const float w = rms + fabsf(x[i]);
        sum_w += w;
        sum_x += w * x[i];
    }
    low = nan ? NAN : low > 0 ? 0 : low;
    memset(levels, 0, 32 * sizeof *levels);
    *min = -low;
    if (high == low) {
        return 0;
    }
    const float widest = 15 / (high - low);
    float scale = 1 / widest;
    for (int i = 0; i < 32; i++) {
        levels[i] = nearest(widest * (x[i] - low), 0, 15);
    }
    float error = offset_error(x, levels, scale, low, rms);
    for (int step = 0; step <= 20; step++) {
        const float inverse = (-1 + 0.1f * (float)step + 15) / (high - low);
        int l[32];
        float l1 = 0;
        float l2 = 0;
        float xl = 0;
        for (int i = 0; i < 32; i++) {
            const float w = rms + fabsf(x[i]);
            l[i] = nearest(inverse * (x[i] - low), 0, 15);
            l1 += w * (float)l[i];
            l2 += w * (float)l[i] * (float)l[i];
            xl += w * (float)l[i] * x[i];
        }
        const float determinant = sum_w * l2 - l1 * l1;
        if (!(determinant > 0)) {
            continue;
        }
        float s = (sum_w * xl - sum_x * l1) / determinant;
        float m = (l2 * sum_x - l1 * xl) / determinant;
        if (m > 0) {
            m = 0;
            s = xl / l2;
        }
        const float e = offset_error(x, l, s, m, rms);
        if (e < error) {
            memcpy(levels, l, sizeof l);
            error = e;
            scale = s;
            low = m;
        }
    }
    *min = -low;
    return scale;
}

static int six_bits(float x) {
    const int byte = nearest(x, INT32_MIN, INT32_MAX) & 255;
    return byte > 63 ? 63 : byte;
}

static void plain_q4_k(const float *x, uint8_t *y) {
    int level[8][32];
    float scale[8];
    float min[8];
    float most_scale = 0;
    float most_min = 0;
    int nan_scale = 0;
    int nan_min = 0;
    for (int s = 0; s < 8; s++) {
        scale[s] = plain_offset(x + 32 * s, level[s], &min[s]);
        nan_scale |= scale[s] != scale[s];
        nan_min |= min[s] != min[s];
        most_scale = fmaxf(most_scale, scale[s]);
        most_min = fmaxf(most_min, min[s]);
    }
    most_scale = nan_scale ? NAN : most_scale;
    most_min = nan_min ? NAN : most_min;
    const float d = put_half(y, most_scale / 63);
    const float dmin = put_half(y + 2, most_min / 63);
    uint8_t a[8];
    uint8_t b[8];
    for (int s = 0; s < 8; s++) {
        a[s] = (uint8_t)six_bits((most_scale > 0 ? 63 / most_scale : 0) * scale[s]);
        b[s] = (uint8_t)six_bits((most_min > 0 ? 63 / most_min : 0) * min[s]);
        const float stored = d * (float)a[s];
        for (int i = 0; stored != 0 && i < 32; i++) {
            level[s][i] = nearest((x[32 * s + i] + dmin * (float)b[s]) / stored, 0, 15);
        }
        for (int i = 0; i < 32; i++) {
            uint8_t *q = y + 16 + s / 2 * 32 + i;
            *q = (uint8_t)(s % 2 ? *q | level[s][i] << 4 : level[s][i]);
        }
    }
    for (int s = 0; s < 4; s++) {
        y[4 + s] = (uint8_t)(a[s] | a[s + 4] >> 4 << 6);
        y[8 + s] = (uint8_t)(b[s] | b[s + 4] >> 4 << 6);
        y[12 + s] = (uint8_t)((a[s + 4] & 15) | b[s + 4] << 4);
    }
}

static float plain_signed(const float *x, int *levels) {
    float e = 0;
    for (int i = 0; i < 16; i++) {
        e = fabsf(x[i]) > fabsf(e) ? x[i] : e;
    }
    memset(levels, 0, 16 * sizeof *levels);
    if (fabsf(e) < 1e-15f) {
        return 0;
    }
    float scale = 0;
    float best = 0;
    for (int k = -1; k <= 18; k++) {
        const int step = k < 0 ? 0 : k - 9;
        if (k == 9) {
            continue; /* the unshifted grid again: it was first */
        }
        const float inverse = -(32 + 0.1f * (float)step) / e;
        int l[16];
        float xl = 0;
        float ll = 0;
        for (int i = 0; i < 16; i++) {
            l[i] = nearest(inverse * x[i], -32, 31);
            const float w = x[i] * x[i];
            xl += w * x[i] * (float)l[i];
            ll += w * (float)l[i] * (float)l[i];
        }
        if (k < 0 || (ll > 0 && xl * xl > best * ll)) {
            scale = ll == 0 ? 0 : xl / ll;
            best = scale * xl;
            for (int i = 0; i < 16; i++) {
                levels[i] = l[i] + 32;
            }
        }
    }
    return scale;
}

static void plain_q6_k(const float *x, uint8_t *y) {
    int level[256];
    float scale[16];
    float e = 0;
    memset(y, 0, 210);
    for (int s = 0; s < 16; s++) {
        scale[s] = plain_signed(x + 16 * s, level + 16 * s);
        e = fabsf(scale[s]) > fabsf(e) ? scale[s] : e;
    }
    if (fabsf(e) < 1e-15f) {
        return;
    }
    const float inverse = -128 / e;
    const float d = put_half(y + 208, 1 / inverse);
    for (int i = 0; i < 256; i++) {
        const int rounded = nearest(inverse * scale[i / 16], -128, 127);
        const float stored = d * (float)rounded;
        y[192 + i / 16] = (uint8_t)rounded;
        level[i] = stored != 0 ? nearest(x[i] / stored, -32, 31) + 32 : level[i];
        y[i / 128 * 64 + i % 64] |= (uint8_t)((level[i] & 15) << (i / 64 % 2 * 4));
        y[128 + i / 128 * 32 + i % 32] |= (uint8_t)(level[i] >> 4 << (i / 32 % 4 * 2));
    }
}

enum { KINDS = 16 };

static float sample(random_source *r, int kind, float fixed) {
    const float g = next_float(r);
    const uint64_t u = next_bits(r);
    const float sign = u & 1 ? 1.0f : -1.0f;
    const uint32_t bits = (uint32_t)(u >> 32);
    float any;
    memcpy(&any, &bits, 4);
    switch (kind) {
    case 0: return g;
    case 1: return g / (next_float(r) + 1e-3f);
    case 2: return fabsf(g);
    case 3: return -fabsf(g) - 0.1f;
    case 4: return 3 + 0.1f * g;
    case 5: return u % 20 == 0 ? g : 0.0f * sign;
    case 6: return fixed;
    case 7: return fixed * sign;
    case 8: return (float)((int)(bits % 17) - 8) / 2;
    case 9: return 1e-15f * g;
    case 10: return 1e-41f * g;
    case 11: return 3e-23f * g;
    case 12: return 3e12f * g * (u % 9 == 0 ? 1e7f : 1);
    case 13: return 1e38f * g;
    case 14: return any; /* every sixtieth or so not finite */
    default: return u % 60 ? g : u & 64 ? NAN : INFINITY * sign;
    }
}

static void check(const struct tier *t, int format, int at_end) {
    static const struct {
        const char *name;
        int length;
        int bytes;
        void (*plain)(const float *, uint8_t *);
    } formats[] = {{"q4_0", 32, 18, plain_q4_0}, {"q4_k", 256, 144, plain_q4_k}, {"q6_k", 256, 210, plain_q6_k}};
    const int length = formats[format].length;
    const int bytes = formats[format].bytes;
    random_source r = {(uint64_t)format + 31};
    for (int kind = 0; kind < KINDS; kind++) {
        for (int blocks = 0; blocks <= 5; blocks++) {
            enum { ROWS = 3 };
            float *x = guarded((int64_t)ROWS * blocks * length * 4, at_end);
            uint8_t *y = guarded((int64_t)ROWS * blocks * bytes, at_end);
            float fixed = 1.0f;
            for (int i = 0; i < ROWS * blocks * length; i++) {
                fixed = i % 128 == 0 ? next_float(&r) : fixed;
                x[i] = sample(&r, kind, fixed);
            }
            t->to[format](x, (int64_t)blocks * length * 4, y, (int64_t)blocks * bytes, ROWS, (int64_t)blocks * length);
            for (int b = 0; b < ROWS * blocks; b++) {
                uint8_t expected[210];
                formats[format].plain(x + b * length, expected);
                for (int i = 0; i < bytes; i++) {
                    CHECK(y[b * bytes + i] == expected[i], "%s %s kind %d block %d byte %d: %02x, not %02x", t->name,
                          formats[format].name, kind, b, i, y[b * bytes + i], expected[i]);
                }
            }
            release_guarded();
        }
    }
}

int main(void) {
    int64_t cases = 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        for (int format = 0; has(tiers[i].cap) && format < 3; format++) {
            check(&tiers[i], format, 0);
            check(&tiers[i], format, 1);
            cases += 2;
        }
    }
    return finished("quantize", cases);
}
