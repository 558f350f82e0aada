/*
 * One vector of F32 per tier, so that a kernel whose structure is the same everywhere is written once:
 *
 *   vf            a vector of VL floats (4 baseline, 8 AVX2, 16 AVX-512); + - * / work on it lane by lane
 *   v_load_n      loads n < VL floats, reads not one byte more, zeros the rest; v_store_n is its mirror
 *   v_fma(a,b,c)  a * b + c, rounded once where the tier has it, twice in the baseline
 *   v_max, v_min  give the second operand when either is NaN
 *   v_sum         adds lanes pairwise, halves first: a fixed order
 *   v_..._pair    2 VL elements of 16 bits as two vectors: BF16 as those at even and at odd places, F16 one after the other
 *   v_stream      stores past the caches where the tier can, at aligned addresses; v_stream_end before anybody reads
 *   v_reciprocal  1 / a for a in [1, 2]
 *   v_sum_each    the sums of VL vectors as one vector, lane i that of v[i]; a fixed order too
 *
 * The library is compiled with -ffp-contract=off: what is fused is fused by name, so a result never depends on how
 * the compiler happened to inline a loop.
 */
#ifndef QUERN_SIMD_H
#define QUERN_SIMD_H

#include "block.h"
#include "tier.h"

#if defined(QUERN_TIER_AVX512) || defined(QUERN_TIER_AMX)
#include "simd_avx512.h"
#elif defined(QUERN_TIER_AVX2)
#include "simd_avx2.h"
#else
#include "simd_baseline.h"
#endif

QUERN_INLINE vf v_zero(void) { return v_set1(0.0f); }

/* Loads min(n, VL) floats; n > 0. */
QUERN_INLINE vf v_load_upto(const float *p, int64_t n) { return n >= VL ? v_load(p) : v_load_n(p, (int)n); }

/* Stores min(n, VL) floats; n > 0. */
QUERN_INLINE void v_store_upto(float *p, vf v, int64_t n) {
    if (n >= VL) {
        v_store(p, v);
    } else {
        v_store_n(p, v, (int)n);
    }
}

#endif
