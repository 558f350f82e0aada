// Blocks to scalars: DataOp.Cast of a block type to F32, F16 or BF16, and DataOp.Embedding of a table in blocks (y[i] = table[id(i)] in F32;
// an id outside the table is reported, and its row left alone). x, table: rows of blocks, any distance apart; y without gaps.
//
// Loop nest: a warp for 32 runs of 16 elements of a row, one run a lane. Elements pass through shared memory, 20 words a run so that
// 8 lanes' vectors meet 32 banks, because a lane's own 64 bytes would make every store of the warp touch 32 sectors by halves.
#include "dequant.cuh"
#include "lines.cuh"

struct DequantizeParams {
  Lines<3> lines;  // y, x in bytes, ids; n: runs of a row
  Complaints complaints;
  i64 extent, stride;  // of the table: rows, and bytes from one to the next; unless there are ids, 0
  int wideIndices, to;
};

// The order is that of ScalarType.
enum { TO_F32 = 1, TO_F16 = 2, TO_BF16 = 3 };

constexpr u32 GROUP_RUNS = WARP, PITCH = 20, EACH = 8;  // elements that a lane stores at once

template <typename Y> QUERN_INLINE void put(const DequantizeParams& p, const float* from, u32 line, u32 first, u32 count) {
  Y* y = p.lines.template first<Y>(0, line) + static_cast<i64>(first) * RUN;
  u32 lane = threadIdx.x % WARP;
  for (u32 e = lane * EACH; e < count * RUN; e += WARP * EACH) {
    Pack<Y, EACH> out;
#pragma unroll
    for (u32 v = 0; v < EACH; v++) out.v[v] = narrow<Y>(from[e / RUN * PITCH + e % RUN + v]);
    if (p.lines.access[0] == VECTOR) {
      storeAligned<sizeof(Y) * EACH>(y + e, &out);
    } else {
      for (u32 v = 0; v < EACH; v++) y[e + v] = out.v[v];
    }
  }
}

template <typename F> QUERN_INLINE void dequantize(const DequantizeParams& p) {
  __shared__ __align__(16) float tiles[LINE_THREADS / WARP][GROUP_RUNS * PITCH];
  u32 warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  u32 groups = (p.lines.n + GROUP_RUNS - 1) / GROUP_RUNS;
  u64 i = static_cast<u64>(blockIdx.x) * (LINE_THREADS / WARP) + warp;
  if (i >= static_cast<u64>(p.lines.lines) * groups) return;
  u32 line = static_cast<u32>(i / groups), first = static_cast<u32>(i % groups) * GROUP_RUNS;
  u32 count = p.lines.n - first < GROUP_RUNS ? p.lines.n - first : GROUP_RUNS;
  const u8* x = p.lines.template first<const u8>(1, line);
  if (p.extent > 0) {
    i64 id = indexAt(p.lines.base[2], p.lines.at(2, line), p.wideIndices);
    if (id < 0 || id >= p.extent) {
      if (lane == 0 && first == 0) report(p.complaints, BAD_INDEX, -1, id, p.extent);
      return;
    }
    x += id * p.stride;
  }
  float* tile = tiles[warp];
  if (lane < count) {
    Run run;
    unpack<F>(run, x, first + lane);
#pragma unroll
    for (u32 e = 0; e < RUN; e++) tile[lane * PITCH + e] = element<F>(run, e);
  }
  __syncwarp();
  switch (p.to) {
    case TO_F32: return put<float>(p, tile, line, first, count);
    case TO_F16: return put<half_t>(p, tile, line, first, count);
    case TO_BF16: return put<bf16_t>(p, tile, line, first, count);
  }
}

#define KERNEL(NAME, F) \
  QUERN_KERNEL(dequantize_##NAME, DequantizeParams, LINE_THREADS) { dequantize<F>(p); }
QUERN_BLOCKS(KERNEL)
