/* Row conversions of every tier against plain code, bit for bit; operands between forbidden pages. */
#include "reference.h"

#include <math.h>
#include <string.h>

typedef void convert_fn(const void *, int64_t, void *, int64_t, int64_t, int64_t);

typedef struct tier {
    const char *name;
    uint64_t cap;
    convert_fn *f32_q8_0, *f32_q8_k, *f32_bf16, *f32_f16;
    convert_fn *to_f32[Q8_K];
    convert_fn *to_bf16[Q8_K];
} tier;

#define TIER(t, cap)                                                                                                  \
    {#t,                                                                                                              \
     cap,                                                                                                             \
     quern_convert_f32_q8_0_##t,                                                                                      \
     quern_convert_f32_q8_k_##t,                                                                                      \
     quern_convert_f32_bf16_##t,                                                                                      \
     quern_convert_f32_f16_##t,                                                                                       \
     {0, quern_convert_f16_f32_##t, quern_convert_bf16_f32_##t, quern_convert_q8_0_f32_##t, quern_convert_q4_0_f32_##t, \
      quern_convert_q4_k_f32_##t, quern_convert_q6_k_f32_##t, quern_convert_q4_1_f32_##t, quern_convert_q5_0_f32_##t, \
      quern_convert_q5_1_f32_##t, quern_convert_q2_k_f32_##t, quern_convert_q3_k_f32_##t, quern_convert_q5_k_f32_##t, \
      quern_convert_iq4_nl_f32_##t, quern_convert_iq4_xs_f32_##t},                                                        \
     {0, quern_convert_f16_bf16_##t, 0, quern_convert_q8_0_bf16_##t, quern_convert_q4_0_bf16_##t,                     \
      quern_convert_q4_k_bf16_##t, quern_convert_q6_k_bf16_##t}}

static const tier tiers[] = {
    TIER(baseline, QUERN_CAP_BASELINE),
#if defined(__x86_64__)
    TIER(avx2, QUERN_CAP_AVX2),
    TIER(avx512, QUERN_CAP_AVX512),
#endif
};

static const int64_t sizes[] = {0, 1, 3, 15, 16, 17, 31, 33, 63, 64, 65, 127, 255, 257, 4097};

static const float specials[] = {0.0f,     -0.0f,      1.0f,     -1.0f,    0x1p-149f, -0x1p-149f, 0x1.fffffcp-127f,
                                 0x1p-126f, 0x1p-24f,   0x1p-25f, 0x1.8p-24f, 0x1p-14f, 0x1.ffcp-15f, 0x1.ffep-15f, 65504.0f,
                                 65519.99f, 65520.0f,   1e30f,    -3e38f,   INFINITY,  -INFINITY,  NAN,
                                 0x1.008p0f, 0x1.018p0f, 0x1.01p0f, 0x1.03p0f, 0x1.002p0f, 0x1.006p0f, -NAN};

static int same_16(uint16_t a, uint16_t b, int nan_a) {
    return nan_a ? (a & 0x7fff) == (b & 0x7fff) || (a & 0x7c40) == (b & 0x7c40) : a == b;
}

/* F16 of x from the definition: the nearest representable number, ties to even. */
static uint16_t f16_of(float x) {
    if (x != x) {
        return 0x7e00;
    }
    const uint16_t sign = signbit(x) ? 0x8000 : 0;
    const double a = fabs((double)x);
    if (a >= 65520.0) {
        return (uint16_t)(sign | 0x7c00);
    }
    int exponent = a < 0x1p-14 ? -14 : ilogb(a);
    const double q = nearbyint(ldexp(a, 10 - exponent)); /* ties to even: the default rounding */
    uint32_t h = a < 0x1p-14 ? (uint32_t)q : (uint32_t)((exponent + 14) << 10) + (uint32_t)q;
    return (uint16_t)(sign | h);
}

static void check_narrow(const tier *t, int at_end) {
    random_source r = {7};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t n = sizes[s];
        float *x = guarded(n * 4, at_end);
        uint16_t *bf = guarded(n * 2, at_end);
        uint16_t *half = guarded(n * 2, at_end);
        for (int64_t i = 0; i < n; i++) {
            uint32_t u = (uint32_t)next_bits(&r);
            memcpy(x + i, &u, 4);
            if (i % 3 == 0) {
                x[i] = specials[next_bits(&r) % (sizeof specials / sizeof *specials)];
            } else if (i % 3 == 1) {
                x[i] = next_float(&r) * ldexpf(1.0f, (int)(next_bits(&r) % 40) - 26);
            }
        }
        t->f32_bf16(x, 0, bf, 0, 1, n);
        t->f32_f16(x, 0, half, 0, 1, n);
        for (int64_t i = 0; i < n; i++) {
            const int nan = x[i] != x[i];
            CHECK(same_16(bf[i], bf16_of(x[i]), 0), "%s bf16(%a) = %04x", t->name, (double)x[i], bf[i]);
            CHECK(nan ? half_value(half[i]) != half_value(half[i]) : half[i] == f16_of(x[i]), "%s f16(%a) = %04x, not %04x",
                  t->name, (double)x[i], half[i], f16_of(x[i]));
        }
        release_guarded();
    }
}

static void check_widen_all_halves(const tier *t) {
    uint16_t *h = guarded(65536 * 2, 1);
    float *f = guarded(65536 * 4, 1);
    for (int i = 0; i < 65536; i++) {
        h[i] = (uint16_t)i;
    }
    t->to_f32[F16](h, 0, f, 0, 1, 65536);
    for (int i = 0; i < 65536; i++) {
        const double v = half_value(h[i]);
        CHECK(v != v ? f[i] != f[i] : f[i] == (float)v && !signbit(f[i]) == !signbit(v), "%s f16 %04x", t->name, i);
    }
    t->to_f32[BF16](h, 0, f, 0, 1, 65536);
    for (int i = 0; i < 65536; i++) {
        uint32_t u;
        memcpy(&u, f + i, 4);
        CHECK(u == (uint32_t)i << 16, "%s bf16 %04x", t->name, i);
    }
    release_guarded();
}

static void check_dequantise(const tier *t, format f, int wild, int at_end) {
    random_source r = {(uint64_t)f + 11};
    const int64_t length = block_length(f);
    for (int64_t blocks = 0; blocks < 11; blocks++) {
        const int64_t k = length == 1 ? sizes[blocks] : blocks * length;
        const int64_t bytes = row_bytes(f, k);
        uint8_t *x = guarded(3 * bytes, at_end);
        float *y = guarded(3 * k * 4, at_end);
        uint16_t *z = guarded(3 * k * 2, at_end);
        double *v = malloc((size_t)(k + 1) * sizeof *v);
        for (int i = 0; i < 3; i++) {
            random_row(&r, f, wild, x + i * bytes, k);
        }
        t->to_f32[f](x, bytes, y, k * 4, 3, k);
        if (t->to_bf16[f]) {
            t->to_bf16[f](x, bytes, z, k * 2, 3, k);
        }
        for (int i = 0; i < 3; i++) {
            row_values(f, x + i * bytes, k, v);
            for (int64_t p = 0; p < k; p++) {
                const float expected = (float)v[p];
                CHECK(y[i * k + p] == expected, "%s %s element %lld: %a, not %a", t->name, format_name(f), (long long)p,
                      (double)y[i * k + p], (double)expected);
                CHECK(!t->to_bf16[f] || z[i * k + p] == bf16_of(y[i * k + p]), "%s %s to bf16", t->name, format_name(f));
            }
        }
        free(v);
        release_guarded();
    }
}

/* round half away from zero, written out. */
static int round_away(float v) { return (int)(v < 0 ? ceilf(v - 0.5f) : floorf(v + 0.5f)); }

static void check_quantise(const tier *t, int at_end) {
    random_source r = {23};
    enum { K = 1024 };
    float *x = guarded(K * 4, at_end);
    uint8_t *q0 = guarded(K / 32 * 34, at_end);
    uint8_t *qk = guarded(K / 256 * 292, at_end);
    for (int kind = 0; kind < 5; kind++) {
        for (int i = 0; i < K; i++) {
            x[i] = next_float(&r);
            x[i] *= kind == 1 ? 1e-41f : kind == 2 ? 1e6f : kind == 3 ? 1e37f : 1.0f;
            if (kind == 4) {
                x[i] = (float)((int)(next_bits(&r) % 255) - 127) / 2.0f; /* ties */
                x[i] = i % 32 == 0 ? 127.0f : x[i];
            }
        }
        memset(x + 64, 0, 32 * 4);
        x[100] = kind == 0 ? NAN : x[100];
        x[700] = kind == 0 ? -INFINITY : x[700];
        t->f32_q8_0(x, 0, q0, 0, 1, K);
        t->f32_q8_k(x, 0, qk, 0, 1, K);
        for (int b = 0; b < K / 32; b++) {
            const float *v = x + 32 * b;
            const uint8_t *block = q0 + 34 * b;
            const uint16_t d16 = (uint16_t)(block[0] | block[1] << 8);
            float amax = 0;
            int bad = 0;
            for (int i = 0; i < 32; i++) {
                amax = fmaxf(amax, fabsf(v[i]));
                bad |= v[i] != v[i] ? 1 : isfinite(v[i]) ? 0 : 2;
            }
            bad = bad & 1 ? 1 : bad;
            const float d = amax / 127.0f;
            const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
            CHECK(bad == 1 ? d16 == f16_of(NAN) : d16 == f16_of(d), "%s q8_0 scale %04x of %a", t->name, d16,
                  (double)amax);
            for (int i = 0; i < 32; i++) {
                const float scaled = v[i] * inverse;
                const int e = bad || scaled != scaled ? 0 : scaled > 127 ? 127 : scaled < -128 ? -128 : round_away(scaled);
                CHECK((int8_t)block[2 + i] == e, "%s q8_0 of %a / %a: %d, not %d", t->name, (double)v[i], (double)d,
                      (int8_t)block[2 + i], e);
            }
        }
        for (int b = 0; b < K / 256; b++) {
            const float *v = x + 256 * b;
            const uint8_t *block = qk + 292 * b;
            float d;
            float amax = 0;
            int bad = 0;
            memcpy(&d, block, 4);
            for (int i = 0; i < 256; i++) {
                amax = fmaxf(amax, fabsf(v[i]));
                bad |= !isfinite(v[i]);
            }
            CHECK(bad ? d != d : d == amax / 127.0f, "%s q8_k scale", t->name);
            for (int g = 0; g < 16; g++) {
                int sum = 0;
                for (int i = 0; i < 16; i++) {
                    const int8_t q = (int8_t)block[4 + 16 * g + i];
                    sum += q;
                    CHECK(bad || d < 1e-30f || fabsf((float)q * d - v[16 * g + i]) <= 0.5001f * d, "%s q8_k of %a", t->name,
                          (double)v[16 * g + i]);
                    CHECK(q >= -127 && (!bad || q == 0), "%s q8_k %d", t->name, q);
                }
                CHECK((int16_t)(block[260 + 2 * g] | block[261 + 2 * g] << 8) == sum, "%s q8_k sum", t->name);
            }
        }
    }
    release_guarded();
}

int main(void) {
    int64_t cases = 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        const tier *t = &tiers[i];
        if (!has(t->cap)) {
            continue;
        }
        check_widen_all_halves(t);
        for (int at_end = 0; at_end < 2; at_end++) {
            check_narrow(t, at_end);
            check_quantise(t, at_end);
            cases += 2;
            for (format f = F16; f < Q8_K; f++) {
                check_dequantise(t, f, 0, at_end);
                check_dequantise(t, f, 1, at_end);
                cases += 2;
            }
        }
    }
    return finished("convert", cases);
}
