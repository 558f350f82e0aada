/*
 * Loops that keep one unit of the processor busy and do nothing else: what it reaches in them no kernel exceeds.
 *
 * x: `bytes` bytes, for speed from a 64-byte boundary; at least QUERN_CEILING_OPERANDS for the loops on registers, which
 * read no more than that. A round is one pass over x for the loops that read and QUERN_CEILING_STEPS steps for the others.
 * sink: QUERN_CEILING_SINK bytes, where the result goes that makes the work necessary. They return the work done: bytes
 * read, or operations (a multiplication and an addition are two).
 *
 *   read        sum of the 8-byte words of x, modulo 2^64, over all rounds: sink's first word
 *   fma         12 vectors a = a * x[0] + x[1], from a = x[2..13] (vectors of VL floats): sink's first is their sum
 *   dot_i8      12 vectors of 32-bit sums, from x[2..13] (vectors of 64 bytes), += unsigned bytes x[0] . signed bytes x[1],
 *               four at a time (AVX-512 VNNI): sink's first is their sum, modulo 2^32
 *   dot_bf16    12 vectors a += x[0] . x[1], pairs of BF16, from a = x[2..13] (AVX-512 BF16): sink's first is their sum
 *   tiles_bf16  four tiles of sums, the products of the left tiles x[0], x[1] and the right ones x[2], x[3] (1 KiB each):
 *   tiles_i8    sink's first 4 KiB
 *   tiles_..._memory  the same, with four tiles loaded for every four products: a pass over x, whole groups of 4 KiB
 */
#ifndef QUERN_CEILINGS_H
#define QUERN_CEILINGS_H

#include "quern.h"

enum { QUERN_CEILING_OPERANDS = 4096, QUERN_CEILING_SINK = 4096, QUERN_CEILING_STEPS = 256 };

#define QUERN_CEILING(name) QUERN_API int64_t name(const void *x, int64_t bytes, int64_t rounds, void *sink);

#define QUERN_DECLARE_CEILINGS(tier)           \
    QUERN_CEILING(quern_ceiling_read_##tier)   \
    QUERN_CEILING(quern_ceiling_fma_##tier)

QUERN_DECLARE_CEILINGS(baseline)
QUERN_DECLARE_CEILINGS(avx2)
QUERN_DECLARE_CEILINGS(avx512)
QUERN_CEILING(quern_ceiling_dot_i8_avx512)
QUERN_CEILING(quern_ceiling_dot_bf16_avx512)
QUERN_CEILING(quern_ceiling_tiles_bf16_amx)
QUERN_CEILING(quern_ceiling_tiles_i8_amx)
QUERN_CEILING(quern_ceiling_tiles_bf16_memory_amx)
QUERN_CEILING(quern_ceiling_tiles_i8_memory_amx)

#endif
