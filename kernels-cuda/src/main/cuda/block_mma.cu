// MatMulOp of many rows with weights in blocks under FAST, on the tensor cores of Ampere and later: activations and weights are rounded to
// BF16 on the way in, sums are F32.
//
// Loop nest: a block for a tile of results, k in steps of 32 (matmul_mma.cu's fragments and tiles). Weights come to shared memory as they
// are stored, 256 elements of k for all of the tile's columns at a time, while the 256 before are multiplied: 16-byte copies past
// registers. Each step unpacks a run of 16 elements a thread from there to a BF16 tile, and brings the next step's activations to
// registers. Tiles of 128×128 with 8 warps where they fill the device, else 64×64 with 4 (to be measured).
#include "block_matmul.cuh"
#include "mma.cuh"

constexpr int STEP = 32, TILE_PITCH = STEP + 8;
constexpr u32 GROUP_LENGTH = 256;

// An odd number of 16 bytes: what 16 columns' lanes read at once then lies in different banks.
QUERN_INLINE constexpr u32 columnRoom(u32 bytes) { return roomBytes(bytes) / PIECE % 2 == 1 ? roomBytes(bytes) : roomBytes(bytes) + PIECE; }

template <typename F, int BM, int BN, int WM, int WN> QUERN_INLINE void product(const BlockMatMulParams& p) {
  constexpr int WARPS_N = BN / WN, THREADS = BM / WM * WARPS_N * WARP;
  constexpr u32 BYTES = GROUP_LENGTH / F::LENGTH * F::BYTES, ROOM = columnRoom(BYTES), PIECES = roomBytes(BYTES) / PIECE;
  constexpr int EACH = BM * STEP / static_cast<int>(TOGETHER) / THREADS, MT = WM / 16, NT = WN / 8;
  static_assert(BN * 2 == THREADS, "a thread unpacks one run a step");
  QUERN_DYNAMIC_SHARED(shared);
  u16(*as)[TILE_PITCH] = reinterpret_cast<u16(*)[TILE_PITCH]>(shared);
  u16(*bs)[TILE_PITCH] = as + BM;
  u8* rooms = shared + (BM + BN) * TILE_PITCH * sizeof(u16);
  u32 tile = blockIdx.x, which = 0;
  while (tile >= (p.parts[which].n + BN - 1) / BN) tile -= (p.parts[which++].n + BN - 1) / BN;
  const BlockPart& part = p.parts[which];
  u32 batch = blockIdx.z + p.firstBatch, row0 = blockIdx.y * BM, column0 = tile * BN;
  i64 aAt, wAt;
  p.batch(batch, aAt, wAt);
  Activations activations(p, aAt);
  auto column = [&](u32 c) {
    u32 j = column0 + c < part.n ? column0 + c : part.n - 1;
    return static_cast<const u8*>(part.w) + wAt + j * part.wColumn;
  };
  auto bring = [&](u32 k0) {
    if (k0 < p.k) {
      u32 bytes = (p.k - k0 < GROUP_LENGTH ? p.k - k0 : GROUP_LENGTH) / F::LENGTH * F::BYTES;
      u8* room = rooms + k0 / GROUP_LENGTH % 2 * (BN * ROOM);
#pragma unroll 1
      for (u32 i = threadIdx.x; i < BN * PIECES; i += THREADS) {
        u32 c = i / PIECES;
        stage(room + c * ROOM, column(c) + k0 / F::LENGTH * F::BYTES, bytes, i % PIECES, part.begin, part.end);
      }
    }
    commitCopies();
  };
  float fa[EACH][TOGETHER];
  auto load = [&](u32 k0) {
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      u32 i = threadIdx.x + e * THREADS, r = row0 + i / (STEP / TOGETHER);
#pragma unroll
      for (u32 v = 0; v < TOGETHER; v++) fa[e][v] = 0;
      if (r < p.m) activations.get(fa[e], r, k0 + i % (STEP / TOGETHER) * TOGETHER);
    }
  };
  float sum[MT][NT][4] = {};
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, g = lane / 4, t = lane % 4;
  u32 m0 = warp / WARPS_N * WM, n0 = warp % WARPS_N * WN;
  bring(0);
  load(0);
  for (u32 k0 = 0; k0 < p.k; k0 += STEP) {
    if (k0 % GROUP_LENGTH == 0) {
      waitForCopies<0>();
      __syncthreads();
      bring(k0 + GROUP_LENGTH);
    }
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      u32 i = threadIdx.x + e * THREADS;
      alignas(16) u16 rounded[TOGETHER];
#pragma unroll
      for (u32 v = 0; v < TOGETHER; v++) rounded[v] = floatToBf16(fa[e][v]);
      storeAligned<16>(&as[i / (STEP / TOGETHER)][i % (STEP / TOGETHER) * TOGETHER], rounded);
    }
    {
      u32 c = threadIdx.x / 2, half = threadIdx.x % 2;
      u32 skew = skewOf(column(c) + k0 / GROUP_LENGTH * BYTES);
      const u8* room = rooms + k0 / GROUP_LENGTH % 2 * (BN * ROOM) + c * ROOM + skew;
      Run run;
      unpack<F>(run, room, k0 % GROUP_LENGTH / RUN + half);
      alignas(16) u16 rounded[RUN];
#pragma unroll
      for (u32 i = 0; i < RUN; i++) rounded[i] = floatToBf16(element<F>(run, i));
      storeAligned<16>(&bs[c][half * RUN], rounded);
      storeAligned<16>(&bs[c][half * RUN + 8], rounded + 8);
    }
    __syncthreads();
    if (k0 + STEP < p.k) load(k0 + STEP);
#pragma unroll
    for (int k = 0; k < STEP; k += 16) {
      u32 fragmentA[MT][4], fragmentB[NT / 2][4];
#pragma unroll
      for (int i = 0; i < MT; i++) loadLeft<TILE_PITCH>(fragmentA[i], &as[m0 + i * 16][k]);
#pragma unroll
      for (int j = 0; j < NT / 2; j++) loadRight<TILE_PITCH>(fragmentB[j], &bs[n0 + j * 16][k]);
#pragma unroll
      for (int i = 0; i < MT; i++) {
#pragma unroll
        for (int j = 0; j < NT; j++) mma<bf16_t>(sum[i][j], fragmentA[i], {fragmentB[j / 2][j % 2 * 2], fragmentB[j / 2][j % 2 * 2 + 1]});
      }
    }
    __syncthreads();
  }
  float(*results)[BN + 4] = reinterpret_cast<float(*)[BN + 4]>(shared);  // so that neighbours are written by neighbours
#pragma unroll
  for (int i = 0; i < MT; i++) {
#pragma unroll
    for (int j = 0; j < NT; j++) {
#pragma unroll
      for (int r = 0; r < 4; r++) results[m0 + i * 16 + g + r / 2 * 8][n0 + j * 8 + 2 * t + r % 2] = sum[i][j][r];
    }
  }
  __syncthreads();
#pragma unroll 1
  for (u32 i = threadIdx.x; i < BM * BN; i += THREADS) {
    u32 r = i / BN, c = i % BN;
    if (row0 + r < p.m && column0 + c < part.n) finish(p, part, batch * p.m + row0 + r, column0 + c, results[r][c]);
  }
}

#define KERNEL(NAME, F)                                                                                            \
  QUERN_KERNEL(block_mma_##NAME, BlockMatMulParams, 128) { product<F, 64, 64, 32, 32>(p); }                        \
  QUERN_KERNEL(block_mma_large_##NAME, BlockMatMulParams, 256) { product<F, 128, 128, 64, 32>(p); }
QUERN_BLOCKS(KERNEL)
