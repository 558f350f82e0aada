// The tensor cores' product of Ampere and later: D (16, 8) = A (16, 16) · B (16, 8) + D, BF16 or F16 in, F32 out, by one warp.
//
// With g = lane / 4 and t = lane % 4, a lane holds of A rows g and g + 8 at columns 2t, 2t + 1 and 2t + 8, 2t + 9 (registers in the order
// (g, low), (g + 8, low), (g, high), (g + 8, high)), of B column g at rows 2t, 2t + 1 and 2t + 8, 2t + 9, and of D rows g and g + 8 at
// columns 2t, 2t + 1 (PTX ISA, mma.m16n8k16).
//
// And what feeds it: loads of whole matrices from shared memory (ldmatrix), and sums rounded to factors.
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
template <bool TRANSPOSED> inline void matricesTogether(const emulation::Slots& in, emulation::Slots& out) {
  for (int lane = 0; lane < 32; lane++) {
    for (int m = 0; m < 4; m++) {
      u32 pair = 0;
      for (int h = 0; h < 2; h++) {
        int across = lane / 4, along = lane % 4 * 2 + h;
        auto row = reinterpret_cast<const u16*>(in[m * 8 + (TRANSPOSED ? along : across)][0]);
        pair |= static_cast<u32>(row[TRANSPOSED ? across : along]) << 16 * h;
      }
      out[lane][m] = pair;
    }
  }
}
template <bool TRANSPOSED> inline void loadMatrices(u32 (&r)[4], const u16* row) {
  uint64_t mine = reinterpret_cast<uint64_t>(row);
  const auto all = emulation::combine(&mine, 1, matricesTogether<TRANSPOSED>);
  for (int m = 0; m < 4; m++) r[m] = static_cast<u32>(all[threadIdx.x % 32][m]);
}
template <typename H> inline u32 packed(float low, float high) {
  return narrow<H>(low).bits | static_cast<u32>(narrow<H>(high).bits) << 16;
}
inline float powerOf2(float x) { return exp2f(x); }
#else
// Four matrices of 8×8 elements of 16 bits: lane l names row l % 8 of matrix l / 8 (16 bytes, aligned to them) and gets of each matrix
// row l / 4 at columns 2 (l % 4) and the next; of a transposed one, column l / 4 at those rows.
template <bool TRANSPOSED> QUERN_INLINE void loadMatrices(u32 (&r)[4], const u16* row) {
  u32 at = static_cast<u32>(__cvta_generic_to_shared(row));
  if constexpr (TRANSPOSED) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at) : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at) : "memory");
  }
}
// Two sums as a register of two factors.
template <typename H> QUERN_INLINE u32 packed(float low, float high);
template <> QUERN_INLINE u32 packed<bf16_t>(float low, float high) {
  u32 both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}
template <> QUERN_INLINE u32 packed<half_t>(float low, float high) {
  u32 both;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}
// 2^x to two units in the last place; denormal results are 0.
QUERN_INLINE float powerOf2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
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
