/*
 * matvec_bf16_bf16 for the processors that have AMX, whose memory waits for nothing but more streams. The bits are those of
 * matvec_pairs.h.
 */
#include "matvec_pairs.h"

/*
 * A single row meets STREAMS rows of w, each LAG elements behind the one before: rows are often whole pages long, and eight
 * streams that end their pages at the same time leave the memory waiting (measured, two cores, 2 MiB pages, 1 MiB slices,
 * GB/s: four streams side by side 23.3, eight 23.5, four with a lag 25.2, eight 26.6; a plain reading loop 26.2). The lag
 * costs a beginning and an end with fewer streams, so slices are longer than the others'. Chains and their order are those of dot_bf16, so are the bits.
 */
enum { STREAMS = 8, LAG = 256 };

/* LAG elements of `streams` streams from `first` on; stream r stands at its piece t - r. */
QUERN_INLINE void advance(const int streams, int first, vf acc[][2], const uint16_t *w, int64_t far, const uint16_t *x,
                          int64_t pieces, int64_t t) {
    const uint16_t *wr[STREAMS];
    const uint16_t *xr[STREAMS];
    for (int r = 0; r < streams; r++) {
        const int64_t piece = t - first - r;
        wr[r] = w + (first + r) * far + piece * LAG;
        xr[r] = x + piece % pieces * LAG;
    }
    for (int64_t p = 0; p < LAG; p += 64) {
#pragma GCC unroll 8
        for (int r = 0; r < streams; r++) {
            __builtin_prefetch((const uint8_t *)(wr[r] + p) + PAIR_AHEAD);
            __builtin_prefetch((const uint8_t *)(wr[r] + p) + PAIR_AHEAD + 64);
            vf *a = acc[first + r];
            a[0] = _mm512_dpbf16_ps(a[0], load_pairs(wr[r] + p), load_pairs(xr[r] + p));
            a[1] = _mm512_dpbf16_ps(a[1], load_pairs(wr[r] + p + 32), load_pairs(xr[r] + p + 32));
        }
    }
}

/* y[n] for STREAMS * rows rows; x and each row have `pieces` whole pieces of LAG elements. */
static void stream_bf16(const uint16_t *w, const uint16_t *x, int64_t pieces, float *y, int64_t rows) {
    const int64_t end = rows * pieces;
    vf acc[STREAMS][2];
    for (int r = 0; r < STREAMS; r++) {
        acc[r][0] = v_zero();
        acc[r][1] = v_zero();
    }
    for (int64_t t = 0; t < end + STREAMS - 1; t++) {
        const int begun = t < STREAMS ? (int)t + 1 : STREAMS;
        const int ended = t < end ? 0 : (int)(t - end) + 1;
        if (ended == 0 && begun == STREAMS) {
            advance(STREAMS, 0, acc, w, end * LAG, x, pieces, t);
        } else {
            for (int r = ended; r < begun; r++) {
                advance(1, r, acc, w, end * LAG, x, pieces, t);
            }
        }
        for (int r = ended; r < begun; r++) {
            if ((t - r + 1) % pieces == 0) {
                y[r * rows + (t - r) / pieces] = v_sum(acc[r][0] + acc[r][1]);
                acc[r][0] = v_zero();
                acc[r][1] = v_zero();
            }
        }
    }
}

void QN(matvec_bf16_bf16)(const void *x, int64_t ldx, const void *w, int64_t ldw, float *y, int64_t ldy, int64_t m,
                          int64_t n0, int64_t n1, int64_t k, void *scratch) {
    (void)scratch;
    const int64_t rows = (n1 - n0) / STREAMS;
    if (m == 1 && ldw == k * (int64_t)sizeof(uint16_t) && k > 0 && k % LAG == 0 && rows > 0) {
        stream_bf16((const uint16_t *)w + n0 * k, x, k / LAG, y + n0, rows);
        n0 += STREAMS * rows;
    }
    matvec_pairs(x, ldx, w, ldw, y, ldy, m, n0, n1, k);
}
