/*
 * y[i, n] = sum over p of x[i, p] * w[n, p],  n in [n0, n1): BF16 activations times weights of any 16-bit or block
 * format, for many rows (FAST precision, prefill): on AMX tiles, or by AVX-512's BF16 dot products (tile_dots.h) over the same loops.
 *
 *   x: BF16 in the tile order of quern_convert_{f32,bf16}_bf16_tiles, ldx = 2 * (k rounded up to 32) bytes per row, starting at
 *   a multiple of 32 rows; w: (N, k), ldw bytes per row, at row 0; y: (m, N) F32, ldy floats.
 *   scratch: quern_scratch_bytes(k), 64-byte aligned.
 *
 * The weights are the left operand of the tile product and the activations the right one, so it computes y's transpose:
 * a weight's tile (16 rows, 32 along k) is then 16 pieces of its rows as they are stored, and unpacking 8-bit blocks
 * needs no transposition. Activations are transposed once per product, results on their way out.
 *
 * Loops: weights COLUMNS rows at a time; activations by ROWS; k by PIECE: convert COLUMNS x PIECE weights to BF16 tiles
 * (128 KiB, second-level cache); activation rows by 32 (16 KiB of tiles, first-level cache); weight rows by 32: two
 * tiles of w, two of x, four sums. Two by two, because four loads then feed four products, and a tile from the
 * second-level cache takes about as long as a product: what matters is that nothing comes from farther away (measured,
 * one core: 1,600 GFLOP/s when both operands are in the second level, 700 when one comes from the third). Sums of
 * unfinished pieces wait in scratch, 512 KiB at most, as tiles. The next activations and the next piece of weights are
 * fetched meanwhile: pieces of rows are too short for the hardware's prefetcher (a whole prefill of 512 tokens from
 * memory: 12% faster). A group's finished sums leave for y between the next group's products: 3 to 8% more with F32 results
 * (1024 x 1024 x 1024, one core: 1,085 GFLOP/s instead of 1,040). Unpacking weights there as well gains 4 to 10% with 512 rows and
 * loses as much with few: what limits is reading tiles from the second level, not the tiles' arithmetic.
 *
 * matmul_gated: y = f(x gate^T) * (x up^T), rounded to BF16 and in the order of tiles, as the next product wants it. The
 * upper tile of a pair is then gate's and the lower one up's, so f meets both factors in the same lane, and since the
 * sums are the transpose, two of their rows are the pairs along the next product's k: nothing is transposed, and
 * nothing is written as F32 (a feed-forward layer of 512 tokens, 2048 to 8192 in Q8_0: 1,010 GFLOP/s on one core,
 * 760 in parts).
 *
 * matmul_bf16_bf16_to_bf16 rounds its results to BF16, once; denormal ones become zero.
 *
 * BF16 weights that meet few rows are not unpacked at all: tile_stored.h, with the same bits.
 *
 * An element's bits depend on its row, its column and k only. Denormal inputs count as zero (tdpbf16ps).
 */
#include "dequant.h"
#include "dequant_levels.h"
#include "quern.h"
#include "tile_stored.h"

enum {
    PIECE = 256,   /* k between two visits of the sums: a multiple of every block length */
    COLUMNS = 256, /* weight rows whose tiles are in scratch at a time */
    ROWS = 512,       /* activation rows whose sums are in scratch at a time */
    FETCH_ROWS = 128  /* from so many rows on there is time to fetch weights ahead */
};

/* Unpackers: n elements of a row from p on to BF16, 32 at a time to out, out + 512, ...: one row of consecutive tiles. */
typedef void unpack_fn(const uint8_t *row, int64_t p, int64_t n, uint16_t *out);

enum { NEXT_TILE = TILE_SIZE / (int)sizeof(uint16_t) };

QUERN_INLINE void unpack_bf16(const uint8_t *row, int64_t p, int64_t n, uint16_t *out) {
    const uint16_t *in = (const uint16_t *)(const void *)row + p;
    for (; n >= TILE_K; n -= TILE_K, in += TILE_K, out += NEXT_TILE) {
        _mm512_store_si512(out, _mm512_loadu_si512(in));
    }
    if (n > 0) {
        _mm512_store_si512(out, _mm512_maskz_loadu_epi16((1u << n) - 1u, in));
    }
}

QUERN_INLINE void unpack_f16(const uint8_t *row, int64_t p, int64_t n, uint16_t *out) {
    const uint16_t *in = (const uint16_t *)(const void *)row + p;
    for (; n > 0; n -= TILE_K, in += TILE_K, out += NEXT_TILE) {
        const uint32_t mask = n >= TILE_K ? 0xffffffffu : (1u << n) - 1u;
        const __m512i halves = _mm512_maskz_loadu_epi16(mask, in);
        const vf low = _mm512_cvtph_ps(_mm512_castsi512_si256(halves));
        const vf high = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1));
        _mm512_store_si512(out, narrow_pair(low, high));
    }
}

QUERN_INLINE void unpack_f32(const uint8_t *row, int64_t p, int64_t n, uint16_t *out) {
    const float *in = (const float *)(const void *)row + p;
    for (; n > 0; n -= TILE_K, in += TILE_K, out += NEXT_TILE) {
        const vf high = n > VL ? v_load_upto(in + VL, n - VL) : v_zero();
        _mm512_store_si512(out, narrow_pair(v_load_upto(in, n), high));
    }
}

/* The F16 at b in all lanes. */
QUERN_INLINE vf f16_everywhere(const uint8_t *b) {
    return _mm512_cvtph_ps(_mm256_set1_epi16((int16_t)load_u16(b)));
}

QUERN_INLINE void unpack_q8_0(const uint8_t *row, int64_t p, int64_t n, uint16_t *out) {
    const uint8_t *b = row + p / QUERN_BLOCK * QUERN_Q8_0_BYTES;
    for (; n > 0; n -= QUERN_BLOCK, b += QUERN_Q8_0_BYTES, out += NEXT_TILE) {
        const vf d = f16_everywhere(b);
        const vf low = v_load_i8((const int8_t *)b + Q8_0_QS) * d;
        const vf high = v_load_i8((const int8_t *)b + Q8_0_QS + 16) * d;
        _mm512_store_si512(out, narrow_pair(low, high));
    }
}

/*
 * Four-bit values look their BF16 up in a table of 16, which stands in the vector twice: the index has five bits, and
 * what follows the low nibble does not matter. bytes: 16 bytes, low nibbles first, then the high ones.
 */
QUERN_INLINE __m512i look_up(vf values, __m512i bytes) {
    const __m256i table = (__m256i)_mm512_cvtneps_pbh(values);
    return _mm512_permutexvar_epi16(bytes, _mm512_broadcast_i64x4(table));
}

QUERN_INLINE vf zero_to_15(void) {
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

QUERN_INLINE void unpack_q4_0(const uint8_t *row, int64_t p, int64_t n, uint16_t *out) {
    const vf values = zero_to_15() - v_set1(8.0f);
    const __m512i shift = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(4), 1);
    const uint8_t *b = row + p / QUERN_BLOCK * QUERN_Q4_0_BYTES;
    for (; n > 0; n -= QUERN_BLOCK, b += QUERN_Q4_0_BYTES, out += NEXT_TILE) {
        const __m128i packed = _mm_loadu_si128((const __m128i *)(const void *)(b + Q4_0_QS));
        const __m512i bytes = _mm512_cvtepu8_epi16(_mm256_set_m128i(packed, packed));
        _mm512_store_si512(out, look_up(values * f16_everywhere(b), _mm512_srlv_epi16(bytes, shift)));
    }
}

QUERN_INLINE void unpack_q4_k(const uint8_t *row, int64_t p, int64_t n, uint16_t *out) {
    const vf values = zero_to_15();
    const uint8_t *b = row + p / QUERN_SUPER * QUERN_Q4_K_BYTES;
    for (; n > 0; n -= QUERN_SUPER, b += QUERN_Q4_K_BYTES) {
        const float d = f16_to_f32(load_u16(b));
        const float dmin = f16_to_f32(load_u16(b + Q4_K_DMIN));
        for (int j = 0; j < 8; j += 2, out += 2 * NEXT_TILE) { /* 32 bytes: low nibbles are j's, high ones j + 1's */
            uint8_t s[2];
            uint8_t m[2];
            q4_k_scale_min(b + Q4_K_SCALES, j, &s[0], &m[0]);
            q4_k_scale_min(b + Q4_K_SCALES, j + 1, &s[1], &m[1]);
            const __m512i bytes = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(b + Q4_K_QS + 16 * j)));
            const vf low = values * v_set1(d * (float)s[0]) - v_set1(dmin * (float)m[0]);
            const vf high = values * v_set1(d * (float)s[1]) - v_set1(dmin * (float)m[1]);
            _mm512_store_si512(out, look_up(low, bytes));
            _mm512_store_si512(out + NEXT_TILE, look_up(high, _mm512_srli_epi16(bytes, 4)));
        }
    }
}

QUERN_INLINE void unpack_q6_k(const uint8_t *row, int64_t p, int64_t n, uint16_t *out) {
    const uint8_t *b = row + p / QUERN_SUPER * QUERN_Q6_K_BYTES;
    for (; n > 0; n -= QUERN_SUPER, b += QUERN_Q6_K_BYTES) {
        const float d = f16_to_f32(load_u16(b + Q6_K_D));
        const int8_t *scale = (const int8_t *)b + Q6_K_SCALES;
        for (int h = 0; h < 2; h++) {
            int8_t q[128] __attribute__((aligned(64)));
            unpack_q6_k_half(b + 64 * h, b + Q6_K_QH + 32 * h, q);
            for (int g = 0; g < 8; g += 2, out += NEXT_TILE) {
                const vf low = v_load_i8(q + 16 * g) * v_set1(d * (float)scale[8 * h + g]);
                const vf high = v_load_i8(q + 16 * g + 16) * v_set1(d * (float)scale[8 * h + g + 1]);
                _mm512_store_si512(out, narrow_pair(low, high));
            }
        }
    }
}

/* Any other format, by way of F32 in the first-level cache. */
QUERN_INLINE void unpack_by_floats(const uint8_t *row, int64_t p, int64_t n, uint16_t *out, load_row_fn *load) {
    float piece[PIECE] __attribute__((aligned(64)));
    load(row, p, piece, n);
    for (int64_t i = 0; i < n; i += TILE_K, out += NEXT_TILE) {
        _mm512_store_si512(out, narrow_pair(v_load(piece + i), v_load(piece + i + VL)));
    }
}

/* Rows of w, k from p to p + n, as tiles (rows / 16, PIECE / 32): rows that fill up the last 32 are zero. */
QUERN_INLINE void unpack_tiles(const weights *w, int64_t p, int64_t n, uint16_t *tiles, unpack_fn *unpack) {
    const int64_t rows = group_count(w, w->columns) * PAIR;
    for (int64_t r = 0; r < rows; r++) {
        uint16_t *out = tiles + r / TILE * (TILE * PIECE) + r % TILE * TILE_K;
        const uint8_t *row = weight_row(w, r);
        if (row) {
            unpack(row, p, n, out);
        } else {
            for (int64_t q = 0; q < n; q += TILE_K, out += NEXT_TILE) {
                _mm512_store_si512(out, _mm512_setzero_si512());
            }
        }
    }
}

/* Finished sums of a group, to be stored while the next ones are computed. */
typedef struct waiting {
    const float *sums;
    const results *out;
    int64_t i; /* as in store_part */
    int64_t rows;
    int64_t group;
    int64_t columns;
    int64_t part; /* to be stored next */
    int64_t parts;
} waiting;

static __attribute__((noinline)) void store_next(waiting *w) {
    store_part(w->sums, w->out, w->i, w->rows, w->group, w->columns, w->part++);
}

QUERN_INLINE void store_rest(waiting *w) {
    while (w->part < w->parts) {
        store_next(w);
    }
}

/* sums (4 tiles) += 32 rows of w times up to 32 rows of x, over `steps` tiles along k. */
#if defined(QUERN_TIER_AMX)
QUERN_INLINE void multiply(const uint8_t *w, const uint8_t *x, float *sums, int64_t steps, int first, int right,
                           waiting *others) {
    const uint8_t *lower = w + TILE * PIECE * (int64_t)sizeof(uint16_t);
    fence();
    if (first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, sums, TILE_BYTES);
        _tile_loadd(1, sums + 256, TILE_BYTES);
        _tile_loadd(2, sums + 512, TILE_BYTES);
        _tile_loadd(3, sums + 768, TILE_BYTES);
    }
    if (right) {
        for (int64_t t = 0; t < steps; t++) {
            _tile_loadd(4, w + t * TILE_SIZE, TILE_BYTES);
            _tile_loadd(6, x + t * 2 * TILE_SIZE, TILE_BYTES);
            _tile_dpbf16ps(0, 4, 6);
            _tile_loadd(7, x + t * 2 * TILE_SIZE + TILE_SIZE, TILE_BYTES);
            _tile_dpbf16ps(1, 4, 7);
            _tile_loadd(5, lower + t * TILE_SIZE, TILE_BYTES);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
            if (others->part < others->parts) {
                store_next(others);
            }
        }
    } else {
        for (int64_t t = 0; t < steps; t++) {
            _tile_loadd(6, x + t * 2 * TILE_SIZE, TILE_BYTES);
            _tile_loadd(4, w + t * TILE_SIZE, TILE_BYTES);
            _tile_dpbf16ps(0, 4, 6);
            _tile_loadd(5, lower + t * TILE_SIZE, TILE_BYTES);
            _tile_dpbf16ps(2, 5, 6);
        }
    }
    _tile_stored(0, sums, TILE_BYTES);
    _tile_stored(1, sums + 256, TILE_BYTES);
    _tile_stored(2, sums + 512, TILE_BYTES);
    _tile_stored(3, sums + 768, TILE_BYTES);
    fence();
}
#else
QUERN_INLINE void multiply(const uint8_t *w, const uint8_t *x, float *sums, int64_t steps, int first, int right,
                           waiting *others) {
    const left_rows left = {w, w + TILE * PIECE * (int64_t)sizeof(uint16_t), TILE_BYTES, TILE_SIZE};
    (void)others; /* nothing waits here while they are stored */
    dot_tiles(&left, x, steps, sums, first, right);
}
#endif

/* The next group of activations is fetched while this one is multiplied: 16 KiB, shared out over `parts`. */
QUERN_INLINE void prefetch_part(const uint8_t *next, int64_t bytes, int64_t part, int64_t parts) {
    const int64_t each = (bytes / 64 + parts - 1) / parts * 64;
    for (int64_t at = part * each; at < (part + 1) * each && at < bytes; at += 64) {
        _mm_prefetch((const char *)next + at, _MM_HINT_T1);
    }
}

/* The weights to be unpacked next, `bytes` of each row, are fetched meanwhile: some rows at every step. */
QUERN_INLINE void prefetch_rows(const weights *next, int64_t bytes, int64_t part, int64_t parts) {
    const int64_t rows = group_count(next, next->columns) * PAIR;
    for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; r++) {
        const char *row = (const char *)weight_row(next, r);
        for (int64_t at = 0; row && at < bytes + 63; at += 64) {
            _mm_prefetch(row + at, _MM_HINT_T1);
        }
    }
}

/* One piece of k for all groups of rows: x and out at the first of m rows. */
QUERN_INLINE void multiply_piece(const uint8_t *x, int64_t ldx, const uint16_t *tiles, float *sums, const results *out,
                                 int64_t m, int64_t columns, int64_t groups, int64_t p, int64_t n, int64_t k,
                                 const weights *next, int64_t next_bytes) {
    const int64_t steps = (n + TILE_K - 1) / TILE_K;
    const uint8_t *piece = x + p / TILE_K * 2 * TILE_SIZE;
    waiting finished = {0};
    for (int64_t i = 0; i < m; i += PAIR) {
        const uint8_t *xi = piece + i * ldx;
        const int64_t rows = m - i;
        for (int64_t g = 0; g < groups; g++) {
            float *sum = sums + (i / PAIR * (COLUMNS / PAIR) + g) * 4 * 256;
            if (rows > PAIR) {
                prefetch_part(xi + PAIR * ldx, steps * 2 * TILE_SIZE, g, groups);
            }
            if (next_bytes > 0 && m >= FETCH_ROWS) {
                prefetch_rows(next, next_bytes, i / PAIR * groups + g, (m + PAIR - 1) / PAIR * groups);
            }
            const uint8_t *w = (const uint8_t *)(tiles + g * PAIR * PIECE);
            multiply(w, xi, sum, steps, p == 0, rows > TILE, &finished);
            store_rest(&finished);
            if (p + n == k) {
                finished = (waiting){sum, out, i, rows, g, columns, 0, store_parts(out)};
            }
        }
    }
    store_rest(&finished);
}

/* Columns [n0, n1) of m rows; w and y at column 0. */
QUERN_INLINE void matmul(const uint8_t *x, int64_t ldx, const weights *w, const results *y, int64_t m, int64_t n0,
                         int64_t n1, int64_t k, uint8_t *scratch, int64_t piece_bytes, unpack_fn *unpack) {
    uint16_t *tiles = (uint16_t *)(void *)scratch;                                             /* (COLUMNS, PIECE) */
    float *sums = (float *)(void *)(scratch + COLUMNS * PIECE * (int64_t)sizeof(uint16_t));    /* (ROWS, COLUMNS) */
    const int64_t most = COLUMNS / PAIR * w->group;
    configure();
    for (int64_t n = n0; n < n1; n += most) {
        const int64_t columns = n1 - n < most ? n1 - n : most;
        for (int64_t i = 0; i < m; i += ROWS) {
            const int64_t rows = m - i < ROWS ? m - i : ROWS;
            const results out = {y->y + i * y->ld + n * result_bytes(y), y->ld, y->kind};
            const weights here = weights_at(w, n, columns, 0);
            for (int64_t p = 0; p < k || p == 0; p += PIECE) { /* once even if k is 0: sums of nothing are stored */
                const int64_t depth = k - p < PIECE ? k - p : PIECE;
                unpack_tiles(&here, p, depth, tiles, unpack);
                weights next = weights_at(&here, 0, columns, (p / PIECE + 1) * piece_bytes);
                if (p + PIECE >= k) { /* the next rows of weights, or the same again for other activations */
                    const int64_t following = i + ROWS < m ? n : n + most;
                    const int64_t left = n1 - following;
                    next = weights_at(w, following, left < 0 ? 0 : left < most ? left : most, 0);
                }
                multiply_piece(x + i * ldx, ldx, tiles, sums, &out, rows, columns, group_count(w, columns), p, depth, k,
                               &next, piece_bytes);
            }
        }
    }
    release();
}

/* 32 elements from `in` on as BF16, zeros beyond n. */
typedef __m512i tile_row_fn(const uint8_t *in, int64_t n);

QUERN_INLINE __m512i tile_row_f32(const uint8_t *in, int64_t n) {
    const float *x = (const float *)(const void *)in;
    const vf high = n > VL ? v_load_upto(x + VL, n - VL) : v_zero();
    return narrow_pair(v_load_upto(x, n), high);
}

QUERN_INLINE __m512i tile_row_bf16(const uint8_t *in, int64_t n) {
    return n >= TILE_K ? _mm512_loadu_si512(in) : _mm512_maskz_loadu_epi16((1u << n) - 1u, in);
}

/*
 * x (rows, k), elements of `bytes`, to BF16 tiles: groups of 32 rows, each (k / 32, 2 halves of 16 rows, 16 pairs along
 * k, 16 rows, 2). ldy: 2 * (k rounded up to 32) bytes per row. What fills up the last rows and columns is zero; a right
 * half without any row is left alone.
 */
QUERN_INLINE void to_tiles(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t rows, int64_t k, int64_t bytes,
                           tile_row_fn *row) {
    for (int64_t r = 0; r < rows; r += TILE) {
        const uint8_t *in = (const uint8_t *)x + r * ldx;
        uint8_t *out = (uint8_t *)y + r / PAIR * PAIR * ldy + r % PAIR / TILE * TILE_SIZE;
        for (int64_t p = 0; p < k; p += TILE_K, out += 2 * TILE_SIZE) {
            vf t[TILE];
            for (int64_t j = 0; j < TILE; j++) {
                t[j] = r + j < rows ? _mm512_castsi512_ps(row(in + j * ldx + p * bytes, k - p)) : v_zero();
            }
            v_transpose(t);
            for (int j = 0; j < TILE; j++) {
                v_store((float *)(void *)(out + j * TILE_BYTES), t[j]);
            }
        }
    }
}

void QN(convert_f32_bf16_tiles)(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t rows, int64_t k) {
    to_tiles(x, ldx, y, ldy, rows, k, sizeof(float), tile_row_f32);
}

void QN(convert_bf16_bf16_tiles)(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t rows, int64_t k) {
    to_tiles(x, ldx, y, ldy, rows, k, sizeof(uint16_t), tile_row_bf16);
}

#define WEIGHTS(format, piece_bytes, stored)                                                                         \
    QUERN_INLINE void matmul_##format(const uint8_t *x, int64_t ldx, const weights *w, const results *y, int64_t m,  \
                                      int64_t n0, int64_t n1, int64_t k, uint8_t *scratch) {                         \
        if (stored && stored_pays(m, k)) {                                                                           \
            multiply_stored(x, ldx, w, y, m, n0, n1, k);                                                             \
        } else {                                                                                                     \
            matmul(x, ldx, w, y, m, n0, n1, k, scratch, piece_bytes, unpack_##format);                               \
        }                                                                                                            \
    }                                                                                                                \
    void QN(matmul_bf16_##format)(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y, int64_t ldy,     \
                                  int64_t m, int64_t n0, int64_t n1, int64_t k, void *scratch) {                     \
        const uint8_t *rows = w;                                                                                     \
        const weights all = {rows, rows + TILE * ldw, ldw, PAIR, n1};                                                \
        const results out = {(uint8_t *)y, ldy * (int64_t)sizeof *y, RESULT_ROWS};                                             \
        matmul_##format(x, ldx, &all, &out, m, n0, n1, k, scratch);                                                  \
    }                                                                                                                \
    void QN(matmul_gated_bf16_##format)(const void *x, int64_t ldx, const void *gate, const void *up, int64_t ldw,   \
                                        void *y, int64_t ldy, int64_t m, int64_t n0, int64_t n1, int64_t k,          \
                                        void *scratch, int64_t kind) {                                               \
        const weights all = {gate, up, ldw, TILE, n1};                                                               \
        const results out = {y, ldy, kind};                                                                          \
        matmul_##format(x, ldx, &all, &out, m, n0, n1, k, scratch);                                                  \
    }

/* stored: rows of weights that are tiles. No bytes: pieces of 512 bytes are long enough for the hardware's prefetcher, and 4% faster without ours. */
WEIGHTS(bf16, 0, 1)
WEIGHTS(f16, 0, 0)
WEIGHTS(f32, 0, 0)
WEIGHTS(q8_0, PIECE / QUERN_BLOCK * QUERN_Q8_0_BYTES, 0)
WEIGHTS(q4_0, PIECE / QUERN_BLOCK * QUERN_Q4_0_BYTES, 0)
WEIGHTS(q4_k, QUERN_Q4_K_BYTES, 0)
WEIGHTS(q6_k, QUERN_Q6_K_BYTES, 0)

#define UNPACKED(format, tier)                                                                  \
    QUERN_INLINE void unpack_##format(const uint8_t *row, int64_t p, int64_t n, uint16_t *out) { \
        unpack_by_floats(row, p, n, out, load_row_##format);                                    \
    }                                                                                           \
    WEIGHTS(format, 0, 0)
QUERN_UNPACKED(UNPACKED, )

/* The same with results rounded to BF16. */
void QN(matmul_bf16_bf16_to_bf16)(const void *x, int64_t ldx, const void *w, int64_t ldw, void *y, int64_t ldy, int64_t m,
                                  int64_t n0, int64_t n1, int64_t k, void *scratch) {
    const uint8_t *rows = w;
    const weights all = {rows, rows + TILE * ldw, ldw, PAIR, n1};
    const results out = {y, ldy * (int64_t)sizeof(uint16_t), RESULT_BF16_ROWS};
    matmul_bf16(x, ldx, &all, &out, m, n0, n1, k, scratch);
}
