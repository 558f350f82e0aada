/*
 * y[i, n] = sum over p of a[i, p] * b[p, n],  n in [n0, n1), with any strides of a and b (transposes are strides).
 *
 *   a: (m, k); b: (k, N); y: (m, N) row-major, ldy; scratch: quern_scratch_bytes(k), 64-byte aligned.
 *
 * F32: the loops of matmul_f32.c (columns by NC, k by KC, panels of NR columns in scratch, rows by MR, the register
 * tile of micro.h); only packing differs: rows of b that are contiguous are copied, columns that are contiguous are
 * transposed, anything else is gathered. a is read in place.
 * F64: for each row, k outermost, then the columns: a row of y is updated in place. Plain, for gradient checks.
 */
#include "micro.h"
#include "quern.h"

/* columns [n, n + width) x [p, p + kc) of b into panel (kc, NR), zeros past width. rows: scratch (NR, KC). */
QUERN_INLINE void pack_b(const float *b, int64_t b_k, int64_t b_column, int64_t n, int64_t width, int64_t p, int64_t kc,
                         float *panel, float *rows) {
    const float *from = b + p * b_k + n * b_column;
    if (b_column == 1) {
        for (int64_t q = 0; q < kc; q++) {
            memcpy(panel + q * NR, from + q * b_k, (size_t)width * sizeof *panel);
            memset(panel + q * NR + width, 0, (size_t)(NR - width) * sizeof *panel);
        }
    } else if (b_k == 1 && width == NR) {
        pack_transposed(from, b_column, kc, panel);
    } else {
        for (int64_t j = 0; j < NR; j++) {
            for (int64_t q = 0; q < kc; q++) {
                rows[j * KC + q] = j < width ? from[q * b_k + j * b_column] : 0.0f;
            }
        }
        pack_transposed(rows, KC, kc, panel);
    }
}

void QN(gemm_f32)(const float *a, int64_t a_row, int64_t a_k, const float *b, int64_t b_k, int64_t b_column, float *y,
                  int64_t ldy, int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch) {
    float *panels = scratch;         /* (NC / NR, KC, NR) */
    float *rows = panels + NC * KC;  /* (NR, KC) */
    for (int64_t n = n0; n < n1; n += NC) {
        const int64_t columns = n1 - n < NC ? n1 - n : NC;
        for (int64_t p = 0; p == 0 || p < k; p += KC) { /* k = 0 still stores zeros */
            const int64_t kc = k - p < KC ? k - p : KC;
            for (int64_t j = 0; j < columns; j += NR) {
                const int64_t width = columns - j < NR ? columns - j : NR;
                pack_b(b, b_k, b_column, n + j, width, p, kc, panels + j * KC, rows);
            }
            for (int64_t i = 0; i < m; i += MR) {
                const int mr = m - i < MR ? (int)(m - i) : MR;
                for (int64_t j = 0; j < columns; j += NR) {
                    const int64_t width = columns - j < NR ? columns - j : NR;
                    tile(mr, kc, a + i * a_row + p * a_k, a_row, a_k, panels + j * KC, y + i * ldy + n + j, ldy, width,
                         p > 0);
                }
            }
        }
    }
}

void QN(gemm_f64)(const double *a, int64_t a_row, int64_t a_k, const double *b, int64_t b_k, int64_t b_column, double *y,
                  int64_t ldy, int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch) {
    (void)scratch;
    for (int64_t i = 0; i < m; i++) {
        double *yi = y + i * ldy;
        for (int64_t n = n0; n < n1; n++) {
            yi[n] = 0.0;
        }
        for (int64_t p = 0; p < k; p++) {
            const double ap = a[i * a_row + p * a_k];
            const double *bp = b + p * b_k;
            if (b_column == 1) {
                for (int64_t n = n0; n < n1; n++) {
                    yi[n] += ap * bp[n];
                }
            } else {
                for (int64_t n = n0; n < n1; n++) {
                    yi[n] += ap * bp[n * b_column];
                }
            }
        }
    }
}
