/*
 * Tiers: the same source is compiled once per tier with that tier's machine flags and one of these macros, which
 * CMake sets: QUERN_TIER_BASELINE, QUERN_TIER_AVX2, QUERN_TIER_AVX512, QUERN_TIER_AMX. QN(name) is the tier's symbol.
 */
#ifndef QUERN_TIER_H
#define QUERN_TIER_H

#if defined(QUERN_TIER_AMX)
#define QN(name) quern_##name##_amx
#elif defined(QUERN_TIER_AVX512)
#define QN(name) quern_##name##_avx512
#elif defined(QUERN_TIER_AVX2)
#define QN(name) quern_##name##_avx2
#elif defined(QUERN_TIER_BASELINE)
#define QN(name) quern_##name##_baseline
#else
#error "a QUERN_TIER_... macro must be defined"
#endif

#endif
