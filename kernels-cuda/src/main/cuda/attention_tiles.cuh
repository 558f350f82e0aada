// What the tensor cores' kernels of attention and its gradients share: blocks of 4 warps that own 16 rows each, and tiles of 16-bit rows
// in shared memory, padded by 16 bytes so that the 8 rows of a matrix lie in different banks.
#pragma once
#include "async.cuh"
#include "attention.cuh"
#include "mma.cuh"

constexpr int MMA_ROWS = 64;
constexpr int MMA_THREADS = 128;
constexpr int PADDING = 8;  // elements

// Whether a row's elements can be copied 16 bytes at a time.
template <typename H> QUERN_INLINE bool alignedRows(const Rows<H>& rows, u32 d) {
  return rows.step == 1 && d % 8 == 0 && rows.time % 8 == 0 && rows.head % 8 == 0 && reinterpret_cast<size_t>(rows.base) % 16 == 0;
}

// COUNT rows of D columns from row0 on, on their way to shared memory; zeros from row `end` and column d on.
template <int COUNT, int D, typename H>
QUERN_INLINE void fetchTile(u16* to, const Rows<H>& rows, bool aligned, u32 row0, u32 end, u32 d) {
  if (aligned) {
#pragma unroll
    for (u32 i = threadIdx.x; i < COUNT * (D / 8); i += MMA_THREADS) {
      u32 row = i / (D / 8), c = i % (D / 8) * 8, r = row0 + row;
      bool present = r < end && c < d;
      i64 from = present ? r / rows.group * rows.time + r % rows.group * rows.head + c : 0;
      copyAsync<16>(to + row * (D + PADDING) + c, rows.base + from, present);
    }
  } else {
    for (u32 i = threadIdx.x; i < COUNT * D; i += MMA_THREADS) {
      u32 row = i / D, c = i % D, r = row0 + row;
      u16 x = 0;
      if (r < end && c < d) x = rows.base[r / rows.group * rows.time + r % rows.group * rows.head + c * rows.step].bits;
      to[row * (D + PADDING) + c] = x;
    }
  }
}
