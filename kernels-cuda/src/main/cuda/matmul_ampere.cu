// MatMulOp by what Ampere brought (cp.async, ldmatrix, mma.sync): factors of one type, BF16 or F16, in rows that are aligned to 16 bytes and
// contiguous along k or along rows; sums in F32. What lies otherwise is matmul_mma.cu's.
//
// Loop nest: a block for a tile of results; k in stages of DEPTH, 3 or 4 of them in shared memory (as many as Java finds room for), all but
// one on their way while one is multiplied. A warp owns WM×WN results; it loads the fragments of the next 16 of k while those before are
// multiplied. Tiles lie in shared memory as they lie in memory, in lines of 16-byte chunks whose places are mixed (TileOf), so that
// neither copies nor fragments' loads meet in a bank. Where tiles are few, KW warps share a tile's results, each with its own part of
// every stage; their sums are added in order.
//
// Shared memory gives 128 bytes a cycle. A 64×64 warp tile loads 128 bytes of fragments for an mma, a 64×32 one 192, a 32×32 one 256;
// an A100 takes 2 cycles for an mma. With the copies' own bytes, 64×64 leaves the tensor cores the bound (69 to 75% of the bandwidth at
// full rate), 64×32 would be at 100%: hence few warps with many results each.
#include "async.cuh"
#include "matmul.cuh"
#include "mma.cuh"

struct AmpereParams {
  MatMulParams product;
  u32 tilesM, tilesN, stages;
  u32 wide;  // whether results can be written 16 bytes at a time
};

constexpr u32 CHUNK = 8;   // elements of 16 bytes
constexpr int FRAGMENT = 16;  // of k
constexpr u32 GROUP_ROWS = 8;  // rows of tiles that run together, so that what they share is in the second-level cache

// ROWS rows by DEPTH of k in shared memory: lines of chunks along whichever is contiguous. The chunks of 8 lines that a matrix consists
// of lie in different banks, since each line (each 128 bytes of shorter lines) has its chunks in another order.
template <int ROWS, int DEPTH, bool K_MAJOR> struct TileOf {
  static constexpr u32 LINES = K_MAJOR ? ROWS : DEPTH, CHUNKS = (K_MAJOR ? DEPTH : ROWS) / CHUNK;
  static constexpr u32 LINE_BYTES = CHUNKS * 16, BYTES = LINES * LINE_BYTES;
  static constexpr u32 SHARING = CHUNKS < 8 ? 8 / CHUNKS : 1;  // lines of 128 bytes
  static QUERN_INLINE u32 at(u32 line, u32 chunk) { return line * LINE_BYTES + (chunk ^ line / SHARING % (8 / SHARING)) * 16; }
};

// What a thread brings of an operand's tiles, stage after stage.
template <typename Tile, bool K_MAJOR, u32 THREADS> struct Supply {
  static constexpr u32 TOGETHER = THREADS / Tile::CHUNKS, EACH = Tile::LINES / TOGETHER;  // lines at once; chunks of a thread
  static_assert(TOGETHER % 8 == 0 && TOGETHER * EACH == Tile::LINES, "a thread's chunks have one place in their lines");
  const u8* from;
  i64 between, onward;  // bytes from one of its chunks to the next, and to the next stage
  u32 line, at, rows, to;

  QUERN_INLINE Supply(const void* base, i64 offset, i64 row, i64 step, u32 row0, u32 end) {
    u32 chunk = threadIdx.x % Tile::CHUNKS * CHUNK;
    line = threadIdx.x / Tile::CHUNKS;
    at = chunk;
    rows = end - row0;
    to = Tile::at(line, chunk / CHUNK);
    i64 first = K_MAJOR ? (row0 + line) * row + chunk : row0 + chunk + line * step;
    from = static_cast<const u8*>(base) + (offset + first) * 2;
    between = (K_MAJOR ? row : step) * (2 * TOGETHER);
    onward = K_MAJOR ? i64{Tile::CHUNKS * 16} : step * (2 * static_cast<i64>(Tile::LINES));
  }
  // The next stage, which begins at k0; zeros behind the operand's rows and behind k.
  QUERN_INLINE void bring(u8* stage, u32 k0, u32 k) {
#pragma unroll
    for (u32 e = 0; e < EACH; e++) {
      u32 l = line + e * TOGETHER;
      bool present = K_MAJOR ? l < rows && k0 + at < k : at < rows && k0 + l < k;
      copyAsync<16>(stage + to + e * TOGETHER * Tile::LINE_BYTES, from + e * between, present);
    }
    from += onward;
  }
};

// Where a lane's row of the first of a warp's matrices is: of rows from row0 on, and of k from k0 on. The four matrices of a load are two
// neighbours each way: of a left factor first along rows, of a right one first along k.
template <typename Tile, bool K_MAJOR, bool LEFT> QUERN_INLINE u32 placeOf(u32 row0, u32 k0) {
  u32 lane = threadIdx.x % WARP, m = lane / 8, alongRows = LEFT ? m % 2 : m / 2, alongK = LEFT ? m / 2 : m % 2;
  return K_MAJOR ? Tile::at(row0 + alongRows * 8 + lane % 8, k0 / CHUNK + alongK) : Tile::at(k0 + alongK * 8 + lane % 8, row0 / CHUNK + alongRows);
}
// The i-th 16 rows from there on, and the kk-th 16 of k.
template <typename Tile, bool K_MAJOR> QUERN_INLINE void loadFragment(u32 (&r)[4], const u8* tile, u32 place, int i, int kk) {
  u32 along = (K_MAJOR ? kk : i) * 32, across = (K_MAJOR ? i : kk) * FRAGMENT * Tile::LINE_BYTES;
  loadMatrices<!K_MAJOR>(r, reinterpret_cast<const u16*>(tile + (place ^ along) + across));
}

template <typename C, int V> QUERN_INLINE void write(const MatMulParams& q, const float* sums, u32 batch, u32 row, u32 column) {
  i64 at = (static_cast<i64>(batch) * q.m + row) * q.n + column;
  Pack<C, V> h;
#pragma unroll
  for (int v = 0; v < V; v++) {
    float x = sums[v];
    if (q.bias != nullptr) x += widen(static_cast<const C*>(q.bias)[(column + v) * q.biasStep]);
    h.v[v] = narrow<C>(x);
  }
  storeAligned<sizeof(C) * V>(static_cast<C*>(q.c) + at, &h);
}

template <typename H, typename C, int BM, int BN, int WM, int WN, int KW, bool A_K, bool W_K>
QUERN_INLINE void product(const AmpereParams& p) {
  constexpr int DEPTH = 2 * FRAGMENT * KW, WARPS_N = BN / WN, OWNERS = BM / WM * WARPS_N, THREADS = OWNERS * KW * WARP;
  constexpr int MT = WM / 16, NT = WN / 8;
  using TileA = TileOf<BM, DEPTH, A_K>;
  using TileW = TileOf<BN, DEPTH, W_K>;
  constexpr u32 STAGE = TileA::BYTES + TileW::BYTES;
  QUERN_DYNAMIC_SHARED(shared);
  const MatMulParams& q = p.product;
  u32 width = GROUP_ROWS * p.tilesN, first = blockIdx.x / width * GROUP_ROWS, within = blockIdx.x % width;
  u32 height = p.tilesM - first < GROUP_ROWS ? p.tilesM - first : GROUP_ROWS;
  u32 row0 = (first + within % height) * BM, column0 = within / height * BN, batch = blockIdx.y;
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, owner = warp % OWNERS, part = warp / OWNERS;
  u32 m0 = owner / WARPS_N * WM, n0 = owner % WARPS_N * WN;
  i64 aAt, wAt;
  q.batch(batch, aAt, wAt);
  Supply<TileA, A_K, THREADS> left(q.a, aAt, q.aRow, q.aStep, row0, q.m);
  Supply<TileW, W_K, THREADS> right(q.w, wAt, q.wColumn, q.wStep, column0, q.n);
  u32 steps = (q.k + DEPTH - 1) / DEPTH;
  auto bring = [&](u32 step, u32 slot) {
    if (step < steps) {
      left.bring(shared + slot * STAGE, step * DEPTH, q.k);
      right.bring(shared + slot * STAGE + TileA::BYTES, step * DEPTH, q.k);
    }
    commitCopies();
  };
  auto await = [&]() {  // for the stage after the one that is multiplied
    if (p.stages == 4) {
      waitForCopies<2>();
    } else {
      waitForCopies<1>();
    }
    __syncthreads();
  };
  u32 placeA = placeOf<TileA, A_K, true>(m0, part * 2 * FRAGMENT), placeW = placeOf<TileW, W_K, false>(n0, part * 2 * FRAGMENT);
  u32 a[2][MT][4], b[2][NT / 2][4];
  auto load = [&](u32 slot, int kk) {
    const u8* stage = shared + slot * STAGE;
#pragma unroll
    for (int i = 0; i < MT; i++) loadFragment<TileA, A_K>(a[kk][i], stage, placeA, i, kk);
#pragma unroll
    for (int j = 0; j < NT / 2; j++) loadFragment<TileW, W_K>(b[kk][j], stage + TileA::BYTES, placeW, j, kk);
  };
  float sum[MT][NT][4] = {};
  auto multiply = [&](int kk) {
#pragma unroll
    for (int i = 0; i < MT; i++) {
#pragma unroll
      for (int j = 0; j < NT; j++) mma<H>(sum[i][j], a[kk][i], {b[kk][j / 2][j % 2 * 2], b[kk][j / 2][j % 2 * 2 + 1]});
    }
  };
  for (u32 s = 0; s + 1 < p.stages; s++) bring(s, s);
  await();
  load(0, 0);
  u32 slot = 0, spare = p.stages - 1;
#pragma unroll 1
  for (u32 step = 0; step < steps; step++) {
    load(slot, 1);
    bring(step + p.stages - 1, spare);  // nobody reads there since the last barrier
    multiply(0);
    spare = slot;
    slot = slot + 1 == p.stages ? 0 : slot + 1;
    await();
    load(slot, 0);  // behind the last stage: of nothing that is used
    multiply(1);
  }
  __syncthreads();
  // 16 rows of each warp at a time through shared memory, so that neighbours are written by neighbours.
  constexpr u32 PITCH = WN + 8, SPACE = 16 * PITCH, V = 16 / sizeof(C), ACROSS = WN / V, ROWS = 16 / KW;
  float* sums = reinterpret_cast<float*>(shared);
  float* mine = sums + warp * SPACE;
#pragma unroll
  for (int i = 0; i < MT; i++) {
#pragma unroll
    for (int j = 0; j < NT; j++) {
#pragma unroll
      for (int h = 0; h < 2; h++) {
        storeAligned<8>(mine + (lane / 4 + 8 * h) * PITCH + j * 8 + lane % 4 * 2, &sum[i][j][2 * h]);
      }
    }
    if constexpr (KW == 1) {
      __syncwarp();
    } else {
      __syncthreads();
    }
#pragma unroll 1
    for (u32 r = part * ROWS + lane / ACROSS; r < (part + 1) * ROWS; r += WARP / ACROSS) {
      u32 row = row0 + m0 + i * 16 + r, column = column0 + n0 + lane % ACROSS * V;
      alignas(16) float x[V];
      loadAligned<sizeof x>(x, sums + owner * SPACE + r * PITCH + lane % ACROSS * V);
#pragma unroll
      for (int other = 1; other < KW; other++) {
        alignas(16) float y[V];
        loadAligned<sizeof y>(y, sums + (owner + other * OWNERS) * SPACE + r * PITCH + lane % ACROSS * V);
#pragma unroll
        for (u32 v = 0; v < V; v++) x[v] += y[v];
      }
      if (row >= q.m || column >= q.n) continue;
      if (p.wide) {
        write<C, V>(q, x, batch, row, column);
      } else {
#pragma unroll
        for (u32 v = 0; v < V; v++) {
          if (column + v < q.n) write<C, 1>(q, x + v, batch, row, column + v);
        }
      }
    }
    if constexpr (KW == 1) {
      __syncwarp();
    } else {
      __syncthreads();
    }
  }
}

#define KERNEL(NAME, THREADS, BLOCKS, ...) \
  QUERN_KERNEL_BLOCKS(matmul_ampere_##NAME, AmpereParams, THREADS, BLOCKS) { product<__VA_ARGS__>(p); }
// By the order of both operands: k if k is contiguous, n if rows are.
#define ORDER(NAME, H, C, ORDERS, A_K, W_K)                                               \
  KERNEL(128x256_##NAME##_##ORDERS, 256, 1, H, C, 128, 256, 64, 64, 1, A_K, W_K)          \
  KERNEL(128x128_##NAME##_##ORDERS, 128, 2, H, C, 128, 128, 64, 64, 1, A_K, W_K)          \
  KERNEL(64x64_##NAME##_##ORDERS, 128, 3, H, C, 64, 64, 32, 32, 1, A_K, W_K)
// The last two are for few rows: layers of a model, whose weights' k is contiguous.
#define TYPES(NAME, H, C)                                                       \
  ORDER(NAME, H, C, kk, true, true)                                             \
  ORDER(NAME, H, C, kn, true, false)                                            \
  ORDER(NAME, H, C, nk, false, true)                                            \
  ORDER(NAME, H, C, nn, false, false)                                           \
  KERNEL(64x32_##NAME##_kk, 128, 3, H, C, 64, 32, 32, 32, 2, true, true)        \
  KERNEL(32x32_##NAME##_kk, 128, 2, H, C, 32, 32, 32, 32, 4, true, true)
TYPES(f16, half_t, half_t)
TYPES(bf16, bf16_t, bf16_t)
TYPES(bf16_f32, bf16_t, float)
