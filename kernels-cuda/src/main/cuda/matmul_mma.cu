// MatMulOp on the tensor cores of Ampere and later, by mma.sync: factors in BF16 or F16 (others are rounded to BF16 on the way in, which
// holds E4M3 exactly), sums in F32.
//
// Loop nest: a block for a tile of results, k in steps of 32. Tiles of both operands lie in shared memory as 16-bit numbers, rows along
// k and padded by 8, so that the 8 rows of a matrix that is loaded lie in different banks. Each warp owns 32 or 64 × 32 results, in
// fragments of 16×8 (mma.cuh); while a tile is multiplied, the next one is on its way to registers, 8 elements at a time: 16 bytes of
// a 16-bit operand whose k lies together and is aligned. Tiles of 128×128 with 8 warps where they fill the device, else 64×64 with 4
// (to be measured). What is aligned goes to matmul_ampere.cu, and on Hopper to its own.
#include "matmul.cuh"
#include "mma.cuh"

constexpr int STEP = 32;
constexpr int RUN = 8;  // elements along k that a thread fetches at once
constexpr int PITCH = STEP + 8;

// RUN elements of a row from k on, as H.
template <typename T, typename H> QUERN_INLINE void fetch(H (&into)[RUN], const T* row, bool present, u32 k, u32 end, i64 step, bool aligned) {
  if (present && aligned && k + RUN <= end) {
    alignas(16) T raw[RUN];
    loadAligned<sizeof(T) * RUN>(raw, row + k);
#pragma unroll
    for (int i = 0; i < RUN; i++) into[i] = narrow<H>(widen(raw[i]));
  } else {
#pragma unroll
    for (int i = 0; i < RUN; i++) into[i] = present && k + i < end ? narrow<H>(widen(row[(k + i) * step])) : H{0};
  }
}

template <typename A, typename B, typename H, typename C, int BM, int BN, int WM, int WN> QUERN_INLINE void product(const MatMulParams& p) {
  constexpr int WARPS_N = BN / WN, WARPS = BM / WM * WARPS_N, THREADS = WARPS * WARP;
  constexpr int RUNS = STEP / RUN, A_EACH = BM * RUNS / THREADS, B_EACH = BN * RUNS / THREADS;
  constexpr int MT = WM / 16, NT = WN / 8;
  __shared__ __align__(16) u16 as[BM][PITCH];
  __shared__ __align__(16) u16 bs[BN][PITCH];
  i64 aAt, wAt;
  u32 batch = blockIdx.z + p.firstBatch, row0 = blockIdx.y * BM, column0 = blockIdx.x * BN;
  p.batch(batch, aAt, wAt);
  const A* a = static_cast<const A*>(p.a) + aAt;
  const B* w = static_cast<const B*>(p.w) + wAt;
  bool aAligned = p.aStep == 1 && reinterpret_cast<size_t>(a) % 16 == 0 && p.aRow * static_cast<i64>(sizeof(A)) % 16 == 0;
  bool wAligned = p.wStep == 1 && reinterpret_cast<size_t>(w) % 16 == 0 && p.wColumn * static_cast<i64>(sizeof(B)) % 16 == 0;
  H fa[A_EACH][RUN], fb[B_EACH][RUN];
  auto load = [&](u32 k0) {
#pragma unroll
    for (int e = 0; e < A_EACH; e++) {
      u32 i = threadIdx.x + e * THREADS, r = row0 + i / RUNS;
      fetch(fa[e], a + (r < p.m ? r : 0) * p.aRow, r < p.m, k0 + i % RUNS * RUN, p.k, p.aStep, aAligned);
    }
#pragma unroll
    for (int e = 0; e < B_EACH; e++) {
      u32 i = threadIdx.x + e * THREADS, c = column0 + i / RUNS;
      fetch(fb[e], w + (c < p.n ? c : 0) * p.wColumn, c < p.n, k0 + i % RUNS * RUN, p.k, p.wStep, wAligned);
    }
  };
  float sum[MT][NT][4] = {};
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, g = lane / 4, t = lane % 4;
  u32 m0 = warp / WARPS_N * WM, n0 = warp % WARPS_N * WN;
  load(0);
  for (u32 k0 = 0; k0 < p.k; k0 += STEP) {
#pragma unroll
    for (int e = 0; e < A_EACH; e++) {
      u32 i = threadIdx.x + e * THREADS;
      storeAligned<16>(&as[i / RUNS][i % RUNS * RUN], fa[e]);
    }
#pragma unroll
    for (int e = 0; e < B_EACH; e++) {
      u32 i = threadIdx.x + e * THREADS;
      storeAligned<16>(&bs[i / RUNS][i % RUNS * RUN], fb[e]);
    }
    __syncthreads();
    if (k0 + STEP < p.k) load(k0 + STEP);
#pragma unroll
    for (int k = 0; k < STEP; k += 16) {
      u32 fragmentA[MT][4], fragmentB[NT / 2][4];
#pragma unroll
      for (int i = 0; i < MT; i++) loadLeft<PITCH>(fragmentA[i], &as[m0 + i * 16][k]);
#pragma unroll
      for (int j = 0; j < NT / 2; j++) loadRight<PITCH>(fragmentB[j], &bs[n0 + j * 16][k]);
#pragma unroll
      for (int i = 0; i < MT; i++) {
#pragma unroll
        for (int j = 0; j < NT; j++) mma<H>(sum[i][j], fragmentA[i], {fragmentB[j / 2][j % 2 * 2], fragmentB[j / 2][j % 2 * 2 + 1]});
      }
    }
    __syncthreads();
  }
  C* c = static_cast<C*>(p.c) + static_cast<i64>(batch) * p.m * p.n;
#pragma unroll
  for (int i = 0; i < MT; i++) {
#pragma unroll
    for (int j = 0; j < NT; j++) {
#pragma unroll
      for (int r = 0; r < 4; r++) {
        u32 row = row0 + m0 + i * 16 + g + r / 2 * 8, column = column0 + n0 + j * 8 + 2 * t + r % 2;
        if (row >= p.m || column >= p.n) continue;
        float v = sum[i][j][r];
        if (p.bias != nullptr) v += widen(static_cast<const C*>(p.bias)[column * p.biasStep]);
        c[static_cast<i64>(row) * p.n + column] = narrow<C>(v);
      }
    }
  }
}

#define KERNEL(NAME, A, B, H, C)                                                                                  \
  QUERN_KERNEL(matmul_mma_##NAME, MatMulParams, 128) { product<A, B, H, C, 64, 64, 32, 32>(p); }                  \
  QUERN_KERNEL(matmul_mma_large_##NAME, MatMulParams, 256) { product<A, B, H, C, 128, 128, 64, 32>(p); }
KERNEL(f16_f16, half_t, half_t, half_t, half_t)
KERNEL(bf16_bf16, bf16_t, bf16_t, bf16_t, bf16_t)
KERNEL(bf16_f16, bf16_t, half_t, bf16_t, bf16_t)
KERNEL(bf16_f32, bf16_t, float, bf16_t, bf16_t)
KERNEL(bf16_f8_e4m3, bf16_t, e4m3_t, bf16_t, bf16_t)
KERNEL(f32_f32, float, float, bf16_t, float)
KERNEL(f32_f16, float, half_t, bf16_t, float)
KERNEL(f32_bf16, float, bf16_t, bf16_t, float)
KERNEL(f32_f8_e4m3, float, e4m3_t, bf16_t, float)
KERNEL(f8_e4m3_f8_e4m3, e4m3_t, e4m3_t, bf16_t, float)
