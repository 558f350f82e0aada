// The tensor cores' product of Ampere and later: D (16, 8) = A (16, 16) · B (16, 8) + D, BF16 or F16 in, F32 out, by one warp.
//
// With g = lane / 4 and t = lane % 4, a lane holds of A rows g and g + 8 at columns 2t, 2t + 1 and 2t + 8, 2t + 9 (registers in the order
// (g, low), (g + 8, low), (g, high), (g + 8, high)), of B column g at rows 2t, 2t + 1 and 2t + 8, 2t + 9, and of D rows g and g + 8 at
// columns 2t, 2t + 1 (PTX ISA, mma.m16n8k16).
#pragma once
#include "quern.cuh"

#ifdef QUERN_EMULATED
template <typename H> inline void mmaTogether(const emulation::Slots& in, emulation::Slots& out) {
  static float a[16][16], b[16][8], d[16][8];
  auto half = [&](int lane, int word, int which) {
    return widen(H{static_cast<u16>(in[lane][word] >> 16 * which)});
  };
  for (int i = 0; i < 16; i++) {
    for (int k = 0; k < 16; k++) a[i][k] = half(i % 8 * 4 + k % 8 / 2, (i >= 8) + 2 * (k >= 8), k & 1);
    for (int n = 0; n < 8; n++) {
      int lane = i % 8 * 4 + n / 2, word = 6 + (i >= 8);
      d[i][n] = floatOf(static_cast<u32>(in[lane][word] >> 32 * (n & 1)));
      b[i][n] = half(n * 4 + i % 8 / 2, 4 + (i >= 8), i & 1);
    }
  }
  for (int i = 0; i < 16; i++) {
    for (int k = 0; k < 16; k++) {
      for (int n = 0; n < 8; n++) d[i][n] += a[i][k] * b[k][n];
    }
  }
  for (int lane = 0; lane < 32; lane++) {
    for (int r = 0; r < 2; r++) {
      const float* row = d[lane / 4 + 8 * r] + lane % 4 * 2;
      out[lane][r] = bitsOf(row[0]) | static_cast<u64>(bitsOf(row[1])) << 32;
    }
  }
}
template <typename H> inline void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  uint64_t mine[8] = {a[0], a[1], a[2], a[3], b[0], b[1], bitsOf(d[0]) | static_cast<u64>(bitsOf(d[1])) << 32,
                      bitsOf(d[2]) | static_cast<u64>(bitsOf(d[3])) << 32};
  const auto all = emulation::combine(mine, 8, mmaTogether<H>);
  for (int i = 0; i < 4; i++) d[i] = floatOf(static_cast<u32>(all[threadIdx.x % 32][i / 2] >> 32 * (i % 2)));
}
#else
template <typename H> QUERN_INLINE void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]);
#define QUERN_MMA(TYPE, NAME)                                                                                      \
  template <> QUERN_INLINE void mma<TYPE>(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {                   \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." NAME "." NAME ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "      \
                 "{%8,%9}, {%0,%1,%2,%3};"                                                                         \
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                                  \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                              \
  }
QUERN_MMA(bf16_t, "bf16")
QUERN_MMA(half_t, "f16")
#endif
