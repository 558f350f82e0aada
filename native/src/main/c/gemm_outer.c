/*
 * Products that sum over a long k and have a small result, F32 by F32, both rounded to BF16, on AMX tiles: gradients of weights,
 * y[i, j] = sum over p of a[p, i] * b[p, j].
 *
 *   a: (k, m), lda; b: (k, n), ldb: floats from row to row, rows contiguous; m + n: at most 1,152;
 *   sums: tiles of F32, (m / 32, n / 32, 2, 2, 16, 16), group bytes from 32 rows to the next: all of them for this range of k,
 *   also those of rows and columns that do not exist; scratch: quern_scratch_bytes(k), 64-byte aligned.
 *
 * Both operands come from memory, and row by row, or its prefetcher does not follow: hence k by DEPTH, a and b of this k brought
 * into tiles (384 KiB of 384 rows and columns), then all their products, whose sums wait in the second-level cache (576 KiB).
 * Slices take ranges of k, each with sums of its own: gemm_outer_sums adds those of all ranges in their order and stores them as
 * rows. 384 x 384 of k 4,096 take 2.3 to 2.7 ms of a core instead of gemm_bf16.c's 3.1, everything in memory. Fetching the next
 * DEPTH while tiles multiply loses: 2.8 ms against 2.3 without, in a loop of such products.
 *
 * An element's bits depend on its row, its column, k and the ranges only. Denormal inputs count as zero (tdpbf16ps).
 */
#include "quern.h"
#include "tiles.h"

enum {
    DEPTH = 256,
    STEP = 2 * TILE_SIZE,        /* bytes of 32 rows or columns and 32 of k */
    PANEL = DEPTH / TILE_K * STEP, /* of DEPTH of k */
    SUMS = 4 * TILE * TILE,
    LINE = 64 / (int)sizeof(float)
};

/* Four sums += 32 columns of a times 32 of b over `steps` tiles along k. */
static __attribute__((noinline)) void multiply(const uint8_t *left, const uint8_t *right, float *sums, const float *next,
                                               int64_t steps, int first) {
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
    for (int64_t t = 0; t < steps; t++, left += STEP, right += STEP) {
        _tile_loadd(4, left, TILE_BYTES);
        _tile_loadd(6, right, TILE_BYTES);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, right + TILE_SIZE, TILE_BYTES);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, left + TILE_SIZE, TILE_BYTES);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        for (int64_t i = 0; i < 8; i++) { /* the next sums, to the first level */
            _mm_prefetch((const char *)(next + (t * 8 + i) * LINE), _MM_HINT_T0);
        }
        fence();
    }
    _tile_stored(0, sums, TILE_BYTES);
    _tile_stored(1, sums + 256, TILE_BYTES);
    _tile_stored(2, sums + 512, TILE_BYTES);
    _tile_stored(3, sums + 768, TILE_BYTES);
    fence();
}

QUERN_INLINE int64_t groups(int64_t n) { return (n + PAIR - 1) / PAIR; }

void QN(gemm_outer_bf16)(const float *a, int64_t lda, const float *b, int64_t ldb, float *sums, int64_t group, int64_t m, int64_t n,
                         int64_t k, void *scratch) {
    uint8_t *left = scratch;
    uint8_t *right = left + groups(m) * PANEL;
    const int64_t across = groups(n);
    const int64_t down = groups(m);
    configure();
    for (int64_t p = 0; p < k; p += DEPTH) {
        const int64_t depth = k - p < DEPTH ? k - p : DEPTH;
        const int64_t steps = groups(depth);
        QN(gemm_left_columns_bf16)(a + p * lda, lda * 4, left, DEPTH * 2, m, depth);
        QN(gemm_columns_bf16)(b + p * ldb, ldb * 4, right, DEPTH * 2, n, depth);
        for (int64_t i = 0; i < down; i++) {
            float *sum = (float *)(void *)((uint8_t *)sums + i * group);
            for (int64_t j = 0; j < across; j++, sum += SUMS) {
                const float *following = j + 1 < across ? sum + SUMS : (const float *)(const void *)((uint8_t *)sums + (i + 1) * group);
                multiply(left + i * PANEL, right + j * PANEL, sum, following, steps, p == 0);
            }
        }
    }
    _tile_release();
}

/* m rows, n columns of y: the sums of `ranges` ranges, `range` bytes apart. m: at most 32. */
void QN(gemm_outer_sums)(const float *sums, int64_t range, int64_t ranges, float *y, int64_t ldy, int64_t m, int64_t n) {
    for (int64_t j = 0; j < n; j += TILE) {
        for (int64_t i = 0; i < m; i++) {
            const float *in = sums + j / PAIR * SUMS + (i / TILE * 2 + j % PAIR / TILE) * TILE * TILE + i % TILE * TILE;
            vf v = v_load(in);
            for (int64_t r = 1; r < ranges; r++) {
                v += v_load((const float *)(const void *)((const uint8_t *)in + r * range));
            }
            if (n - j >= TILE) {
                v_store(y + i * ldy + j, v);
            } else {
                v_store_upto(y + i * ldy + j, v, n - j);
            }
        }
    }
}
