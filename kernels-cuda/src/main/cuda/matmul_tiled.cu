// MatMulOp exactly, on the ordinary cores: sums in F32 (F64 for F64), over k in order. For operands that the tensor cores would round.
//
// Loop nest: a block of 256 threads for 64×64 results; k in steps of 16, of which both operands' tiles lie in shared memory, widened, k
// outermost, so that a thread reads its 4 + 4 factors as two vectors for 16 products. While a tile is multiplied, the next one is on its
// way to registers. 64×64 by 16 threads of 4×4: 2 vectors read from shared memory per 16 products; to be measured against 8×8 a thread.
// Threads read along k or along rows, whichever lies together in memory.
#include "matmul.cuh"

constexpr int TILE = 64;
constexpr int STEP = 16;
constexpr int THREADS = 256;
constexpr int EACH = TILE * STEP / THREADS;  // elements of a tile that a thread fetches
constexpr int OWN = 4;                       // results of a thread each way
constexpr int PAD = 4;

template <typename W> struct Product { typedef float type; };
template <> struct Product<double> { typedef double type; };

// Element e of a thread's part of a tile: its row and k.
QUERN_INLINE void position(int e, bool alongK, u32& row, u32& k) {
  u32 i = threadIdx.x + e * THREADS;
  row = alongK ? i / STEP : i % TILE;
  k = alongK ? i % STEP : i / TILE;
}

template <typename A, typename B> QUERN_INLINE void tiled(const MatMulParams& p) {
  typedef typename Product<A>::type W;
  __shared__ W as[STEP][TILE + PAD], bs[STEP][TILE + PAD];
  i64 aAt, wAt;
  u32 b = blockIdx.z + p.firstBatch, row0 = blockIdx.y * TILE, column0 = blockIdx.x * TILE;
  p.batch(b, aAt, wAt);
  const A* a = static_cast<const A*>(p.a) + aAt;
  const B* w = static_cast<const B*>(p.w) + wAt;
  bool aAlong = p.aStep == 1, wAlong = p.wStep == 1;
  W fa[EACH], fb[EACH], sum[OWN][OWN] = {};
  u32 tx = threadIdx.x % (TILE / OWN) * OWN, ty = threadIdx.x / (TILE / OWN) * OWN;
  auto fetch = [&](u32 k0) {
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      u32 r, k;
      position(e, aAlong, r, k);
      bool in = row0 + r < p.m && k0 + k < p.k;
      fa[e] = in ? static_cast<W>(widen(a[(row0 + r) * p.aRow + (k0 + k) * p.aStep])) : W(0);
      position(e, wAlong, r, k);
      in = column0 + r < p.n && k0 + k < p.k;
      fb[e] = in ? static_cast<W>(widen(w[(column0 + r) * p.wColumn + (k0 + k) * p.wStep])) : W(0);
    }
  };
  fetch(0);
  for (u32 k0 = 0; k0 < p.k; k0 += STEP) {
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      u32 r, k;
      position(e, aAlong, r, k);
      as[k][r] = fa[e];
      position(e, wAlong, r, k);
      bs[k][r] = fb[e];
    }
    __syncthreads();
    if (k0 + STEP < p.k) fetch(k0 + STEP);
    u32 steps = p.k - k0 < STEP ? p.k - k0 : STEP;
    for (u32 k = 0; k < steps; k++) {
#pragma unroll
      for (int i = 0; i < OWN; i++) {
#pragma unroll
        for (int j = 0; j < OWN; j++) sum[i][j] = multiplyAdd(as[k][ty + i], bs[k][tx + j], sum[i][j]);
      }
    }
    __syncthreads();
  }
  A* c = static_cast<A*>(p.c) + static_cast<i64>(b) * p.m * p.n;
#pragma unroll
  for (int i = 0; i < OWN; i++) {
#pragma unroll
    for (int j = 0; j < OWN; j++) {
      u32 row = row0 + ty + i, column = column0 + tx + j;
      if (row >= p.m || column >= p.n) continue;
      W v = sum[i][j];
      if (p.bias != nullptr) v += static_cast<W>(widen(static_cast<const A*>(p.bias)[column * p.biasStep]));
      c[static_cast<i64>(row) * p.n + column] = narrow<A>(v);
    }
  }
}

QUERN_KERNEL(matmul_f64_f64, MatMulParams, THREADS) { tiled<double, double>(p); }
QUERN_KERNEL(matmul_f32_f32, MatMulParams, THREADS) { tiled<float, float>(p); }
QUERN_KERNEL(matmul_f32_f16, MatMulParams, THREADS) { tiled<float, half_t>(p); }
QUERN_KERNEL(matmul_f32_bf16, MatMulParams, THREADS) { tiled<float, bf16_t>(p); }
QUERN_KERNEL(matmul_f32_f8_e4m3, MatMulParams, THREADS) { tiled<float, e4m3_t>(p); }
QUERN_KERNEL(matmul_bf16_f32, MatMulParams, THREADS) { tiled<bf16_t, float>(p); }
QUERN_KERNEL(matmul_bf16_f16, MatMulParams, THREADS) { tiled<bf16_t, half_t>(p); }
