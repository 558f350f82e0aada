// Products of few rows of F32 with weights that keep their bits, as decoding under EXACT and with F16 weights has them: a stream of weights.
// c[b, i, j] = Σ_k a[b, i, k] · w[b, j, k] (+ bias[j]), both factors' k together, a multiple of 8, in rows aligned to 16 bytes; weights are
// widened in registers, products and sums are F32.
//
// Loop nest: a block for 4 columns and 1, 4 or 8 rows of the result, all of k: each thread takes 8 neighbours of k of the four columns at a time,
// and meets the rows' with them. A weight is so read once for all rows, a row's element once for four columns; it comes from the
// first-level cache, since all blocks read the same. Sums are added across the warp, then in the order of warps: the bits are the same in every run.
// An element of F16 weights costs a multiplication for each row, so from about 12 rows on arithmetic takes longer than memory (10 elements a
// clock for each multiprocessor's 128 lanes).
// To be measured: columns, blocks a multiprocessor.
#include "matmul.cuh"

constexpr int WARPS = 4;
constexpr int THREADS = WARPS * WARP;
constexpr int RUN = 8;
constexpr int HALF = RUN / 2;
constexpr int COLUMNS = 4;

template <typename W, int ROWS> QUERN_INLINE void product(const MatMulParams& p) {
  constexpr u32 SUMS = ROWS * COLUMNS;
  __shared__ float sums[WARPS][SUMS];
  i64 aAt, wAt;
  u32 groups = (p.m + ROWS - 1) / ROWS, batch = blockIdx.z + p.firstBatch;
  u32 column0 = blockIdx.x / groups * COLUMNS, row0 = blockIdx.x % groups * ROWS;  // neighbours read the same weights
  p.batch(batch, aAt, wAt);
  const float* a[ROWS];
  const W* w[COLUMNS];
#pragma unroll
  for (u32 r = 0; r < ROWS; r++) a[r] = static_cast<const float*>(p.a) + aAt + (row0 + r < p.m ? row0 + r : row0) * p.aRow;
#pragma unroll
  for (u32 c = 0; c < COLUMNS; c++) w[c] = static_cast<const W*>(p.w) + wAt + (column0 + c < p.n ? column0 + c : column0) * p.wColumn;
  float sum[ROWS][COLUMNS] = {};
#pragma unroll 1
  for (u32 k = threadIdx.x * RUN; k < p.k; k += THREADS * RUN) {
    Pack<W, RUN> stored[COLUMNS];
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) loadAligned<RUN * sizeof(W)>(&stored[c], w[c] + k);
#pragma unroll
    for (int half = 0; half < RUN; half += HALF) {  // widened weights would take more registers than there are
      float y[COLUMNS][HALF];
#pragma unroll
      for (int c = 0; c < COLUMNS; c++) {
#pragma unroll
        for (int i = 0; i < HALF; i++) y[c][i] = widen(stored[c].v[half + i]);
      }
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
        Pack<float, HALF> x;
        loadAligned<HALF * sizeof(float)>(&x, a[r] + k + half);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
#pragma unroll
          for (int i = 0; i < HALF; i++) sum[r][c] = multiplyAdd(x.v[i], y[c][i], sum[r][c]);
        }
      }
    }
  }
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
      float v = warpReduce(sum[r][c], Plus());
      if (threadIdx.x % WARP == 0) sums[threadIdx.x / WARP][r * COLUMNS + c] = v;
    }
  }
  __syncthreads();
  if (threadIdx.x >= SUMS) return;
  u32 row = row0 + threadIdx.x / COLUMNS, column = column0 + threadIdx.x % COLUMNS;
  if (row >= p.m || column >= p.n) return;
  float v = 0.0f;
#pragma unroll
  for (int i = 0; i < WARPS; i++) v += sums[i][threadIdx.x];
  if (p.bias != nullptr) v += static_cast<const float*>(p.bias)[column * p.biasStep];
  static_cast<float*>(p.c)[(static_cast<i64>(batch) * p.m + row) * p.n + column] = v;
}

#define KERNEL(NAME, W, ROWS, BLOCKS) \
  QUERN_KERNEL_BLOCKS(matmul_stream_##ROWS##_##NAME, MatMulParams, THREADS, BLOCKS) { product<W, ROWS>(p); }
#define KERNELS(NAME, W) KERNEL(NAME, W, 1, 7) KERNEL(NAME, W, 4, 4) KERNEL(NAME, W, 8, 3)
KERNELS(f32, float)
KERNELS(f16, half_t)
KERNELS(bf16, bf16_t)
