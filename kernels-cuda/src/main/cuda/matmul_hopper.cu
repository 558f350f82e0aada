// Matrix products of BF16, F16 and E4M3 on compute capability 9.0: c[b, i, j] = Σ_k a[b, i, k] · w[b, j, k] (+ bias[j]), and what an epilogue makes of it;
// sums in F32, results of the factors' type, or of BF16 factors F32 (of E4M3 always). Each factor may have k or its rows together in memory; the other
// stride, and the batch's, a multiple of 16 bytes.
//
// Loop nest: as many blocks as multiprocessors stay, each for every gridDim-th tile of 128 × BN results, k in steps of 128 bytes. A producer,
// one thread, has the copy engine bring the steps of both factors into a ring of stages in shared memory, across tiles, so that a tile's
// epilogue hides the next one's first loads; two consumers, warpgroups, multiply 64 rows each from there (wgmma), keeping one step's
// products in flight while the next step is waited for. A stage has two barriers: full (the bytes are there) and empty (all eight warps
// have read it). Results go through 8 KiB of shared memory for each consumer, twice, swizzled so that neither side meets the same bank
// twice, from where the copy engine takes them: 128 bytes of a row at a time. The producer gives up registers that consumers take: 64 × 256 F32
// sums are 128 a thread.
//
// Tiles are ordered in groups of `group` rows of tiles, along columns within a group, so that the tiles that run together share rows
// and columns in the second-level cache.
//
// Blocks of a PAIR are neighbours in rows of tiles: each brings its own rows of a and half the tile's rows of w, for both, so that 256 bytes are
// read for each 384 that a block gets. A stage is empty when the consumers of both have read it.
//
// Where there are fewer tiles than multiprocessors, k is cut into pieces, which blocks take like tiles. Each leaves its F32 sums in memory;
// the one that comes last adds all up in the order of k and goes on with the tile, so the bits are the same in every run.
//
// E4M3: both factors have k together, the result is F32. The instructions' own sums of 8-bit products keep fewer bits than F32 has (about
// 14, DeepSeek-V3 Technical Report, 3.3.2), so each step's sum begins anew and is added to F32 registers.
//
// SWAPPED: a is the weight and w the activations, so that few rows of activations fill an instruction's 64 rows with columns of the result;
// BN is then 32 or 64 rows of activations, and the epilogue transposes. To be measured: BN, stages, group, pairs, pieces.
#include "epilogue.cuh"
#include "wgmma.cuh"

constexpr int BM = 128;
constexpr int CONSUMERS = 2;
constexpr int THREADS = (1 + CONSUMERS) * WARPGROUP;
constexpr int LINE = 128;  // bytes of a row that the copy engine takes at once
constexpr int STAGING = 64 * LINE;
constexpr int STAGINGS = 2;  // of each consumer

struct HopperParams {
  TensorMap a, w, c;
  const void* bias;
  Epilogue epilogue;
  i64 biasStep;
  float* partial;                // sums of pieces of k, by tile, consumer and piece
  int* arrived;                  // how many pieces of a consumer's tile are there; 0 before and after each launch
  u32 m, n, k, batches;          // of the product as it is computed: SWAPPED exchanges m and n
  u32 tilesM, tilesN, group;
  u32 aShared, wShared;          // whether all of the batch have the same factor
  u32 pieces;                    // of k
};

struct Tile { u32 row, column, batch; };
QUERN_INLINE Tile tileAt(const HopperParams& p, u32 t) {
  u32 each = p.tilesM * p.tilesN, batch = t / each, rest = t - batch * each;
  u32 width = p.group * p.tilesN, first = rest / width * p.group, within = rest % width;
  u32 rows = p.tilesM - first < p.group ? p.tilesM - first : p.group;
  return {first + within % rows, within / rows, batch};
}

// What a block takes at once: a tile's sums over some steps of k.
struct Piece { u32 tile, index, from, to; };
QUERN_INLINE Piece pieceAt(const HopperParams& p, u32 t, u32 steps) {
  u32 tile = t / p.pieces, i = t - tile * p.pieces;
  return {tile, i, steps * i / p.pieces, steps * (i + 1) / p.pieces};
}

// ROWS rows of a factor by a step of k, for as many blocks of the cluster.
template <bool MN, int ROWS, int BLOCKS> QUERN_INLINE void bring(u8* to, const TensorMap& map, u32 row, u32 k, u32 batch, Barrier* full) {
#pragma unroll
  for (int i = 0; i < (MN ? ROWS / 64 : 1); i++) {
    int r = static_cast<int>(row + i * 64), x = MN ? r : static_cast<int>(k), y = MN ? static_cast<int>(k) : r;
    if constexpr (BLOCKS > 1) {
      copyInto((1 << BLOCKS) - 1, to + i * PIECE_BYTES, map, x, y, static_cast<int>(batch), full);
    } else {
      copyIn(to + i * PIECE_BYTES, map, x, y, static_cast<int>(batch), full);
    }
  }
}
// Says that this warp has read a stage, to each block that fills it.
template <int BLOCKS> QUERN_INLINE void release(Barrier* empty) {
  u32 lane = threadIdx.x % WARP;
  if constexpr (BLOCKS > 1) {
    if (lane < BLOCKS) barrierArriveAt(empty, lane);
  } else {
    if (lane == 0) barrierArrive(empty);
  }
}

// Leaves a consumer's sums of a piece in memory. True, with the sums of all pieces, where it is the tile's last; each thread reads what the
// thread in its place wrote in other blocks. last: shared by the consumer's threads.
template <int BN> QUERN_INLINE bool join(const HopperParams& p, float (&sum)[BN / 2], const Piece& piece, int consumer, u32* last) {
  constexpr u32 QUADS = BN / 8;  // of a thread's sums
  u32 thread = threadIdx.x % WARPGROUP, part = piece.tile * CONSUMERS + static_cast<u32>(consumer);
  float4* all = reinterpret_cast<float4*>(p.partial) + static_cast<i64>(part) * p.pieces * QUADS * WARPGROUP + thread;
  float4* mine = all + static_cast<i64>(piece.index) * QUADS * WARPGROUP;
#pragma unroll
  for (u32 i = 0; i < QUADS; i++) mine[i * WARPGROUP] = {sum[4 * i], sum[4 * i + 1], sum[4 * i + 2], sum[4 * i + 3]};
  syncNamed(1 + consumer, WARPGROUP);
  if (thread == 0) {
    __threadfence();
    *last = atomicAdd(p.arrived + part, 1) + 1 == static_cast<int>(p.pieces);
    if (*last) p.arrived[part] = 0;
    __threadfence();
  }
  syncNamed(1 + consumer, WARPGROUP);
  if (!*last) return false;
#pragma unroll
  for (int i = 0; i < BN / 2; i++) sum[i] = 0.0f;
#pragma unroll 1
  for (u32 other = 0; other < p.pieces; other++, all += QUADS * WARPGROUP) {
#pragma unroll
    for (u32 i = 0; i < QUADS; i++) {
      float4 v = all[i * WARPGROUP];
      sum[4 * i] += v.x;
      sum[4 * i + 1] += v.y;
      sum[4 * i + 2] += v.z;
      sum[4 * i + 3] += v.w;
    }
  }
  return true;
}

// A consumer's results, as it holds them in registers, through its staging memory to c. row: of its first result.
template <typename T, int BN, bool SWAPPED>
QUERN_INLINE void write(const HopperParams& p, const float (&sum)[BN / 2], u8* staging, int consumer, u32 row, u32 column, u32 batch) {
  constexpr int ACROSS = LINE / static_cast<int>(sizeof(T));  // results of a line
  constexpr int CHUNK = SWAPPED ? BN : ACROSS;                // columns of the tile that are staged together
  constexpr int BOXES = SWAPPED ? 64 / ACROSS : 1;            // side by side in c, each staged in a memory of its own
  constexpr int LINES = SWAPPED ? BN : 64, V = 16 / static_cast<int>(sizeof(T)), PIECES = LINES * (LINE / 16);
  static_assert(BOXES <= STAGINGS, "the boxes of a transposed tile are staged together");
  u32 thread = threadIdx.x % WARPGROUP, lane = thread % WARP, g = lane / 4, t = lane % 4, warp = thread / WARP;
  u32 rows = SWAPPED ? p.n : p.m, columns = SWAPPED ? p.m : p.n;  // of c
  const T* bias = static_cast<const T*>(p.bias);
#pragma unroll
  for (int c = 0; c < BN / CHUNK; c++) {
    u8* to = staging + c % STAGINGS * STAGING;
    u32 top = SWAPPED ? column : row, left = SWAPPED ? row : column + c * CHUNK;  // of what is staged, in c
    if (thread == 0) copyOutWait<(BN > CHUNK ? STAGINGS - 1 : 0)>();
    syncNamed(1 + consumer, WARPGROUP);
#pragma unroll
    for (int j = 0; j < CHUNK / 8; j++) {
#pragma unroll
      for (int r = 0; r < 2; r++) {
        u32 i = warp * 16 + g + r * 8, at = j * 8 + t * 2;
        Pack<T, 2> h;
#pragma unroll
        for (u32 e = 0; e < 2; e++) {
          u32 out = left + (SWAPPED ? i : at + e);
          float v = sum[(c * CHUNK / 8 + j) * 4 + r * 2 + e];
          if (bias != nullptr && out < columns) v += widen(bias[out * p.biasStep]);
          h.v[e] = narrow<T>(v);
        }
        if constexpr (SWAPPED) {
          u8* box = to + i / ACROSS * STAGING;
#pragma unroll
          for (u32 e = 0; e < 2; e++) memcpy(box + swizzled((at + e) * LINE + i % ACROSS * sizeof(T)), &h.v[e], sizeof(T));
        } else {
          storeAligned<2 * sizeof(T)>(to + swizzled(i * LINE + at * sizeof(T)), &h);
        }
      }
    }
    if (p.epilogue.kind != PLAIN) {
      syncNamed(1 + consumer, WARPGROUP);
#pragma unroll 1
      for (u32 piece = thread; piece < BOXES * PIECES; piece += WARPGROUP) {
        u32 box = piece / PIECES, within = piece % PIECES;
        u32 line = within / (LINE / 16), at = within % (LINE / 16) * V + box * ACROSS;
        if (top + line >= rows || left + at >= columns) continue;
        Pack<T, V> h;
        u8* staged = to + box * STAGING + swizzled(within * 16);
        loadAligned<16>(&h, staged);
        finish(h, (static_cast<i64>(batch) * rows + top + line) * columns + left + at, p.epilogue);
        storeAligned<16>(staged, &h);
      }
    }
    if (!p.epilogue.keeps()) continue;
    fenceForCopies();
    syncNamed(1 + consumer, WARPGROUP);
    if (thread == 0) {
#pragma unroll
      for (int box = 0; box < BOXES; box++) {
        copyOut(p.c, to + box * STAGING, static_cast<int>(left + box * ACROSS), static_cast<int>(top), static_cast<int>(batch));
      }
    }
  }
}

template <typename H, typename T, int BN, int STAGES, bool A_MN, bool B_MN, bool SWAPPED, int BLOCKS>
QUERN_INLINE void product(const HopperParams& p, u8* dynamic) {
  constexpr u32 A_BYTES = BM * LINE, STAGE_BYTES = A_BYTES + BN * LINE, SHARE = BN / BLOCKS;
  u8* stages = dynamic + (SWIZZLE_BYTES - sharedAddress(dynamic) % SWIZZLE_BYTES) % SWIZZLE_BYTES;
  u8* staging = stages + STAGES * STAGE_BYTES;
  Barrier* full = reinterpret_cast<Barrier*>(staging + CONSUMERS * STAGINGS * STAGING);
  Barrier* empty = full + STAGES;
  u32* last = reinterpret_cast<u32*>(empty + STAGES);  // of each consumer
  if (threadIdx.x == 0) {
    for (int s = 0; s < STAGES; s++) {
      barrierInit(full + s, 1);
      barrierInit(empty + s, BLOCKS * CONSUMERS * WARPGROUP / WARP);
    }
    barrierInitEnd();
    prefetchMap(p.a);
    prefetchMap(p.w);
    prefetchMap(p.c);
  }
  u32 rank = 0;
  if constexpr (BLOCKS > 1) {
    rank = clusterRank();
    clusterSync();
  } else {
    __syncthreads();
  }
  u32 all = p.tilesM * p.tilesN * p.batches * p.pieces, steps = (p.k + TILE_K<H> - 1) / TILE_K<H>;
  RingPlace<STAGES> place;
  if (threadIdx.x < WARPGROUP) {
    if constexpr (BN >= 128) giveRegisters<40>();
    if (threadIdx.x == 0) {
      place.parity = 1;  // all stages are empty
      for (u32 t = blockIdx.x / BLOCKS; t < all; t += gridDim.x / BLOCKS) {
        Piece piece = pieceAt(p, t, steps);
        Tile tile = tileAt(p, piece.tile);
        for (u32 step = piece.from; step < piece.to; step++) {
          u8* stage = stages + place.stage * STAGE_BYTES;
          Barrier* there = full + place.stage;
          u32 row = (tile.row * BLOCKS + rank) * BM, column = tile.column * BN + rank * SHARE;
          if constexpr (BLOCKS > 1) {
            barrierWaitForCluster(empty + place.stage, place.parity);
          } else {
            barrierWait(empty + place.stage, place.parity);
          }
          barrierArriveExpecting(there, STAGE_BYTES);
          bring<A_MN, BM, 1>(stage, p.a, row, step * TILE_K<H>, p.aShared ? 0 : tile.batch, there);
          bring<B_MN, SHARE, BLOCKS>(stage + A_BYTES + rank * SHARE * LINE, p.w, column, step * TILE_K<H>, p.wShared ? 0 : tile.batch, there);
          place.advance();
        }
      }
    }
    if constexpr (BLOCKS > 1) clusterSync();
    return;
  }
  if constexpr (BN >= 128) takeRegisters<232>();
  int consumer = static_cast<int>(threadIdx.x) / WARPGROUP - 1;
  staging += consumer * STAGINGS * STAGING;
  float sum[BN / 2];
  for (u32 t = blockIdx.x / BLOCKS; t < all; t += gridDim.x / BLOCKS) {
    Piece piece = pieceAt(p, t, steps);
    u32 before = 0;
    for (u32 step = piece.from; step < piece.to; step++) {
      const u8* stage = stages + place.stage * STAGE_BYTES;
      barrierWait(full + place.stage, place.parity);
      u64 a = describe<A_MN>(stage, 64 * consumer), b = describe<B_MN>(stage + A_BYTES, 0);
      multiplyFence();
      if constexpr (sizeof(H) == 1) {
        float part[BN / 2];
#pragma unroll
        for (int k = 0; k < TILE_K<H> / PRODUCT_K<H>; k++) {
          multiply<H, BN, A_MN, B_MN>(part, a + k * descriptorStep<A_MN>(), b + k * descriptorStep<B_MN>(), k > 0);
        }
        multiplyCommit();
        multiplyWait<0>();
        release<BLOCKS>(empty + place.stage);
#pragma unroll
        for (int i = 0; i < BN / 2; i++) sum[i] = step > piece.from ? sum[i] + part[i] : part[i];
      } else {
#pragma unroll
        for (int k = 0; k < TILE_K<H> / PRODUCT_K<H>; k++) {
          multiply<H, BN, A_MN, B_MN>(sum, a + k * descriptorStep<A_MN>(), b + k * descriptorStep<B_MN>(), step > piece.from || k > 0);
        }
        multiplyCommit();
        multiplyWait<1>();
        if (step > piece.from) release<BLOCKS>(empty + before);
        before = place.stage;
      }
      place.advance();
    }
    if constexpr (sizeof(H) > 1) {
      multiplyWait<0>();
      release<BLOCKS>(empty + before);
    }
    if constexpr (BLOCKS == 1) {
      if (p.pieces > 1 && !join<BN>(p, sum, piece, consumer, last + consumer)) continue;
    }
    Tile tile = tileAt(p, piece.tile);
    u32 row = (tile.row * BLOCKS + rank) * BM + 64 * consumer;
    write<T, BN, SWAPPED>(p, sum, staging, consumer, row, tile.column * BN, tile.batch);
  }
  if (threadIdx.x % WARPGROUP == 0) copyOutWait<0>();
  if constexpr (BLOCKS > 1) clusterSync();
}

#define KERNEL(NAME, H, T, BN, STAGES, A_MN, B_MN, SWAPPED)        \
  QUERN_KERNEL(matmul_hopper_##NAME, HopperParams, THREADS) {      \
    QUERN_DYNAMIC_SHARED(shared);                                  \
    product<H, T, BN, STAGES, A_MN, B_MN, SWAPPED, 1>(p, shared);  \
  }
#define PAIR(NAME, H, T, A_MN, B_MN)                                    \
  QUERN_KERNEL_CLUSTER(matmul_hopper_##NAME, HopperParams, THREADS, 2) { \
    QUERN_DYNAMIC_SHARED(shared);                                       \
    product<H, T, 256, 4, A_MN, B_MN, false, 2>(p, shared);             \
  }
// kk, kn, nk, nn: which of k and rows lies together in a and in w.
#define ORDERS(NAME, H, T, BN, STAGES)                       \
  KERNEL(NAME##_kk, H, T, BN, STAGES, false, false, false)   \
  KERNEL(NAME##_kn, H, T, BN, STAGES, false, true, false)    \
  KERNEL(NAME##_nk, H, T, BN, STAGES, true, false, false)    \
  KERNEL(NAME##_nn, H, T, BN, STAGES, true, true, false)
#define PAIRS(NAME, H)                            \
  PAIR(256_pair_##NAME##_kk, H, H, false, false)   \
  PAIR(256_pair_##NAME##_kn, H, H, false, true)    \
  PAIR(256_pair_##NAME##_nk, H, H, true, false)    \
  PAIR(256_pair_##NAME##_nn, H, H, true, true)
#define KERNELS(NAME, H, T)                                  \
  KERNEL(swapped_64_##NAME, H, T, 64, 8, false, false, true) \
  KERNEL(swapped_32_##NAME, H, T, 32, 8, false, false, true)
ORDERS(256_bf16, bf16_t, bf16_t, 256, 4)
ORDERS(128_bf16, bf16_t, bf16_t, 128, 6)
PAIRS(bf16, bf16_t)
KERNELS(bf16, bf16_t, bf16_t)
ORDERS(256_f16, half_t, half_t, 256, 4)
ORDERS(128_f16, half_t, half_t, 128, 6)
PAIRS(f16, half_t)
KERNELS(f16, half_t, half_t)
// Activations of F32 that were rounded to BF16 on the way, with F32 results: a layer's product and its two gradients.
#define ROUNDED(NAME, BN, STAGES)                                              \
  KERNEL(NAME##_bf16_f32_kk, bf16_t, float, BN, STAGES, false, false, false)   \
  KERNEL(NAME##_bf16_f32_kn, bf16_t, float, BN, STAGES, false, true, false)    \
  KERNEL(NAME##_bf16_f32_nn, bf16_t, float, BN, STAGES, true, true, false)
ROUNDED(256, 256, 4)
ROUNDED(128, 128, 6)
PAIR(256_pair_bf16_f32_kk, bf16_t, float, false, false)
PAIR(256_pair_bf16_f32_kn, bf16_t, float, false, true)
PAIR(256_pair_bf16_f32_nn, bf16_t, float, true, true)
KERNELS(bf16_f32, bf16_t, float)
KERNEL(128_f8_e4m3_kk, e4m3_t, float, 128, 6, false, false, false)
