/* simd.h for any processor: GCC/Clang vector extension, 128 bits (SSE2 on x86-64, NEON on AArch64). */
#ifndef QUERN_SIMD_BASELINE_H
#define QUERN_SIMD_BASELINE_H

enum { VL = 4 };
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));

QUERN_INLINE vf v_set1(float x) { return (vf){x, x, x, x}; }

QUERN_INLINE vf v_load(const float *p) {
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

QUERN_INLINE void v_store(float *p, vf v) { memcpy(p, &v, sizeof v); }

QUERN_INLINE vf v_load_n(const float *p, int n) {
    return (vf){p[0], n > 1 ? p[1] : 0.0f, n > 2 ? p[2] : 0.0f, 0.0f};
}

QUERN_INLINE void v_store_n(float *p, vf v, int n) {
    p[0] = v[0];
    if (n > 1) {
        p[1] = v[1];
    }
    if (n > 2) {
        p[2] = v[2];
    }
}

QUERN_INLINE vf v_fma(vf a, vf b, vf c) { return a * b + c; }

QUERN_INLINE vf v_select(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }

QUERN_INLINE vf v_max(vf a, vf b) { return v_select(a > b, a, b); }

QUERN_INLINE vf v_min(vf a, vf b) { return v_select(a < b, a, b); }

/* Lanes where a < b take yes, the others (NaN too) no. */
QUERN_INLINE vf v_if_less(vf a, vf b, vf yes, vf no) { return v_select(a < b, yes, no); }

QUERN_INLINE vf v_abs(vf a) { return (vf)((vi)a & 0x7fffffff); }

QUERN_INLINE vf v_sqrt(vf a) {
    return (vf){__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]), __builtin_sqrtf(a[3])};
}

QUERN_INLINE float v_sum(vf v) { return (v[0] + v[2]) + (v[1] + v[3]); }

QUERN_INLINE float v_hmax(vf v) {
    float a = v[0] > v[2] ? v[0] : v[2];
    float b = v[1] > v[3] ? v[1] : v[3];
    return a > b ? a : b;
}

/* Nearest integer, ties to even; |a| < 2^22. */
QUERN_INLINE vf v_round(vf a) {
    const vf magic = v_set1(0x1.8p23f);
    return (a + magic) - magic;
}

/* p * 2^n for integral n in [-252, 254]; 1 <= |p| < 4: two factors, so that the last multiplication alone rounds. */
QUERN_INLINE vf v_scale2(vf p, vf n) {
    vi k = __builtin_convertvector(n, vi);
    vi h = k >> 1;
    vf first = (vf)((h + 127) << 23);
    vf second = (vf)((k - h + 127) << 23);
    return p * first * second;
}

QUERN_INLINE vf v_load_f16(const uint16_t *p) {
    return (vf){f16_to_f32(p[0]), f16_to_f32(p[1]), f16_to_f32(p[2]), f16_to_f32(p[3])};
}

QUERN_INLINE vf v_load_bf16(const uint16_t *p) {
    return (vf){bf16_to_f32(p[0]), bf16_to_f32(p[1]), bf16_to_f32(p[2]), bf16_to_f32(p[3])};
}

QUERN_INLINE void v_store_f16(uint16_t *p, vf v) {
    for (int i = 0; i < 4; i++) {
        p[i] = f32_to_f16(v[i]);
    }
}

QUERN_INLINE void v_store_bf16(uint16_t *p, vf v) {
    for (int i = 0; i < 4; i++) {
        p[i] = f32_to_bf16(v[i]);
    }
}

QUERN_INLINE void v_stream(float *p, vf v) { v_store(p, v); }

QUERN_INLINE void v_stream_end(void) {}

QUERN_INLINE void v_load_bf16_pair(const uint16_t *p, vf *even, vf *odd) {
    *even = (vf){bf16_to_f32(p[0]), bf16_to_f32(p[2]), bf16_to_f32(p[4]), bf16_to_f32(p[6])};
    *odd = (vf){bf16_to_f32(p[1]), bf16_to_f32(p[3]), bf16_to_f32(p[5]), bf16_to_f32(p[7])};
}

QUERN_INLINE void v_store_bf16_pair(uint16_t *p, vf even, vf odd, int stream) {
    (void)stream;
    for (int i = 0; i < VL; i++) {
        p[2 * i] = f32_to_bf16(even[i]);
        p[2 * i + 1] = f32_to_bf16(odd[i]);
    }
}

QUERN_INLINE void v_store_f16_pair(uint16_t *p, vf low, vf high, int stream) {
    (void)stream;
    v_store_f16(p, low);
    v_store_f16(p + VL, high);
}

QUERN_INLINE vf v_reciprocal(vf a) { return v_set1(1.0f) / a; }

QUERN_INLINE vf v_load_i8(const int8_t *p) { return (vf){p[0], p[1], p[2], p[3]}; }

/* Lanes truncated to int8; |v| <= 127. */
QUERN_INLINE void v_store_i8(int8_t *p, vf v) {
    for (int i = 0; i < 4; i++) {
        p[i] = (int8_t)v[i];
    }
}

/* a with the sign of b; a >= 0. */
QUERN_INLINE vf v_with_sign(vf a, vf b) { return (vf)((vi)a | ((vi)b & (vi){INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN})); }

/* out[j] lane i = in[i] lane j: a VL x VL transpose. */
QUERN_INLINE void v_transpose(vf *v) {
    vf a = v[0];
    vf b = v[1];
    vf c = v[2];
    vf d = v[3];
    v[0] = (vf){a[0], b[0], c[0], d[0]};
    v[1] = (vf){a[1], b[1], c[1], d[1]};
    v[2] = (vf){a[2], b[2], c[2], d[2]};
    v[3] = (vf){a[3], b[3], c[3], d[3]};
}

/* Lane i: the sum of v[i]'s lanes; halves first. */
QUERN_INLINE vf v_sum_each(const vf *v) {
    vf t[4];
    for (int i = 0; i < 4; i++) {
        t[i] = v[i];
    }
    v_transpose(t);
    for (int n = 4 / 2; n > 0; n /= 2) {
        for (int i = 0; i < n; i++) {
            t[i] = t[i] + t[i + n];
        }
    }
    return t[0];
}

#endif
