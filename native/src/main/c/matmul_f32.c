/*
 * y[i, n] = sum over p of x[i, p] * w[n, p],  n in [n0, n1): F32 activations, F32 sums, weights of any format.
 *
 *   x: (m, k) F32, ldx bytes from row to row; w: (N, k) rows of ldw bytes, w points at row 0; y: (m, N) F32, ldy floats.
 *
 * matvec_f32_<w>: for few rows. Loops: weight rows four at a time, one of each quarter of the slice (four streams, see
 *   matmul_blocks.c); k in pieces of DOT_K, converted to F32 on the stack (8 KiB); activation rows by DOT_GROUP; a dot
 *   product whose lanes run along k, one chain for each element: 16 chains of 4 x 4 rows (8 loads for 16 FMAs) hide the
 *   latency. Between pieces the sums wait in the first-level cache, together with a piece of the activations, so that
 *   weights come from memory once whatever m is, and activations only once for four of their rows (2048 x 2048, 8 rows,
 *   GFLOP/s: two activation rows at a time over all of k 57 in F32, 50 in F16, 36 in Q8_0; so 91, 85, 81).
 * matmul_f32_<w>: for many rows. Loops: columns by NC = 256; k by KC = 256; the piece of w is converted and transposed
 *   into panels of NR columns in scratch; rows by MR; panels; the register tile of micro.h. The (MR, KC) piece of x
 *   (12 KiB) stays in the first-level cache, panels stream from the second: 128 bytes per 12 cycles of FMA.
 *
 * Both may be cut anywhere in n and m: bits do not change. They differ from each other in the order of summation.
 */
#include "dequant.h"
#include "dequant_levels.h"
#include "micro.h"
#include "quern.h"

enum {
    DOT_ROWS = 4,                               /* weight rows at a time */
    DOT_GROUP = VL == 16 ? 4 : VL == 8 ? 2 : 1, /* activation rows whose sums registers hold */
    DOT_MOST = 16,                              /* activation rows that meet a piece of weights */
    DOT_K = 512,                                /* depth of such a piece */
    STEP_K = 256,                               /* and for a single row: F16 from memory 11.0 GB/s, in longer ones 9.8 */
    AHEAD = 2048                                /* bytes */
};

/*
 * Adds the products of 4 weight pieces with mx activation pieces to sums[activation row][weight row]; one chain of lanes for
 * each. fetch: the pieces are the weights themselves, to be fetched ahead.
 */
QUERN_INLINE void dot_piece(const int mx, const int fetch, const float *const *w, const float *x, int64_t ldx, int64_t n,
                            vf sums[][DOT_ROWS]) {
    vf acc[4][DOT_ROWS];
#pragma GCC unroll 4
    for (int i = 0; i < mx; i++) {
#pragma GCC unroll 4
        for (int r = 0; r < DOT_ROWS; r++) {
            acc[i][r] = sums[i][r];
        }
    }
    int64_t p = 0;
    for (; p + VL <= n; p += VL) {
        vf wv[DOT_ROWS];
#pragma GCC unroll 4
        for (int r = 0; r < DOT_ROWS; r++) {
            wv[r] = v_load(w[r] + p);
            if (fetch) {
                __builtin_prefetch((const uint8_t *)(w[r] + p) + AHEAD);
            }
        }
#pragma GCC unroll 4
        for (int i = 0; i < mx; i++) {
            const vf xv = v_load(x + i * ldx + p);
#pragma GCC unroll 4
            for (int r = 0; r < DOT_ROWS; r++) {
                acc[i][r] = v_fma(wv[r], xv, acc[i][r]);
            }
        }
    }
#pragma GCC unroll 4
    for (int i = 0; p < n && i < mx; i++) {
        const vf xv = v_load_upto(x + i * ldx + p, n - p);
#pragma GCC unroll 4
        for (int r = 0; r < DOT_ROWS; r++) {
            acc[i][r] = v_fma(v_load_upto(w[r] + p, n - p), xv, acc[i][r]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < mx; i++) {
#pragma GCC unroll 4
        for (int r = 0; r < DOT_ROWS; r++) {
            sums[i][r] = acc[i][r];
        }
    }
}

/* The bytes that hold elements [p, p + n) of a row of k elements in ldw bytes, fetched ahead. */
QUERN_INLINE void prefetch_piece(const uint8_t *row, int64_t ldw, int64_t p, int64_t n, int64_t k) {
    const int64_t end = (p + n) * ldw / k;
    for (int64_t at = p * ldw / k; at < end; at += 64) {
        __builtin_prefetch(row + at);
    }
}

/* Fewer activation pieces than DOT_GROUP. */
QUERN_INLINE void dot_few(const int fetch, const float *const *w, const float *x, int64_t ldx, int64_t m, int64_t n,
                          vf sums[][DOT_ROWS]) {
    if (m == 1) {
        dot_piece(1, fetch, w, x, ldx, n, sums);
    } else if (m == 2) {
        dot_piece(2, fetch, w, x, ldx, n, sums);
    } else if (m == 3) {
        dot_piece(3, fetch, w, x, ldx, n, sums);
    }
}

/* m activation pieces, DOT_GROUP at a time. */
QUERN_INLINE void dot_group(const int fetch, const float *const *w, const float *x, int64_t ldx, int64_t m, int64_t n,
                            vf sums[][DOT_ROWS]) {
    if (m < DOT_GROUP) {
        dot_few(fetch, w, x, ldx, m, n, sums);
        return;
    }
    dot_piece(DOT_GROUP, fetch, w, x, ldx, n, sums);
    int64_t i = DOT_GROUP;
    for (; i + DOT_GROUP <= m; i += DOT_GROUP) {
        dot_piece(DOT_GROUP, 0, w, x + i * ldx, ldx, n, sums + i);
    }
    dot_few(0, w, x + i * ldx, ldx, m - i, n, sums + i);
}

/*
 * y: (m, rows), m at most DOT_MOST, results of neighbouring rows ly apart; rows beyond `rows` repeat the first one and are
 * not stored. convert is null for F32.
 */
QUERN_INLINE void dot_rows(const uint8_t *const *row, int64_t ldw, int rows, const float *x, int64_t ldx, float *y,
                           int64_t ldy, int64_t ly, int64_t m, int64_t k, load_row_fn *convert) {
    vf sums[DOT_MOST][DOT_ROWS];
    float piece[DOT_ROWS][DOT_K] __attribute__((aligned(64)));
    for (int64_t i = 0; i < m; i++) {
        for (int r = 0; r < DOT_ROWS; r++) {
            sums[i][r] = v_zero();
        }
    }
    const int64_t depth = m == 1 ? STEP_K : DOT_K;
    for (int64_t p = 0; p < k; p += depth) {
        const int64_t n = k - p < depth ? k - p : depth;
        const float *w[DOT_ROWS];
        for (int r = 0; r < DOT_ROWS; r++) {
            w[r] = convert ? piece[r < rows ? r : 0] : (const float *)(const void *)row[r] + p;
        }
        for (int r = 0; convert && r < rows; r++) {
            prefetch_piece(row[r] + AHEAD, ldw, p, n, k);
            convert(row[r], p, piece[r], n);
        }
        dot_group(!convert, w, x + p, ldx, m, n, sums);
    }
    for (int r = 0; r < rows; r++) {
        for (int64_t i = 0; i < m; i++) {
            y[i * ldy + r * ly] = v_sum(sums[i][r]);
        }
    }
}

QUERN_INLINE void matvec(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y, int64_t ldy, int64_t m,
                         int64_t n0, int64_t n1, int64_t k, load_row_fn *convert) {
    const float *xf = x;
    const int64_t lx = ldx / (int64_t)sizeof(float);
    const int64_t quarter = (n1 - n0) / DOT_ROWS;
    const int64_t last = (n1 - n0) % DOT_ROWS; /* rows that no quarter has: one by one */
    for (int64_t step = 0; step < quarter + last; step++) {
        const int rows = step < quarter ? DOT_ROWS : 1;
        const int64_t n = step < quarter ? n0 + step : n1 - last + (step - quarter);
        const uint8_t *row[DOT_ROWS];
        for (int r = 0; r < DOT_ROWS; r++) {
            row[r] = (const uint8_t *)w + (n + (r < rows ? r * quarter : 0)) * ldw;
        }
        for (int64_t i = 0; i < m; i += DOT_MOST) {
            const int64_t most = m - i < DOT_MOST ? m - i : DOT_MOST;
            dot_rows(row, ldw, rows, xf + i * lx, lx, y + i * ldy + n, ldy, quarter, most, k, convert);
        }
    }
}

/* Panels of w[n..n+columns) x [p..p+kc) into b; columns past the end are zero. rows: scratch for NR x KC floats. */
QUERN_INLINE void pack_weights(const void *w, int64_t ldw, int64_t n, int64_t columns, int64_t p, int64_t kc, float *b,
                               float *rows, load_row_fn *convert) {
    for (int64_t j = 0; j < columns; j += NR, b += KC * NR) {
        for (int r = 0; r < NR; r++) {
            if (j + r < columns) {
                convert((const uint8_t *)w + (n + j + r) * ldw, p, rows + r * KC, kc);
            } else {
                memset(rows + r * KC, 0, (size_t)kc * sizeof *rows);
            }
        }
        pack_transposed(rows, KC, kc, b);
    }
}

QUERN_INLINE void matmul(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y, int64_t ldy, int64_t m,
                         int64_t n0, int64_t n1, int64_t k, float *scratch, load_row_fn *convert) {
    const float *xf = x;
    const int64_t lx = ldx / (int64_t)sizeof(float);
    float *panels = scratch;           /* (NC / NR, KC, NR) */
    float *rows = scratch + NC * KC;   /* (NR, KC) */
    for (int64_t n = n0; n < n1; n += NC) {
        const int64_t columns = n1 - n < NC ? n1 - n : NC;
        for (int64_t p = 0; p == 0 || p < k; p += KC) { /* k = 0 still stores zeros */
            const int64_t kc = k - p < KC ? k - p : KC;
            pack_weights(w, ldw, n, columns, p, kc, panels, rows, convert);
            for (int64_t i = 0; i < m; i += MR) {
                const int mr = m - i < MR ? (int)(m - i) : MR;
                for (int64_t j = 0; j < columns; j += NR) {
                    const int64_t width = columns - j < NR ? columns - j : NR;
                    tile(mr, kc, xf + i * lx + p, lx, 1, panels + j * KC, y + i * ldy + n + j, ldy, width, p > 0);
                }
            }
        }
    }
}

#define WEIGHTS(format, dot_convert)                                                                              \
    void QN(matvec_f32_##format)(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y, int64_t ldy,   \
                                 int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch) {                   \
        (void)scratch;                                                                                            \
        matvec(x, ldx, w, ldw, y, ldy, m, n0, n1, k, dot_convert);                                                \
    }                                                                                                             \
    void QN(matmul_f32_##format)(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y, int64_t ldy,   \
                                 int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch) {                   \
        matmul(x, ldx, w, ldw, y, ldy, m, n0, n1, k, scratch, load_row_##format);                                 \
    }

WEIGHTS(f32, 0)
WEIGHTS(f16, load_row_f16)
WEIGHTS(bf16, load_row_bf16)
WEIGHTS(q8_0, load_row_q8_0)
WEIGHTS(q4_0, load_row_q4_0)
WEIGHTS(q4_k, load_row_q4_k)
WEIGHTS(q6_k, load_row_q6_k)

#define UNPACKED(format, tier) WEIGHTS(format, load_row_##format)
QUERN_UNPACKED(UNPACKED, )
