/*
 * exp within 2 ulp over every 2111th float of its range, its limits exactly; sigmoid, silu and gelu against F64 on a
 * dense grid.
 */
#include "support.h"

#include <math.h>
#include <string.h>

typedef void unary_fn(const void *, void *, int64_t, int64_t, int64_t);

static const struct tier {
    const char *name;
    uint64_t cap;
    unary_fn *exp, *sigmoid, *silu, *gelu_tanh, *gelu_erf;
} tiers[] = {
    {"baseline", QUERN_CAP_BASELINE, quern_map_exp_baseline, quern_map_sigmoid_baseline, quern_map_silu_baseline, quern_map_gelu_tanh_baseline,
     quern_map_gelu_erf_baseline},
#if defined(__x86_64__)
    {"avx2", QUERN_CAP_AVX2, quern_map_exp_avx2, quern_map_sigmoid_avx2, quern_map_silu_avx2, quern_map_gelu_tanh_avx2, quern_map_gelu_erf_avx2},
    {"avx512", QUERN_CAP_AVX512, quern_map_exp_avx512, quern_map_sigmoid_avx512, quern_map_silu_avx512, quern_map_gelu_tanh_avx512,
     quern_map_gelu_erf_avx512},
#endif
};

enum { PIECE = 4096 };

static double ulp(double v) {
    const double a = fabs(v);
    return a < 0x1p-126 ? 0x1p-149 : ldexp(1.0, ilogb(a) - 23);
}

static double check_exp(const struct tier *t) {
    static float x[PIECE];
    static float y[PIECE];
    double worst = 0;
    for (int sign = 0; sign < 2; sign++) {
        uint32_t bits = sign ? 0x80000000u : 0;
        const uint32_t end = sign ? 0xc2d20000u : 0x42b17217u; /* -105, log of the largest float */
        while (bits < end) {
            for (int i = 0; i < PIECE; i++) {
                const uint32_t u = bits < end ? bits : end;
                memcpy(x + i, &u, 4);
                bits += 2111;
            }
            t->exp(x, y, PIECE, QUERN_F32, QUERN_NEAR);
            for (int i = 0; i < PIECE; i++) {
                const double e = exp(x[i]);
                const double error = fabs(y[i] - e) / ulp(e);
                worst = error > worst ? error : worst;
                CHECK(error <= 2.0, "%s exp(%a) = %a, not %a: %.2f ulp", t->name, (double)x[i], (double)y[i], e, error);
            }
        }
    }
    float limits[] = {0.0f, -0.0f, INFINITY, -INFINITY, 1000.0f, -1000.0f, 89.0f, NAN, 0x1p-149f, -1e38f, 1e38f};
    t->exp(limits, y, 11, QUERN_F32, QUERN_NEAR);
    CHECK(y[0] == 1 && y[1] == 1 && y[2] == INFINITY && y[3] == 0 && y[4] == INFINITY && y[5] == 0 && y[6] == INFINITY &&
              y[7] != y[7] && y[8] == 1 && y[9] == 0 && y[10] == INFINITY,
          "%s limits of exp", t->name);
    return worst;
}

static double check_unary(const struct tier *t, unary_fn *run, int kind) {
    static float x[PIECE];
    static float y[PIECE];
    double worst = 0;
    for (int piece = 0; piece < 64; piece++) {
        for (int i = 0; i < PIECE; i++) {
            x[i] = (float)(piece * PIECE + i - 32 * PIECE) / (float)(32 * PIECE) * 15.0f;
        }
        run(x, y, PIECE, QUERN_F32, QUERN_NEAR);
        for (int i = 0; i < PIECE; i++) {
            const double v = x[i];
            const double e = kind == 0   ? 1 / (1 + exp(-v))
                             : kind == 1 ? v / (1 + exp(-v))
                             : kind == 2 ? v / 2 * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (v + 0.044715 * v * v * v)))
                                         : v / 2 * erfc(-v / sqrt(2.0));
            const double error = fabs(y[i] - e) / (fabs(v) + 1);
            worst = error > worst ? error : worst;
            CHECK(error <= 2e-7, "%s function %d of %a = %a, not %a", t->name, kind, v, (double)y[i], e);
        }
    }
    return worst;
}

int main(void) {
    int64_t cases = 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        const struct tier *t = &tiers[i];
        if (!has(t->cap)) {
            continue;
        }
        const double worst = check_exp(t);
        const double e0 = check_unary(t, t->sigmoid, 0);
        const double e1 = check_unary(t, t->silu, 1);
        const double e2 = check_unary(t, t->gelu_tanh, 2);
        const double e3 = check_unary(t, t->gelu_erf, 3);
        printf("%s: exp %.2f ulp; sigmoid, silu, gelu (tanh, erf): %.1e %.1e %.1e %.1e\n", t->name, worst, e0, e1, e2, e3);
        cases += 5;
    }
    return finished("math", cases);
}
