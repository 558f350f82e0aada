// DataOp.Contiguous and Concat, BufferOp.Assign, copies into KV caches: y[i] = x[i], bit for bit. x broadcasts; any strides of both.
//
// Loop nest: a thread for 16 bytes (strided.cuh), in units of 1, 2, 4 or 8 bytes, of which blocks of
// the quantised formats have several.
// Where x is a matrix whose columns are runs (a transposed view), copy_transpose moves tiles of 32×32 through shared memory instead,
// padded by one column, so that both sides are read and written in runs of 32 and no two lanes meet in a bank.
#include "strided.cuh"

struct CopyParams {
  Walk<2> walk;  // y, x
};

template <typename T> QUERN_INLINE void copy(const CopyParams& p) {
  constexpr int V = GROUP<T>;
  Group<2, V> g;
  if (!place(p.walk, g)) return;
  Pack<T, V> x;
  load(x, p.walk, g, 1);
  store(x, p.walk, g, 0);
}

QUERN_KERNEL(copy_1, CopyParams, MAP_THREADS) { copy<u8>(p); }
QUERN_KERNEL(copy_2, CopyParams, MAP_THREADS) { copy<u16>(p); }
QUERN_KERNEL(copy_4, CopyParams, MAP_THREADS) { copy<u32>(p); }
QUERN_KERNEL(copy_8, CopyParams, MAP_THREADS) { copy<u64>(p); }

struct TransposeParams {
  void* y;        // (B, R, C) without gaps
  const void* x;  // element (b, r, c) at b·batchStride + r + c·columnStride
  i64 batchStride, columnStride;
  u32 rows, columns;
};

constexpr int TILE = 32;
constexpr int TILE_ROWS = 8;  // that a block moves at once

// blockIdx: (tile of columns, tile of rows, batch)
template <typename T> QUERN_INLINE void transpose(const TransposeParams& p) {
  __shared__ T tile[TILE][TILE + 1];
  const T* x = static_cast<const T*>(p.x) + blockIdx.z * p.batchStride;
  T* y = static_cast<T*>(p.y) + static_cast<i64>(blockIdx.z) * p.rows * p.columns;
  u32 lane = threadIdx.x % TILE, first = threadIdx.x / TILE;
  u32 row = blockIdx.y * TILE + lane;
  for (u32 i = first; i < TILE; i += TILE_ROWS) {
    u32 column = blockIdx.x * TILE + i;
    if (row < p.rows && column < p.columns) tile[i][lane] = x[row + column * p.columnStride];
  }
  __syncthreads();
  u32 column = blockIdx.x * TILE + lane;
  for (u32 i = first; i < TILE; i += TILE_ROWS) {
    u32 r = blockIdx.y * TILE + i;
    if (r < p.rows && column < p.columns) y[static_cast<i64>(r) * p.columns + column] = tile[lane][i];
  }
}
QUERN_KERNEL(transpose_1, TransposeParams, TILE * TILE_ROWS) { transpose<u8>(p); }
QUERN_KERNEL(transpose_2, TransposeParams, TILE * TILE_ROWS) { transpose<u16>(p); }
QUERN_KERNEL(transpose_4, TransposeParams, TILE * TILE_ROWS) { transpose<u32>(p); }
QUERN_KERNEL(transpose_8, TransposeParams, TILE * TILE_ROWS) { transpose<u64>(p); }
