// Products of few rows with weights in blocks: what streams the weights once, past whatever a Mode makes of the activations.
//
// Loop nest: a warp for two rows of weights (or one of gate and one of up), 8 warps a block; k in chunks, of which every warp brings its
// own two pieces to shared memory while the chunk before is computed: 16-byte copies past registers, some 30 to 70 KiB under way on a
// multiprocessor, which is what hides the memory's latency at full bandwidth. The block's threads convert the activations of a chunk
// once for all warps, while weights are on their way. Then a lane takes each 32nd run of 16 elements of both rows. Sums of a lane are in
// the order of k and those of lanes in a fixed one, whatever the number of rows and the size of a chunk.
#pragma once
#include "block_matmul.cuh"

constexpr u32 ROW_THREADS = 256, ROW_WARPS = ROW_THREADS / WARP, OWN = 2;

// The weights of a warp: two rows, and which part they are of.
struct Unit {
  u32 part, column, second;  // second: the other one's column, or its part if gated
  bool present;
};
QUERN_INLINE Unit unitOf(const BlockMatMulParams& p, u32 i) {
  if (p.gate != NO_GATE) return {0, i < p.parts[0].n ? i : 0, 1, i < p.parts[0].n};
  for (u32 part = 0; part < p.count; part++) {
    u32 n = p.parts[part].n, units = (n + OWN - 1) / OWN;
    if (i < units) return {part, i * OWN, i * OWN + 1 < n ? i * OWN + 1 : i * OWN, true};
    i -= units;
  }
  return {0, 0, 0, false};
}

template <typename F, typename Mode> QUERN_INLINE void productOfRows(const BlockMatMulParams& p) {
  constexpr u32 M = Mode::ROWS, CHUNK = Mode::CHUNK, BYTES = CHUNK / F::LENGTH * F::BYTES, ROOM = roomBytes(BYTES);
  constexpr u32 ITEMS = M * CHUNK / TOGETHER / ROW_THREADS;  // groups of activations that a thread converts
  QUERN_DYNAMIC_SHARED(shared);
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, batch = blockIdx.z + p.firstBatch, row0 = blockIdx.y * M;
  u8* rooms = shared + warp * (2 * OWN * ROOM);
  typename Mode::Converted* converted =
      reinterpret_cast<typename Mode::Converted*>(shared + ROW_WARPS * 2 * OWN * ROOM);  // two, of M rows each
  i64 aAt, wAt;
  p.batch(batch, aAt, wAt);
  Activations activations(p, aAt);
  Unit unit = unitOf(p, blockIdx.x * ROW_WARPS + warp);
  const BlockPart& first = p.parts[unit.part];
  const BlockPart& other = p.parts[p.gate != NO_GATE ? 1 : unit.part];
  const u8* rows[OWN] = {
      static_cast<const u8*>(first.w) + wAt + unit.column * first.wColumn,
      static_cast<const u8*>(other.w) + wAt + (p.gate != NO_GATE ? unit.column : unit.second) * other.wColumn,
  };
  auto bring = [&](u32 k0) {
    if (unit.present && k0 < p.k) {
      u32 bytes = (p.k - k0 < CHUNK ? p.k - k0 : CHUNK) / F::LENGTH * F::BYTES;
      u8* room = rooms + k0 / CHUNK % 2 * (OWN * ROOM);
#pragma unroll
      for (u32 o = 0; o < OWN; o++) {
        const BlockPart& part = o == 0 ? first : other;
        const u8* from = rows[o] + k0 / F::LENGTH * F::BYTES;
#pragma unroll 1
        for (u32 i = lane; i < ROOM / PIECE; i += WARP) stage(room + o * ROOM, from, bytes, i, part.begin, part.end);
      }
    }
    commitCopies();
  };
  float sum[OWN][M] = {};
  bring(0);
  for (u32 k0 = 0; k0 < p.k; k0 += CHUNK) {
    bring(k0 + CHUNK);
    typename Mode::Converted* x = converted + k0 / CHUNK % 2 * M;
#pragma unroll
    for (u32 item = 0; item < ITEMS; item++) {
      u32 i = threadIdx.x + item * ROW_THREADS, m = i / (CHUNK / TOGETHER), k = i % (CHUNK / TOGETHER) * TOGETHER;
      float v[TOGETHER] = {};
      if (row0 + m < p.m && k0 + k < p.k) activations.get(v, row0 + m, k0 + k);
      x[m].put(k, v);
    }
    waitForCopies<1>();
    __syncthreads();
    if (unit.present) {
      const u8* room = rooms + k0 / CHUNK % 2 * (OWN * ROOM);
      const u8* w[OWN];
#pragma unroll
      for (u32 o = 0; o < OWN; o++) w[o] = room + o * ROOM + skewOf(rows[o] + k0 / F::LENGTH * F::BYTES);
      u32 runs = (p.k - k0 < CHUNK ? p.k - k0 : CHUNK) / RUN;
#pragma unroll 1
      for (u32 r = lane; r < runs; r += WARP) {
        Run weights[OWN];
#pragma unroll
        for (u32 o = 0; o < OWN; o++) unpack<F>(weights[o], w[o], r);
#pragma unroll
        for (u32 m = 0; m < M; m++) x[m].template add<F>(sum[0][m], sum[1][m], weights, r);
      }
    }
    __syncwarp();
  }
  if (!unit.present) return;
  float mine[OWN] = {};  // of row `lane`
#pragma unroll
  for (u32 m = 0; m < M; m++) {
#pragma unroll
    for (u32 o = 0; o < OWN; o++) {
      float all = warpReduce(sum[o][m], Plus());
      if (lane == m) mine[o] = all;
    }
  }
  if (lane >= M || row0 + lane >= p.m) return;
  u32 row = batch * p.m + row0 + lane;
  if (p.gate == NO_GATE) {
    finish(p, first, row, unit.column, mine[0]);
    if (unit.second != unit.column) finish(p, first, row, unit.second, mine[1]);
  } else if (p.narrow) {
    finishGated<bf16_t>(p, row, unit.column, mine[0], mine[1]);
  } else {
    finishGated<float>(p, row, unit.column, mine[0], mine[1]);
  }
}
