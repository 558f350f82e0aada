// Products of few rows, as decoding has them: a stream of weights. c[b, i, j] = Σ_k a[b, i, k] · w[b, j, k] (+ bias[j]) for up to 16 rows of
// BF16 or F16 whose k lies together, aligned to 16 bytes; sums in F32, on the tensor cores of Ampere and later.
//
// Loop nest: a block for 8 · NT columns of the result, all of k: its warps take every eighth piece of 32 of k, so that together they read
// 512 bytes of each weight row at a time, each thread 16 bytes with UNROLL · NT such loads in flight. An mma's k may be in any order that both
// factors agree on: thread t of a quad takes elements 8t to 8t + 7 of a piece, of both factors, and calls the first four k of one product
// and the last four k of a second. So nothing passes through shared memory but the warps' sums, which are added in the order of warps: the
// bits are the same in every run. Weights are read once, past the first-level cache; activations stay there.
// To be measured: NT, UNROLL, warps, and where a second pass over split k gains.
#include "matmul.cuh"
#include "mma.cuh"

constexpr int WARPS = 8;
constexpr int THREADS = WARPS * WARP;
constexpr int PIECE = 32;  // of k
constexpr int UNROLL = 4;
constexpr int ROWS = 16;

// 16 bytes, or zeros; ONCE: past the first-level cache. Without a branch, so that the loads of an unrolled loop are in flight together.
#ifdef QUERN_EMULATED
template <bool ONCE> inline uint4 loadIf(bool there, const void* p) { return there ? *static_cast<const uint4*>(p) : uint4{0, 0, 0, 0}; }
#else
template <bool ONCE> QUERN_INLINE uint4 loadIf(bool there, const void* p) {
  uint4 v = {0, 0, 0, 0};
  if constexpr (ONCE) {
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %5, 0;\n@p ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];\n}"
                 : "+r"(v.x), "+r"(v.y), "+r"(v.z), "+r"(v.w)
                 : "l"(p), "r"(static_cast<int>(there)));
  } else {
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %5, 0;\n@p ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];\n}"
                 : "+r"(v.x), "+r"(v.y), "+r"(v.z), "+r"(v.w)
                 : "l"(p), "r"(static_cast<int>(there)));
  }
  return v;
}
#endif

// BOTH: whether there are more than 8 rows.
template <typename H, int NT, bool BOTH> QUERN_INLINE void product(const MatMulParams& p) {
  __shared__ float sums[WARPS][ROWS][8 * NT + 1];
  i64 aAt, wAt;
  u32 batch = blockIdx.z + p.firstBatch, column0 = blockIdx.x * 8 * NT;
  p.batch(batch, aAt, wAt);
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, g = lane / 4, t = lane % 4;
  const H* a[2];
  const H* w[NT];
#pragma unroll
  for (u32 r = 0; r < 2; r++) a[r] = static_cast<const H*>(p.a) + aAt + (g + 8 * r < p.m ? g + 8 * r : 0) * p.aRow + t * 8;
#pragma unroll
  for (u32 j = 0; j < NT; j++) {
    u32 column = column0 + j * 8 + g;
    w[j] = static_cast<const H*>(p.w) + wAt + (column < p.n ? column : 0) * p.wColumn + t * 8;
  }
  float sum[NT][4] = {};
  const uint4 zero = {0, 0, 0, 0};
  for (u32 k0 = warp * PIECE; k0 < p.k; k0 += WARPS * PIECE * UNROLL) {
    uint4 x[UNROLL][2], y[UNROLL][NT];
#pragma unroll
    for (int u = 0; u < UNROLL; u++) {
      u32 k = k0 + u * WARPS * PIECE;
      bool there = k + t * 8 < p.k;  // k is a multiple of 8
#pragma unroll
      for (int j = 0; j < NT; j++) y[u][j] = loadIf<true>(there, w[j] + k);
      x[u][0] = loadIf<false>(there, a[0] + k);
      x[u][1] = BOTH ? loadIf<false>(there, a[1] + k) : zero;
    }
#pragma unroll
    for (int u = 0; u < UNROLL; u++) {
      u32 low[4] = {x[u][0].x, x[u][1].x, x[u][0].y, x[u][1].y}, high[4] = {x[u][0].z, x[u][1].z, x[u][0].w, x[u][1].w};
#pragma unroll
      for (int j = 0; j < NT; j++) {
        u32 first[2] = {y[u][j].x, y[u][j].y}, second[2] = {y[u][j].z, y[u][j].w};
        mma<H>(sum[j], low, first);
        mma<H>(sum[j], high, second);
      }
    }
  }
#pragma unroll
  for (int j = 0; j < NT; j++) {
#pragma unroll
    for (int r = 0; r < 4; r++) sums[warp][g + r / 2 * 8][j * 8 + 2 * t + r % 2] = sum[j][r];
  }
  __syncthreads();
  H* c = static_cast<H*>(p.c) + static_cast<i64>(batch) * p.m * p.n;
  for (u32 i = threadIdx.x; i < ROWS * 8 * NT; i += THREADS) {
    u32 row = i / (8 * NT), at = i % (8 * NT), column = column0 + at;
    if (row >= p.m || column >= p.n) continue;
    float v = 0.0f;
#pragma unroll
    for (int k = 0; k < WARPS; k++) v += sums[k][row][at];
    if (p.bias != nullptr) v += widen(static_cast<const H*>(p.bias)[column * p.biasStep]);
    c[static_cast<i64>(row) * p.n + column] = narrow<H>(v);
  }
}

#define KERNEL(NAME, H, NT)                                                                             \
  QUERN_KERNEL(matmul_skinny_8_##NT##_##NAME, MatMulParams, THREADS) { product<H, NT, false>(p); }      \
  QUERN_KERNEL(matmul_skinny_16_##NT##_##NAME, MatMulParams, THREADS) { product<H, NT, true>(p); }
#define KERNELS(NAME, H) KERNEL(NAME, H, 1) KERNEL(NAME, H, 2) KERNEL(NAME, H, 4)
KERNELS(f16, half_t)
KERNELS(bf16, bf16_t)
