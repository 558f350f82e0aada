// Products of few rows, as decoding has them: a stream of weights. c[b, i, j] = Σ_k a[b, i, k] · w[b, j, k] (+ bias[j]) for up to 16 rows whose
// k lies together, aligned to 16 bytes; factors in BF16 or F16 (others are rounded to BF16 in registers), sums in F32, results of the left
// operand's type, on the tensor cores of Ampere and later.
//
// Loop nest: a block for 8 · NT columns of the result, all of k: its warps take every eighth piece of 32 of k, so that together they read
// 256 elements of each weight row at a time, each thread 8 elements with UNROLL · NT such loads in flight. An mma's k may be in any order that both
// factors agree on: thread t of a quad takes elements 8t to 8t + 7 of a piece, of both factors, and calls the first four k of one product
// and the last four k of a second. So nothing passes through shared memory but the warps' sums, which are added in the order of warps: the
// bits are the same in every run. Weights are read once, past the first-level cache; activations stay there.
//
// Where columns give too few blocks to keep the memory busy, gridDim.y blocks share a block's k, 256 elements and more each. They leave their sums
// in memory; the one that comes last adds all up in the order of k.
// To be measured: NT, UNROLL, warps, pieces.
#include "matmul.cuh"
#include "mma.cuh"

constexpr int WARPS = 8;
constexpr int THREADS = WARPS * WARP;
constexpr int PIECE = 32;  // of k
constexpr int ROWS = 16;

struct SkinnyParams {
  MatMulParams product;
  float* partial;  // sums of pieces of k, by batch, block and piece
  int* arrived;    // how many pieces of a block are there; 0 before and after each launch
};

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

// 8 neighbours along k, as they lie in memory.
template <typename T> struct Run { uint4 words[sizeof(T) / 2]; };
template <bool ONCE, typename T> QUERN_INLINE Run<T> loadRun(bool there, const T* p) {
  Run<T> r;
#pragma unroll
  for (u32 i = 0; i < sizeof(T) / 2; i++) r.words[i] = loadIf<ONCE>(there, p + i * (16 / sizeof(T)));
  return r;
}
// The same as H: as they are, or rounded.
template <typename H, typename T> struct Factors {
  static QUERN_INLINE uint4 of(const Run<T>& r) {
    T x[8];
    memcpy(x, &r, sizeof(x));
    return {packed<H>(widen(x[0]), widen(x[1])), packed<H>(widen(x[2]), widen(x[3])), packed<H>(widen(x[4]), widen(x[5])),
            packed<H>(widen(x[6]), widen(x[7]))};
  }
};
template <typename H> struct Factors<H, H> {
  static QUERN_INLINE uint4 of(const Run<H>& r) { return r.words[0]; }
};

// A result's sums of all warps, in their order.
template <int PITCH> QUERN_INLINE float across(const float (&sums)[WARPS][ROWS][PITCH], u32 row, u32 column) {
  float v = 0.0f;
#pragma unroll
  for (int w = 0; w < WARPS; w++) v += sums[w][row][column];
  return v;
}

// BOTH: whether there are more than 8 rows.
template <typename A, typename W, typename H, int NT, bool BOTH> QUERN_INLINE void product(const SkinnyParams& s) {
  const MatMulParams& p = s.product;
  constexpr int UNROLL = sizeof(W) > 2 ? 2 : 4;  // as many bytes of weights in flight
  constexpr u32 TURN = WARPS * PIECE, RESULTS = ROWS * 8 * NT;
  __shared__ float sums[WARPS][ROWS][8 * NT + 1];
  __shared__ bool last;
  i64 aAt, wAt;
  u32 batch = blockIdx.z + p.firstBatch, column0 = blockIdx.x * 8 * NT;
  p.batch(batch, aAt, wAt);
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, g = lane / 4, t = lane % 4;
  const A* a[2];
  const W* w[NT];
#pragma unroll
  for (u32 r = 0; r < 2; r++) a[r] = static_cast<const A*>(p.a) + aAt + (g + 8 * r < p.m ? g + 8 * r : 0) * p.aRow + t * 8;
#pragma unroll
  for (u32 j = 0; j < NT; j++) {
    u32 column = column0 + j * 8 + g;
    w[j] = static_cast<const W*>(p.w) + wAt + (column < p.n ? column : 0) * p.wColumn + t * 8;
  }
  float sum[NT][4] = {};
  u32 turns = (p.k + TURN - 1) / TURN, end = turns * (blockIdx.y + 1) / gridDim.y * TURN;
  if (end > p.k) end = p.k;
  for (u32 k0 = turns * blockIdx.y / gridDim.y * TURN + warp * PIECE; k0 < end; k0 += TURN * UNROLL) {
    Run<A> x[UNROLL][BOTH ? 2 : 1];
    Run<W> y[UNROLL][NT];
#pragma unroll
    for (int u = 0; u < UNROLL; u++) {
      u32 k = k0 + u * TURN;
      bool there = k + t * 8 < end;  // k is a multiple of 8
#pragma unroll
      for (int j = 0; j < NT; j++) y[u][j] = loadRun<true>(there, w[j] + k);
#pragma unroll
      for (int r = 0; r < (BOTH ? 2 : 1); r++) x[u][r] = loadRun<false>(there, a[r] + k);
    }
#pragma unroll
    for (int u = 0; u < UNROLL; u++) {
      uint4 top = Factors<H, A>::of(x[u][0]), bottom = {0, 0, 0, 0};
      if constexpr (BOTH) bottom = Factors<H, A>::of(x[u][1]);
      u32 low[4] = {top.x, bottom.x, top.y, bottom.y}, high[4] = {top.z, bottom.z, top.w, bottom.w};
#pragma unroll
      for (int j = 0; j < NT; j++) {
        uint4 column = Factors<H, W>::of(y[u][j]);
        u32 first[2] = {column.x, column.y}, second[2] = {column.z, column.w};
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
  u32 pieces = gridDim.y, part = blockIdx.z * gridDim.x + blockIdx.x;
  float* all = s.partial + static_cast<i64>(part) * pieces * RESULTS;
  if (pieces > 1) {
    for (u32 i = threadIdx.x; i < RESULTS; i += THREADS) all[blockIdx.y * RESULTS + i] = across(sums, i / (8 * NT), i % (8 * NT));
    __syncthreads();
    if (threadIdx.x == 0) {
      __threadfence();
      last = atomicAdd(s.arrived + part, 1) + 1 == static_cast<int>(pieces);
      if (last) s.arrived[part] = 0;
      __threadfence();
    }
    __syncthreads();
    if (!last) return;
  }
  A* c = static_cast<A*>(p.c) + static_cast<i64>(batch) * p.m * p.n;
  for (u32 i = threadIdx.x; i < RESULTS; i += THREADS) {
    u32 row = i / (8 * NT), at = i % (8 * NT), column = column0 + at;
    if (row >= p.m || column >= p.n) continue;
    float v = 0.0f;
    if (pieces > 1) {
      for (u32 piece = 0; piece < pieces; piece++) v += all[piece * RESULTS + i];
    } else {
      v = across(sums, row, at);
    }
    if (p.bias != nullptr) v += widen(static_cast<const A*>(p.bias)[column * p.biasStep]);
    c[static_cast<i64>(row) * p.n + column] = narrow<A>(v);
  }
}

#define KERNEL(NAME, A, W, H, NT)                                                                            \
  QUERN_KERNEL(matmul_skinny_8_##NT##_##NAME, SkinnyParams, THREADS) { product<A, W, H, NT, false>(p); }     \
  QUERN_KERNEL(matmul_skinny_16_##NT##_##NAME, SkinnyParams, THREADS) { product<A, W, H, NT, true>(p); }
#define KERNELS(NAME, A, W, H) KERNEL(NAME, A, W, H, 1) KERNEL(NAME, A, W, H, 2) KERNEL(NAME, A, W, H, 4)
KERNELS(f16_f16, half_t, half_t, half_t)
KERNELS(bf16_bf16, bf16_t, bf16_t, bf16_t)
KERNELS(f32_bf16, float, bf16_t, bf16_t)
KERNELS(f32_f32, float, float, bf16_t)
KERNELS(f32_f16, float, half_t, bf16_t)
