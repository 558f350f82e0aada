/*
 * Kernels of training: losses, gradients in one pass, dropout, the optimiser's step. A part of quern.h, with its conventions.
 * Everything is F32 and without gaps within a row; formulas, shapes and loops are in the files named here.
 */
#ifndef QUERN_GRADIENTS_H
#define QUERN_GRADIENTS_H

/* d_gate, d_up of a gated unit from g, the gradient of its result: map_grads.c. */
#define QUERN_GATE_GRAD(name)                                                                                        \
    QUERN_API void name(const void *g, const void *gate, const void *up, void *d_gate, void *d_up, int64_t n,        \
                        int64_t format, int64_t flow);

/* dq, dk, dv of one sequence and one K/V head with its group of query heads: attention_grad.c. */
#define QUERN_ATTENTION_GRAD(name)                                                                                   \
    QUERN_API void name(const float *q, const float *k, const float *v, const float *mask, const float *g,           \
                        const float *y, const float *lse, float *dq, float *dk, float *dv,                           \
                        const quern_attention_args *args, int64_t g_query, int64_t g_head, int64_t dq_query,         \
                        int64_t dk_key, int64_t dv_key, int64_t all_keys, void *scratch);

#define QUERN_DECLARE_GRADIENTS(tier)                                                                                \
    /* loss.c */                                                                                                     \
    QUERN_API void quern_cross_entropy_##tier(const float *x, const void *targets, int64_t wide, int64_t ignored,    \
                                              float smoothing, float *loss, float *lse, int64_t rows, int64_t v);    \
    QUERN_API void quern_cross_entropy_grad_##tier(const float *x, const void *targets, int64_t wide,                \
                                                   int64_t ignored, float smoothing, const float *g, int64_t g_step, \
                                                   float divisor, const float *lse, float *y, int64_t rows,          \
                                                   int64_t v, int64_t flow);                                         \
    /* norm_grad.c */                                                                                                \
    QUERN_API void quern_norm_grad_##tier(const float *g, const float *x, const float *weight, const float *mean,    \
                                          const float *inverse, const float *r, float *dx, float *d_weight,         \
                                          float *d_bias, int64_t rows, int64_t c);                                  \
    QUERN_API void quern_join_parts_##tier(const float *parts, int64_t ld, int64_t count, float *y, int64_t n);      \
    /* map_grads.c */                                                                                                \
    QUERN_ZIP(quern_zip_silu_grad_##tier)                                                                            \
    QUERN_ZIP(quern_zip_gelu_tanh_grad_##tier)                                                                       \
    QUERN_ZIP(quern_zip_gelu_erf_grad_##tier)                                                                        \
    QUERN_GATE_GRAD(quern_swiglu_grad_##tier)                                                                        \
    QUERN_GATE_GRAD(quern_geglu_tanh_grad_##tier)                                                                    \
    QUERN_GATE_GRAD(quern_geglu_erf_grad_##tier)                                                                     \
    QUERN_ATTENTION_GRAD(quern_attention_grad_##tier)                                                                \
    /* dropout.c */                                                                                                  \
    QUERN_API void quern_dropout_##tier(const float *x, float *y, int64_t n, int64_t key, int64_t counter,           \
                                        int64_t least, float scale);                                                 \
    /* adam_w.c */                                                                                                   \
    QUERN_API void quern_adam_w_##tier(float *p, const float *g, float *m, float *v, const float *scalars,           \
                                       const float *scale, int64_t n, float beta1, float rest1, float beta2,         \
                                       float rest2, float eps);

#endif
