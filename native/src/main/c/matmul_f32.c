/*
 * y[i, n] = sum over p of x[i, p] * w[n, p],  n in [n0, n1): F32 activations, F32 sums, weights of any format.
 *
 *   x: (m, k) F32, ldx bytes from row to row; w: (N, k) rows of ldw bytes, w points at row 0; y: (m, N) F32, ldy floats.
 *
 * matvec_f32_<w>: for few rows. Loops: weight rows four at a time, one of each quarter of the slice (four streams, see
 *   matmul_blocks.c); activation rows two at a time; k in pieces of 256, converted to F32 on the stack (4 KiB), then a dot product whose lanes run along k, two chains per element: even
 *   and odd vectors. The weights come from memory once whatever m is (four rows stay in the first-level cache).
 * matmul_f32_<w>: for many rows. Loops: columns by NC = 256; k by KC = 256; the piece of w is converted and transposed
 *   into panels of NR columns in scratch; rows by MR; panels; the register tile of micro.h. The (MR, KC) piece of x
 *   (12 KiB) stays in the first-level cache, panels stream from the second: 128 bytes per 12 cycles of FMA.
 *
 * Both may be cut anywhere in n and m: bits do not change. They differ from each other in the order of summation.
 */
#include "dequant.h"
#include "micro.h"
#include "quern.h"

enum {
    DOT_ROWS = 4,
    AHEAD = 2048 /* bytes */
};

/*
 * Adds the products of 4 weight pieces with mx activation pieces to acc[weight row][activation row][chain].
 * fetch: the pieces are the weights themselves, to be fetched ahead.
 */
QUERN_INLINE void dot_piece(const int mx, const int fetch, const float *const *w, const float *x, int64_t ldx, int64_t n,
                            vf acc[DOT_ROWS][2][2]) {
    int64_t p = 0;
    for (; p + 2 * VL <= n; p += 2 * VL) {
#pragma GCC unroll 4
        for (int r = 0; fetch && r < DOT_ROWS; r++) {
            for (int64_t at = 0; at < 2 * VL * (int64_t)sizeof(float); at += 64) {
                __builtin_prefetch((const uint8_t *)(w[r] + p) + AHEAD + at);
            }
        }
#pragma GCC unroll 2
        for (int i = 0; i < mx; i++) {
            vf x0 = v_load(x + i * ldx + p);
            vf x1 = v_load(x + i * ldx + p + VL);
#pragma GCC unroll 4
            for (int r = 0; r < DOT_ROWS; r++) {
                acc[r][i][0] = v_fma(v_load(w[r] + p), x0, acc[r][i][0]);
                acc[r][i][1] = v_fma(v_load(w[r] + p + VL), x1, acc[r][i][1]);
            }
        }
    }
    for (int chain = 0; p < n; p += VL, chain++) {
#pragma GCC unroll 2
        for (int i = 0; i < mx; i++) {
            vf xv = v_load_upto(x + i * ldx + p, n - p);
#pragma GCC unroll 4
            for (int r = 0; r < DOT_ROWS; r++) {
                vf wv = v_load_upto(w[r] + p, n - p);
                if (chain == 0) {
                    acc[r][i][0] = v_fma(wv, xv, acc[r][i][0]);
                } else {
                    acc[r][i][1] = v_fma(wv, xv, acc[r][i][1]);
                }
            }
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

/*
 * y: (mx, rows), results of neighbouring rows ly apart; rows beyond `rows` repeat the first one and are not stored.
 * convert is null for F32.
 */
QUERN_INLINE void dot_rows(const int mx, const uint8_t *const *row, int64_t ldw, int rows, const float *x, int64_t ldx,
                           float *y, int64_t ldy, int64_t ly, int64_t k, load_row_fn *convert) {
    vf acc[DOT_ROWS][2][2];
#pragma GCC unroll 4
    for (int r = 0; r < DOT_ROWS; r++) {
#pragma GCC unroll 2
        for (int i = 0; i < mx; i++) {
            acc[r][i][0] = v_zero();
            acc[r][i][1] = v_zero();
        }
    }
    if (convert) {
        float piece[DOT_ROWS][KC] __attribute__((aligned(64)));
        for (int64_t p = 0; p < k; p += KC) {
            int64_t n = k - p < KC ? k - p : KC;
            for (int r = 0; r < rows; r++) {
                prefetch_piece(row[r] + AHEAD, ldw, p, n, k);
                convert(row[r], p, piece[r], n);
            }
            const float *w[DOT_ROWS] = {piece[0], piece[rows > 1 ? 1 : 0], piece[rows > 2 ? 2 : 0], piece[rows > 3 ? 3 : 0]};
            dot_piece(mx, 0, w, x + p, ldx, n, acc);
        }
    } else {
        const float *w[DOT_ROWS] = {(const float *)row[0], (const float *)row[1], (const float *)row[2],
                                    (const float *)row[3]};
        dot_piece(mx, 1, w, x, ldx, k, acc);
    }
    for (int r = 0; r < rows; r++) {
        for (int i = 0; i < mx; i++) {
            y[i * ldy + r * ly] = v_sum(acc[r][i][0] + acc[r][i][1]);
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
        int64_t i = 0;
        for (; VL == 16 && i + 2 <= m; i += 2) {
            dot_rows(2, row, ldw, rows, xf + i * lx, lx, y + i * ldy + n, ldy, quarter, k, convert);
        }
        for (; i < m; i++) {
            dot_rows(1, row, ldw, rows, xf + i * lx, lx, y + i * ldy + n, ldy, quarter, k, convert);
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
