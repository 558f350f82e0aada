/*
 * Dropout: y[i] = scale x[i] where u[i] is at least `least`, else 0. u[i] is the upper 24 bits of word i % 4 of Philox4x32-10
 * (Salmon et al. 2011) with this key and the counter `counter` + i / 4: the numbers of the reference, bit for bit.
 *
 * x, y: (n) F32, y may be x. Loops: LANES counters at a time, whose four words are computed side by side in arrays that the
 * compiler keeps in vectors, then the 4 LANES elements that they decide.
 *
 * Floor: ten rounds of two 32 x 32 bit products for four elements.
 */
#include "quern.h"
#include "simd.h"

enum { LANES = 16, ROUNDS = 10 };

/* kept[i]: all ones where the word says so, of 4 LANES elements. */
static void draw(uint32_t *kept, uint64_t key, uint64_t counter, uint32_t least) {
    uint32_t c0[LANES];
    uint32_t c1[LANES];
    uint32_t c2[LANES] = {0};
    uint32_t c3[LANES] = {0};
    uint32_t k0 = (uint32_t)key;
    uint32_t k1 = (uint32_t)(key >> 32);
    for (int i = 0; i < LANES; i++) {
        const uint64_t at = counter + (uint64_t)i;
        c0[i] = (uint32_t)at;
        c1[i] = (uint32_t)(at >> 32);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < LANES; i++) {
            const uint64_t p0 = (uint64_t)0xD2511F53u * c0[i];
            const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c1[i] = (uint32_t)p1;
            c3[i] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < LANES; i++) {
        kept[4 * i] = c0[i] >> 8 >= least ? ~0u : 0u;
        kept[4 * i + 1] = c1[i] >> 8 >= least ? ~0u : 0u;
        kept[4 * i + 2] = c2[i] >> 8 >= least ? ~0u : 0u;
        kept[4 * i + 3] = c3[i] >> 8 >= least ? ~0u : 0u;
    }
}

void QN(dropout)(const float *x, float *y, int64_t n, int64_t key, int64_t counter, int64_t least, float scale) {
    uint32_t kept[4 * LANES];
    for (int64_t i = 0; i < n; i += 4 * LANES) {
        draw(kept, (uint64_t)key, (uint64_t)counter + (uint64_t)i / 4, (uint32_t)least);
        const int64_t many = n - i < 4 * LANES ? n - i : 4 * LANES;
        for (int64_t j = 0; j < many; j++) {
            const float scaled = x[i + j] * scale;
            uint32_t bits;
            memcpy(&bits, &scaled, sizeof bits);
            bits &= kept[j];
            memcpy(y + i + j, &bits, sizeof bits);
        }
    }
}
