/*
 * libquern: the C kernels of Quern. One library, several tiers of the instruction set; a kernel's symbol is
 * quern_<kernel>_<tier>, the caller picks the best tier that quern_caps() allows.
 *
 * Conventions, the same for every kernel:
 *   - Single-threaded slices: the caller cuts the work and runs slices wherever it likes. Bits of a result do not
 *     depend on the cut (n0, n1, and whole rows of x and y through their pointers); any granule is allowed, multiples
 *     of 32 columns are the fast ones.
 *   - Nothing is allocated and no state kept. Scratch, where a kernel wants some, has quern_scratch_bytes(k) bytes and
 *     starts on a 64-byte boundary; no other operand needs more alignment than its element type (blocks: one byte).
 *   - Not one byte outside of the operands is read or written.
 *   - Matrices are row-major; ld... are distances between rows, in bytes for x and w, in elements for y.
 *   - No checks: the binding has made them.
 *
 * Tiers:
 *   baseline  plain C, any processor             avx512  AVX-512 F, BW, VL, DQ, VNNI, BF16
 *   avx2      AVX2, FMA, F16C                     amx     avx512 and AMX tiles with BF16 and INT8
 */
/*
 * Measured with quern_bench, one core of a Xeon at 2.1 GHz (AVX-512, AMX; streaming reads reach 12 to 14 GB/s), k = 2048;
 * a quiet machine, but for matmul_f32, attention and conversions, where other processes ran beside.
 *
 *   x . W^T                          1 row, 256 MiB of weights   8 rows      32 rows    512 rows (n = 2048)
 *                                    GB/s (GFLOP/s)              GFLOP/s     GFLOP/s    GFLOP/s
 *   matvec_q8_0_q8_0_avx512          11.9 (22)                   75
 *   matvec_q8_0_q4_0_avx512          11.8 (42)                   99
 *   matvec_q8_k_q4_k_avx512          11.7 (42)                   76
 *   matvec_q8_k_q6_k_avx512          11.3 (28)                   75
 *   matvec_bf16_bf16_avx512          11.4 (11)                   76
 *   matvec_f32_f32_avx512            12.6 (6.3)                  92
 *   matvec_f32_{f16,bf16}_avx512     11.4 (11), 10.4 (10)        85, 82
 *   matvec_f32_{q8_0,q4_0}_avx512    10.6 (20), 5.8 (21)         81
 *   matvec_f32_{q4_k,q6_k}_avx512    4.8 (17), 6.3 (16)          70
 *   matmul_f32_f32_avx512                                        41          92         141
 *   matmul_f32_{f16..q6_k}_avx512                                49 to 55    104 to 111 139 to 147
 *   matmul_f32_q8_0_avx2                                         39          60         82
 *   matmul_bf16_bf16_amx                                         199         781        1050
 *   matmul_bf16_{q8_0,q4_0}_amx                                  133, 157    477, 534   1135, 1155
 *   matmul_bf16_{q4_k,q6_k}_amx                                  125, 86     456, 295   1185, 1042
 *   matmul_bf16x3_f32_amx                                        42          148        276
 *   matmul_bf16x3_{f16,bf16}_amx                                 69, 94      227, 302
 *   matmul_bf16x2_f16_amx                                        85          256        506
 *
 * The same on one core of a Zen 5 (AVX-512, no AMX; its dot product of BF16 reaches 490 GFLOP/s, its FMA 245), two processes beside:
 *   matvec_q8_0_{q8_0,q4_0}_avx512   38 (72), 37 (133)           112, 193
 *   matvec_q8_k_q4_k_avx512          27 (97)                     108
 *   matvec_bf16_bf16_avx512          38 (38)                     238
 *   matmul_f32_{f32,q8_0}_avx512                                 69, 98      145, 171    212, 218
 *   matmul_bf16_bf16_avx512                                      123         495         430
 *   matmul_bf16_{q8_0,q4_0}_avx512                               151, 155    381, 390    445, 449
 *   matmul_bf16_{q4_k,q6_k}_avx512                               137, 120    361, 324    452, 434
 *
 *   attention, head_dim 64, F16, avx512 (amx): 64 queries x 4 heads, 512 keys 128 (358) GFLOP/s; more in attention_amx.c.
 *   attention_step, the same, from cache: 2048 keys 41 GB/s of K and V (4 heads to a K/V head 21), 16 keys 22 (14); Q8_0,
 *   34 bytes where F16 has 64: 17 (9.2), 10 (6.4); from memory, 4 heads to a K/V head: F16 7, Q8_0 6.
 *   Conversions from cache, avx512, 10^9 elements/s: f32 to q8_0 3.2, q8_k 2.6, bf16 11, f16 17; to f32 from f16 11,
 *   bf16 12, q8_0 11, q4_0 12, q4_k 10, q6_k 8.5. map_exp 6.0 (BF16 3.7), silu 3.0, gelu_tanh 2.6, gelu_erf 1.8. Quantisers of
 *   weights: quantize.c.
 */
#ifndef QUERN_H
#define QUERN_H

#include <stdint.h>

#define QUERN_API __attribute__((visibility("default")))

/* Raised whenever a signature or a meaning changes; the binding refuses another one. */
enum { QUERN_ABI_VERSION = 9 };

/* Formats of plain elements. */
enum { QUERN_F32 = 0, QUERN_F16 = 1, QUERN_BF16 = 2 };

/* Of keys and values also blocks. */
enum { QUERN_Q8_0 = 3 };

/* How large the whole is of which a call computes a slice: in a core's cache, beyond it, or too large for all: maps.c. */
enum { QUERN_NEAR = 0, QUERN_FAR = 1, QUERN_THROUGH = 2 };

enum {
    QUERN_CAP_BASELINE = 1,
    QUERN_CAP_AVX2 = 2,
    QUERN_CAP_AVX512 = 4,
    QUERN_CAP_AMX = 8
};

/* Mask of QUERN_CAP_...: tiers that this process may use. Asks Linux for the AMX tile state on the way. */
QUERN_API uint64_t quern_caps(void);

QUERN_API int32_t quern_abi_version(void);

/*
 * Asks for large pages in [p, p + bytes), best before the memory is first touched: memory.c. Returns 0, or the error number
 * of a system that refuses; -1 where there is nothing to ask.
 */
QUERN_API int32_t quern_large_pages(void *p, int64_t bytes);

/*
 * Moves the large pages' worth of [p, p + bytes), a mapping that nobody writes, into large pages at the same addresses,
 * read-only: 0, an error number, or -1. Other threads may read meanwhile; the mapping must stay.
 */
QUERN_API int32_t quern_move_to_large_pages(void *p, int64_t bytes);

/*
 * Asks for [address, address + bytes) to be brought into this core's second-level cache. Nothing is read: what is mapped no
 * more is no harm.
 */
QUERN_API void quern_fetch(int64_t address, int64_t bytes);

/* Scratch for one running matmul or gemm slice of depth k. */
QUERN_API int64_t quern_scratch_bytes(int64_t k);

/* Scratch for the gradient of one sequence and K/V head, of `rows` query rows in all: attention_grad.c, attention_grad_amx.c. */
QUERN_API int64_t quern_attention_grad_scratch_bytes(int64_t rows, int64_t head_dim, int64_t value_dim);

/* Scratch for one attention slice of `rows` query rows (queries x heads of the group). */
QUERN_API int64_t quern_attention_scratch_bytes(int64_t rows, int64_t head_dim, int64_t value_dim);

/* y[i, n] = sum over p of x[i, p] * w[n, p] for n in [n0, n1). w and y point at row and column 0. */
#define QUERN_MATMUL(name)                                                                                         \
    QUERN_API void name(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y, int64_t ldy, int64_t m,  \
                        int64_t n0, int64_t n1, int64_t k, void *scratch);

/* f of a gated product, and of an activation after a product. */
enum { QUERN_GATE_SILU = 1, QUERN_GATE_GELU_TANH = 2, QUERN_GATE_GELU_ERF = 3 };

/*
 * y[i, n] = f(sum over p of x[i, p] * gate[n, p]) * (sum over p of x[i, p] * up[n, p]) for n in [n0, n1), n0 a multiple
 * of 32; y in the order of tiles, ldy bytes per row.
 */
#define QUERN_MATMUL_GATED(name)                                                                                    \
    QUERN_API void name(const void *x, int64_t ldx, const void *gate, const void *up, int64_t ldw, void *y,         \
                        int64_t ldy, int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch, int64_t kind);

/* y[r, :] = to(x[r, :]), rows of k elements. */
#define QUERN_CONVERT(name) \
    QUERN_API void name(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t rows, int64_t k);

/* Formats whose kernels all follow from their unpacking: dequant_levels.h. Each is handed to F, with a second word. */
#define QUERN_UNPACKED(F, word) \
    F(q4_1, word)               \
    F(q5_0, word)               \
    F(q5_1, word)               \
    F(q2_k, word)               \
    F(q3_k, word)               \
    F(q5_k, word)               \
    F(iq4_nl, word)             \
    F(iq4_xs, word)

#define QUERN_DECLARE_UNPACKED(format, tier)       \
    QUERN_MATMUL(quern_matvec_f32_##format##_##tier) \
    QUERN_MATMUL(quern_matmul_f32_##format##_##tier) \
    QUERN_CONVERT(quern_convert_##format##_f32_##tier)

#define QUERN_DECLARE_UNPACKED_TILES(format, tier)   \
    QUERN_MATMUL(quern_matmul_bf16_##format##_##tier) \
    QUERN_MATMUL_GATED(quern_matmul_gated_bf16_##format##_##tier)

/*
 * matvec_...: for few rows, reads the weights once as a stream. matmul_...: for many rows, packs panels in scratch.
 * Activations F32 (exact) or rounded (bf16, q8_0, q8_k: 256-element blocks of quern_convert_f32_q8_k).
 */
#define QUERN_DECLARE_TIER(tier)                                                                                   \
    QUERN_MATMUL(quern_matvec_f32_f32_##tier)                                                                      \
    QUERN_MATMUL(quern_matvec_f32_f16_##tier)                                                                      \
    QUERN_MATMUL(quern_matvec_f32_bf16_##tier)                                                                     \
    QUERN_MATMUL(quern_matvec_f32_q8_0_##tier)                                                                     \
    QUERN_MATMUL(quern_matvec_f32_q4_0_##tier)                                                                     \
    QUERN_MATMUL(quern_matvec_f32_q4_k_##tier)                                                                     \
    QUERN_MATMUL(quern_matvec_f32_q6_k_##tier)                                                                     \
    QUERN_MATMUL(quern_matvec_bf16_bf16_##tier)                                                                    \
    QUERN_MATMUL(quern_matvec_q8_0_q8_0_##tier)                                                                    \
    QUERN_MATMUL(quern_matvec_q8_0_q4_0_##tier)                                                                    \
    QUERN_MATMUL(quern_matvec_q8_k_q4_k_##tier)                                                                    \
    QUERN_MATMUL(quern_matvec_q8_k_q6_k_##tier)                                                                    \
    QUERN_MATMUL(quern_matmul_f32_f32_##tier)                                                                      \
    QUERN_MATMUL(quern_matmul_f32_f16_##tier)                                                                      \
    QUERN_MATMUL(quern_matmul_f32_bf16_##tier)                                                                     \
    QUERN_MATMUL(quern_matmul_f32_q8_0_##tier)                                                                     \
    QUERN_MATMUL(quern_matmul_f32_q4_0_##tier)                                                                     \
    QUERN_MATMUL(quern_matmul_f32_q4_k_##tier)                                                                     \
    QUERN_MATMUL(quern_matmul_f32_q6_k_##tier)                                                                     \
    QUERN_CONVERT(quern_convert_f32_q8_0_##tier)                                                                   \
    QUERN_CONVERT(quern_convert_f32_q4_0_##tier)                                                                   \
    QUERN_CONVERT(quern_convert_f32_q4_k_##tier)                                                                   \
    QUERN_CONVERT(quern_convert_f32_q6_k_##tier)                                                                   \
    QUERN_CONVERT(quern_convert_f32_q8_k_##tier)                                                                   \
    QUERN_CONVERT(quern_convert_f32_bf16_##tier)                                                                   \
    QUERN_CONVERT(quern_convert_f32_f16_##tier)                                                                    \
    QUERN_CONVERT(quern_convert_f16_f32_##tier)                                                                    \
    QUERN_CONVERT(quern_convert_bf16_f32_##tier)                                                                   \
    QUERN_CONVERT(quern_convert_q8_0_f32_##tier)                                                                   \
    QUERN_CONVERT(quern_convert_q4_0_f32_##tier)                                                                   \
    QUERN_CONVERT(quern_convert_q4_k_f32_##tier)                                                                   \
    QUERN_CONVERT(quern_convert_q6_k_f32_##tier)                                                                   \
    QUERN_CONVERT(quern_convert_f16_bf16_##tier)                                                                   \
    QUERN_CONVERT(quern_convert_q8_0_bf16_##tier)                                                                  \
    QUERN_CONVERT(quern_convert_q4_0_bf16_##tier)                                                                  \
    QUERN_CONVERT(quern_convert_q4_k_bf16_##tier)                                                                  \
    QUERN_CONVERT(quern_convert_q6_k_bf16_##tier)                                                                  \
    QUERN_UNPACKED(QUERN_DECLARE_UNPACKED, tier)                                                                   \
    QUERN_DECLARE_DENSE(tier)                                                                                      \
    QUERN_DECLARE_MAPS(tier)                                                                                       \
    QUERN_DECLARE_SUMS(tier)                                                                                       \
    QUERN_DECLARE_ROWS(tier)                                                                                       \
    QUERN_DECLARE_GRADIENTS(tier)

/*
 * gemm_f32, gemm_f64: y[i, n] = sum over p of a[i * a_row + p * a_k] * b[p * b_k + n * b_column], n in [n0, n1).
 *   Strides in elements, any sign; y: (m, N), ldy elements. See gemm.c.
 * attention: see attention.c for the formula and for the layout of the parameters; attention_step and attention_join:
 *   attention_step.c.
 */
#define QUERN_DECLARE_DENSE(tier)                                                                                  \
    QUERN_API void quern_gemm_f32_##tier(const float *a, int64_t a_row, int64_t a_k, const float *b, int64_t b_k,  \
                                         int64_t b_column, float *y, int64_t ldy, int64_t m, int64_t n0,           \
                                         int64_t n1, int64_t k, void *scratch);                                    \
    QUERN_API void quern_gemm_f64_##tier(const double *a, int64_t a_row, int64_t a_k, const double *b, int64_t b_k, \
                                         int64_t b_column, double *y, int64_t ldy, int64_t m, int64_t n0,          \
                                         int64_t n1, int64_t k, void *scratch);                                    \
    QUERN_API void quern_attention_##tier(const void *q, const void *k, const void *v, const float *mask,         \
                                          void *out, float *lse, const quern_attention_args *args,                 \
                                          void *scratch);                                                          \
    QUERN_API void quern_attention_step_##tier(const void *q, const void *k, const void *v, const float *mask,    \
                                               float *partial, const quern_attention_args *args, int64_t heads,    \
                                               int64_t k_head, int64_t v_head, int64_t from, int64_t to,           \
                                               void *scratch);                                                     \
    QUERN_API void quern_attention_join_##tier(float *partial, int64_t stride, int64_t pieces, void *out,          \
                                               float *lse, const quern_attention_args *args, int64_t rows);

/* Whole tensors, element by element, F32, F16 or BF16, without gaps; see maps.c. */
#define QUERN_MAP(name) QUERN_API void name(const void *x, void *y, int64_t n, int64_t format, int64_t flow);
#define QUERN_ZIP(name) \
    QUERN_API void name(const void *a, const void *b, void *y, int64_t n, int64_t format, int64_t flow);

#define QUERN_DECLARE_MAPS(tier)             \
    QUERN_MAP(quern_map_exp_##tier)          \
    QUERN_MAP(quern_map_sigmoid_##tier)      \
    QUERN_MAP(quern_map_silu_##tier)         \
    QUERN_MAP(quern_map_gelu_tanh_##tier)    \
    QUERN_MAP(quern_map_gelu_erf_##tier)     \
    QUERN_ZIP(quern_zip_add_##tier)          \
    QUERN_ZIP(quern_zip_mul_##tier)          \
    QUERN_ZIP(quern_zip_swiglu_##tier)       \
    QUERN_ZIP(quern_zip_geglu_tanh_##tier)   \
    QUERN_ZIP(quern_zip_geglu_erf_##tier)

/* Sums over rows of F32; see sums.c. ld... in elements. */
#define QUERN_DECLARE_SUMS(tier)                                                                                    \
    QUERN_API void quern_sum_columns_##tier(const float *x, int64_t ldx, float *y, int64_t rows, int64_t c);        \
    QUERN_API void quern_sum_all_##tier(const float *x, int64_t n, float *y);                                       \
    QUERN_API void quern_sum_squares_##tier(const float *x, int64_t n, float *y);                                   \
    QUERN_API void quern_index_add_##tier(const float *x, int64_t ldx, const void *ids, int64_t wide, float *y,     \
                                          int64_t ldy, int64_t count, int64_t rows, int64_t c);

/* Row and elementwise kernels, contiguous within a row; ld... in elements. See rows.c and elementwise.c. */
#define QUERN_DECLARE_ROWS(tier)                                                                                   \
    QUERN_API void quern_rms_norm_##tier(const void *x, int64_t ldx, const void *weight, void *y, int64_t ldy,     \
                                         float *inverse, int64_t rows, int64_t c, float eps, int64_t format,       \
                                         int64_t flow);                                                            \
    QUERN_API void quern_add_rms_norm_##tier(const float *x, int64_t ldx, const float *r, int64_t ldr,             \
                                             const float *weight, float *sum, int64_t lds, float *y, int64_t ldy,  \
                                             int64_t rows, int64_t c, float eps);                                  \
    QUERN_API void quern_layer_norm_##tier(const void *x, int64_t ldx, const void *weight, const void *bias,       \
                                           void *y, int64_t ldy, float *mean, float *inverse, int64_t rows,        \
                                           int64_t c, float eps, int64_t format, int64_t flow);                    \
    QUERN_API void quern_softmax_##tier(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t rows, int64_t c, \
                                        int64_t format, int64_t flow);                                             \
    QUERN_API void quern_log_softmax_##tier(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t rows,        \
                                            int64_t c, int64_t format, int64_t flow);                              \
    QUERN_API void quern_add_##tier(const float *a, const float *b, float *y, int64_t n);                          \
    QUERN_API void quern_add_bias_##tier(float *y, int64_t ldy, const float *bias, int64_t m, int64_t n0, int64_t n1); \
    QUERN_API void quern_add_rows_##tier(float *y, int64_t ldy, const float *r, int64_t m, int64_t n0, int64_t n1); \
    QUERN_API void quern_swiglu_##tier(const float *gate, int64_t ldg, const float *up, int64_t ldu, float *y,     \
                                       int64_t ldy, int64_t rows, int64_t c);                                      \
    QUERN_API void quern_geglu_tanh_##tier(const float *gate, int64_t ldg, const float *up, int64_t ldu, float *y, \
                                           int64_t ldy, int64_t rows, int64_t c);                                  \
    QUERN_API void quern_geglu_erf_##tier(const float *gate, int64_t ldg, const float *up, int64_t ldu, float *y,  \
                                          int64_t ldy, int64_t rows, int64_t c);                                   \
    QUERN_API void quern_rope_half_##tier(const float *x, float *y, const void *positions, int64_t wide,           \
                                          const float *frequencies, int64_t tokens, int64_t heads,                 \
                                          int64_t head_dim, int64_t half);                                         \
    QUERN_API void quern_rope_interleaved_##tier(const float *x, float *y, const void *positions, int64_t wide,    \
                                                 const float *frequencies, int64_t tokens, int64_t heads,          \
                                                 int64_t head_dim, int64_t half);

/* Floats of a row that attention_step accumulates: values, then a line with the maximum and the sum. */
#define QUERN_PARTIAL(value_dim) (((value_dim) + 15) / 16 * 16 + 16)

/*
 * Strides in elements, each operand's own. A query row is (query t, head g of the group). Offsets are
 * natural: 19 fields of 8 bytes, then six of 4.
 */
typedef struct quern_attention_args {
    int64_t queries;        /* tq */
    int64_t group;          /* query heads that share this K/V head */
    int64_t head_dim;       /* of q and k */
    int64_t value_dim;      /* of v and out */
    int64_t keys;           /* keys that exist: j in [0, keys) */
    int64_t first_position; /* query t sees keys j <= first_position + t when causal */
    int64_t window;         /* ... and j > first_position + t - window; 0: no window */
    int64_t q_query;
    int64_t q_head;
    int64_t k_key;
    int64_t v_key;
    int64_t out_query;
    int64_t out_head;
    int64_t mask_query;     /* mask is added to the scaled score; null pointer: none */
    int64_t mask_head;
    int64_t mask_key;
    int64_t lse_query;      /* log-sum-exp output; null pointer: none */
    int64_t lse_head;
    int64_t causal;         /* 0 or 1 */
    float scale;
    float soft_cap;         /* c tanh(score / c) before the mask; 0: none */
    int32_t k_format;       /* QUERN_F32, QUERN_F16, QUERN_BF16, or QUERN_Q8_0 if head_dim and value_dim are multiples of 32 */
    int32_t v_format;
    int32_t q_format;
    int32_t out_format;
} quern_attention_args;

#include "gradients.h"

QUERN_DECLARE_TIER(baseline)
QUERN_DECLARE_TIER(avx2)
QUERN_DECLARE_TIER(avx512)

/* x of these products: rows of BF16 in the order of tiles, see matmul_tiles.c. */
#define QUERN_DECLARE_TILES(tier)                                                                                \
    QUERN_CONVERT(quern_convert_f32_bf16_tiles_##tier)                                                           \
    QUERN_CONVERT(quern_convert_bf16_bf16_tiles_##tier)                                                          \
    QUERN_MATMUL(quern_matmul_bf16_bf16_##tier)                                                                  \
    QUERN_MATMUL(quern_matmul_bf16_f16_##tier)                                                                   \
    QUERN_MATMUL(quern_matmul_bf16_f32_##tier)                                                                   \
    QUERN_MATMUL(quern_matmul_bf16_q8_0_##tier)                                                                  \
    QUERN_MATMUL(quern_matmul_bf16_q4_0_##tier)                                                                  \
    QUERN_MATMUL(quern_matmul_bf16_q4_k_##tier)                                                                  \
    QUERN_MATMUL(quern_matmul_bf16_q6_k_##tier)                                                                  \
    QUERN_API void quern_matmul_bf16_bf16_to_bf16_##tier(const void *x, int64_t ldx, const void *w, int64_t ldw, \
                                                         void *y /* BF16 */, int64_t ldy, int64_t m, int64_t n0, \
                                                         int64_t n1, int64_t k, void *scratch);                  \
    QUERN_MATMUL_GATED(quern_matmul_gated_bf16_bf16_##tier)                                                      \
    QUERN_MATMUL_GATED(quern_matmul_gated_bf16_f16_##tier)                                                       \
    QUERN_MATMUL_GATED(quern_matmul_gated_bf16_f32_##tier)                                                       \
    QUERN_MATMUL_GATED(quern_matmul_gated_bf16_q8_0_##tier)                                                      \
    QUERN_MATMUL_GATED(quern_matmul_gated_bf16_q4_0_##tier)                                                      \
    QUERN_MATMUL_GATED(quern_matmul_gated_bf16_q4_k_##tier)                                                      \
    QUERN_MATMUL_GATED(quern_matmul_gated_bf16_q6_k_##tier)                                                      \
    QUERN_UNPACKED(QUERN_DECLARE_UNPACKED_TILES, tier)

QUERN_DECLARE_TILES(avx512)
QUERN_DECLARE_TILES(amx)

QUERN_MATMUL(quern_matvec_bf16_bf16_amx)

/* x of these: two or three BF16 terms of F32 in tiles, see matmul_split.c. */
QUERN_CONVERT(quern_convert_f32_bf16x2_tiles_amx)
QUERN_CONVERT(quern_convert_f32_bf16x3_tiles_amx)
QUERN_MATMUL(quern_matmul_bf16x3_f32_amx)
QUERN_MATMUL(quern_matmul_bf16x3_f16_amx)
QUERN_MATMUL(quern_matmul_bf16x3_bf16_amx)
QUERN_MATMUL(quern_matmul_bf16x2_f16_amx)

/* b of these products: three terms in tiles, from one of its columns or the other conversion, see gemm_split.c. */
#define QUERN_GEMM_TILES(name)                                                                                              \
    QUERN_API void name(const float *a, int64_t a_row, int64_t a_k, const void *b, int64_t b_k, int64_t b_column, float *y, \
                        int64_t ldy, int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch);

QUERN_CONVERT(quern_gemm_columns_f32_amx)
QUERN_GEMM_TILES(quern_gemm_bf16x3_f32_amx)
QUERN_GEMM_TILES(quern_gemm_bf16x3_f32_across_amx)

/* The same rounded to BF16, with bias and another matrix or null: gemm_bf16.c; b of these: gemm_tiles.c. then: f, or */
enum { QUERN_ADD = 0, QUERN_MULTIPLY = -1 };
#define QUERN_GEMM_ROUNDED(name)                                                                                            \
    QUERN_API void name(const float *a, int64_t a_row, int64_t a_k, const void *b, int64_t b_column, float *y, int64_t ldy, \
                        int64_t m, int64_t n0, int64_t n1, int64_t k, const float *bias, float *other, int64_t then,        \
                        void *scratch);

QUERN_CONVERT(quern_gemm_columns_bf16_amx)
QUERN_CONVERT(quern_gemm_left_columns_bf16_amx)
QUERN_CONVERT(quern_gemm_left_rows_bf16_amx)
QUERN_GEMM_ROUNDED(quern_gemm_bf16_f32_amx)
QUERN_GEMM_ROUNDED(quern_gemm_bf16_f32_across_amx)

/* A range of a long k, and the sum of ranges: gemm_outer.c. */
QUERN_API void quern_gemm_outer_bf16_amx(const float *a, int64_t lda, const float *b, int64_t ldb, float *sums, int64_t group,
                                         int64_t m, int64_t n, int64_t k, void *scratch);
QUERN_API void quern_gemm_outer_sums_amx(const float *sums, int64_t range, int64_t ranges, float *y, int64_t ldy, int64_t m,
                                         int64_t n);

/* Rounds values and exponentials to BF16, attention_bf16 also queries and keys: attention_amx.c. */
QUERN_API void quern_attention_amx(const void *q, const void *k, const void *v, const float *mask, void *out,
                                   float *lse, const quern_attention_args *args, void *scratch);
QUERN_API void quern_attention_bf16_amx(const void *q, const void *k, const void *v, const float *mask, void *out,
                                        float *lse, const quern_attention_args *args, void *scratch);

/* Rounds all operands of its products to BF16: attention_grad_amx.c. */
QUERN_ATTENTION_GRAD(quern_attention_grad_bf16_amx)

#endif
