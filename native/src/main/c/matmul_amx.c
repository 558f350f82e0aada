/*
 * y[i, n] = sum over p of x[i, p] * w[n, p],  n in [n0, n1): BF16 activations times weights of any 16-bit or block
 * format on AMX tiles, for many rows (FAST precision, prefill).
 *
 *   x: (m, k) BF16, ldx bytes per row; w: (N, k), ldw bytes per row, at row 0; y: (m, N) F32, ldy floats.
 *   scratch: quern_scratch_bytes(k), 64-byte aligned.
 *
 * Loops: weights 32 rows at a time are converted to BF16 (round to nearest even) and transposed into a panel
 * (k / 2, 32 columns, pairs along k: the order that tdpbf16ps wants); activation rows by 32; k by 32: two tiles of x,
 * two of the panel, four accumulator tiles. 2 x 2 because four loads then feed four products, and a tile load from
 * the second-level cache takes about as long as a product.
 * Ragged edges: the tile configuration has fewer rows; the last k % 32 columns of x go through a zero-padded copy;
 * columns past n1 are computed from zeros and not stored. An element's bits depend on its row, its column and k only.
 *
 * Unpacking costs 5% at 512 rows (measured: the table in quern.h). Denormal inputs count as zero (tdpbf16ps).
 */
#include "dequant.h"
#include "quern.h"

enum {
    TILE_ROWS = 16,
    TILE_BYTES = 64,
    TILE_K = 32,      /* BF16 elements along k in a tile row */
    PANEL = 32        /* columns: two tiles */
};

typedef struct tile_config {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t column_bytes[16];
    uint8_t rows[16];
} tile_config;

/* Tiles 0..3: sums (row half, column half); 4, 5: x, upper and lower rows; 6, 7: panel, left and right columns. */
static void configure(int upper, int lower) {
    tile_config config __attribute__((aligned(64)));
    memset(&config, 0, sizeof config);
    config.palette = 1;
    for (int t = 0; t < 8; t++) {
        config.column_bytes[t] = TILE_BYTES;
    }
    config.rows[0] = config.rows[1] = config.rows[4] = (uint8_t)upper;
    config.rows[2] = config.rows[3] = config.rows[5] = (uint8_t)(lower ? lower : 1);
    config.rows[6] = config.rows[7] = TILE_ROWS;
    /* gcc 12 believes that the instruction reads less than 64 bytes and would drop the stores above. */
    __asm__ volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
}

/* A panel's 16 x 16 pairs: rows[j] holds 32 BF16 of column j; out (16 pairs, 32 columns) has its half of 16 columns. */
QUERN_INLINE void transpose_pairs(const uint16_t *rows, int64_t ld, uint16_t *out) {
    vf t[16];
    for (int j = 0; j < 16; j++) {
        t[j] = v_load((const float *)(const void *)(rows + j * ld));
    }
    v_transpose(t);
    for (int j = 0; j < 16; j++) {
        v_store((float *)(void *)(out + j * 2 * PANEL), t[j]);
    }
}

/* piece: 32 rows of `width` BF16, width a multiple of 32, to panel pairs. */
QUERN_INLINE void pack_piece(const uint16_t *piece, int64_t ld, int64_t width, uint16_t *panel) {
    for (int64_t p = 0; p < width; p += TILE_K) {
        transpose_pairs(piece + p, ld, panel + p * PANEL);
        transpose_pairs(piece + 16 * ld + p, ld, panel + p * PANEL + 32);
    }
}

QUERN_INLINE void to_bf16(const float *x, uint16_t *y, int64_t n) {
    for (int64_t i = 0; i < n; i += 32) {
        __m512bh pair = _mm512_cvtne2ps_pbh(v_load(x + i + 16), v_load(x + i));
        _mm512_storeu_si512(y + i, (__m512i)pair);
    }
}

/* n elements of a row, zero-padded to a multiple of 32. */
QUERN_INLINE void row_to_bf16(const void *row, int64_t p, int64_t n, uint16_t *y, float *f32, load_row_fn *convert) {
    const int64_t padded = (n + TILE_K - 1) / TILE_K * TILE_K;
    if (convert) {
        convert(row, p, f32, n);
        for (int64_t i = n; i < padded; i++) {
            f32[i] = 0.0f;
        }
        to_bf16(f32, y, padded);
    } else {
        memcpy(y, (const uint16_t *)row + p, (size_t)n * sizeof *y);
        memset(y + n, 0, (size_t)(padded - n) * sizeof *y);
    }
}

/* w[n..n+columns), all k, into panel (ceil(k / 32) * 16 pairs, 32 columns). piece: (32, 256) BF16. */
QUERN_INLINE void pack_panel(const uint8_t *w, int64_t ldw, int64_t columns, int64_t k, uint16_t *panel,
                             uint16_t *piece, load_row_fn *convert) {
    float f32[QUERN_SUPER] __attribute__((aligned(64)));
    if (columns < PANEL) {
        memset(piece, 0, PANEL * QUERN_SUPER * sizeof *piece);
    }
    for (int64_t p = 0; p < k; p += QUERN_SUPER) {
        const int64_t n = k - p < QUERN_SUPER ? k - p : QUERN_SUPER;
        for (int64_t j = 0; j < columns; j++) {
            row_to_bf16(w + j * ldw, p, n, piece + j * QUERN_SUPER, f32, convert);
        }
        pack_piece(piece, QUERN_SUPER, (n + TILE_K - 1) / TILE_K * TILE_K, panel + p * PANEL);
    }
}

/* Tiles hold y's (rows, 32) product: stores it; columns past `columns` go through bounce (16, 16). */
#define STORE_HALF(tile, y, ldy, rows, columns, bounce)                                       \
    do {                                                                                      \
        if ((columns) >= TILE_ROWS) {                                                         \
            _tile_stored(tile, y, (size_t)(ldy) * sizeof(float));                             \
        } else if ((columns) > 0) {                                                           \
            _tile_stored(tile, bounce, TILE_BYTES);                                           \
            for (int r_ = 0; r_ < (rows); r_++) {                                             \
                memcpy((y) + r_ * (ldy), (bounce) + r_ * TILE_ROWS, (size_t)(columns) * sizeof(float)); \
            }                                                                                 \
        }                                                                                     \
    } while (0)

/* x: rows upper + lower (lower may be 0), whole tiles of k from x itself, the last partial one from tail (rows, 32). */
static inline void multiply(const uint8_t *x, int64_t ldx, const uint8_t *tail, const uint8_t *panel, float *y,
                            int64_t ldy, int upper, int lower, int64_t columns, int64_t k, float *bounce) {
    const int64_t whole = k / TILE_K;
    const int64_t step = TILE_K * PANEL * (int64_t)sizeof(uint16_t);
    /* Tile loads do not tell gcc 12 that they read memory: everything stored so far must be there. */
    __asm__ volatile("" : : : "memory");
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    if (lower) {
        const uint8_t *x1 = x + TILE_ROWS * ldx;
        for (int64_t t = 0; t < whole; t++) {
            _tile_loadd(6, panel + t * step, 2 * TILE_BYTES);
            _tile_loadd(7, panel + t * step + TILE_BYTES, 2 * TILE_BYTES);
            _tile_loadd(4, x + t * TILE_BYTES, (size_t)ldx);
            _tile_loadd(5, x1 + t * TILE_BYTES, (size_t)ldx);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    } else {
        for (int64_t t = 0; t < whole; t++) {
            _tile_loadd(6, panel + t * step, 2 * TILE_BYTES);
            _tile_loadd(7, panel + t * step + TILE_BYTES, 2 * TILE_BYTES);
            _tile_loadd(4, x + t * TILE_BYTES, (size_t)ldx);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
        }
    }
    if (whole * TILE_K < k) {
        _tile_loadd(6, panel + whole * step, 2 * TILE_BYTES);
        _tile_loadd(7, panel + whole * step + TILE_BYTES, 2 * TILE_BYTES);
        _tile_loadd(4, tail, TILE_BYTES);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if (lower) {
            _tile_loadd(5, tail + TILE_ROWS * TILE_BYTES, TILE_BYTES);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    STORE_HALF(0, y, ldy, upper, columns, bounce);
    STORE_HALF(1, y + TILE_ROWS, ldy, upper, columns - TILE_ROWS, bounce);
    if (lower) {
        float *y1 = y + TILE_ROWS * ldy;
        STORE_HALF(2, y1, ldy, lower, columns, bounce);
        STORE_HALF(3, y1 + TILE_ROWS, ldy, lower, columns - TILE_ROWS, bounce);
    }
}

/* The last k % 32 elements of `rows` rows of x, zero-padded to 32. */
static void copy_tail(const uint8_t *x, int64_t ldx, int64_t rows, int64_t k, uint8_t *tail) {
    const int64_t from = k / TILE_K * TILE_K;
    const size_t bytes = (size_t)(k - from) * sizeof(uint16_t);
    for (int64_t r = 0; bytes && r < rows; r++) {
        memcpy(tail + r * TILE_BYTES, x + r * ldx + from * (int64_t)sizeof(uint16_t), bytes);
        memset(tail + r * TILE_BYTES + bytes, 0, TILE_BYTES - bytes);
    }
}

QUERN_INLINE void matmul(const uint8_t *x, int64_t ldx, const uint8_t *w, int64_t ldw, float *y, int64_t ldy, int64_t m,
                         int64_t n0, int64_t n1, int64_t k, uint8_t *scratch, load_row_fn *convert) {
    float *bounce = (float *)(void *)scratch;                             /* (16, 16) F32: 1 KiB */
    uint8_t *tail = scratch + 1024;                                       /* (32, 32) BF16: 2 KiB */
    uint16_t *piece = (uint16_t *)(void *)(scratch + 3072);               /* (32, 256) BF16: 16 KiB */
    uint16_t *panel = (uint16_t *)(void *)(scratch + 3072 + 16384);       /* (k up to 32s, 32) BF16 */
    const int64_t whole = m / (2 * TILE_ROWS) * (2 * TILE_ROWS);
    const int rest = (int)(m - whole);
    const int rest_upper = rest < TILE_ROWS ? rest : TILE_ROWS;
    for (int64_t n = n0; n < n1; n += PANEL) {
        const int64_t columns = n1 - n < PANEL ? n1 - n : PANEL;
        pack_panel(w + n * ldw, ldw, columns, k, panel, piece, convert);
        if (whole) {
            configure(TILE_ROWS, TILE_ROWS);
        }
        for (int64_t i = 0; i < whole; i += 2 * TILE_ROWS) {
            copy_tail(x + i * ldx, ldx, 2 * TILE_ROWS, k, tail);
            multiply(x + i * ldx, ldx, tail, (const uint8_t *)panel, y + i * ldy + n, ldy, TILE_ROWS, TILE_ROWS, columns,
                     k, bounce);
        }
        if (rest) {
            configure(rest_upper, rest - rest_upper);
            copy_tail(x + whole * ldx, ldx, rest, k, tail);
            multiply(x + whole * ldx, ldx, tail, (const uint8_t *)panel, y + whole * ldy + n, ldy, rest_upper,
                     rest - rest_upper, columns, k, bounce);
        }
    }
    _tile_release();
}

#define WEIGHTS(format, convert)                                                                                  \
    void QN(matmul_bf16_##format)(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y, int64_t ldy,  \
                                  int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch) {                  \
        matmul(x, ldx, w, ldw, y, ldy, m, n0, n1, k, scratch, convert);                                           \
    }

WEIGHTS(bf16, 0)
WEIGHTS(f16, load_row_f16)
WEIGHTS(q8_0, load_row_q8_0)
WEIGHTS(q4_0, load_row_q4_0)
WEIGHTS(q4_k, load_row_q4_k)
WEIGHTS(q6_k, load_row_q6_k)
