// ScatterOp. IndexAdd: y = x, then y[o..., index(i), k...] += source[o..., i, k...] in the order of i. ScatterAdd: the same along one axis
// with an index for each element of source. Fold: y[..., i·step + j·dilation, ...] += x[..., i, ..., j]. Any strides; y without gaps.
//
// No atomics: each place collects what belongs to it, in order, so the bits are the same on every run. index_add takes a warp for a
// place and 32 elements beside it: lanes read 32 indices together, a vote says which of them are the place's, and all lanes add those
// slices. That reads every index once per place and 32 elements; sorting the indices first is the next step, if a GPU says it pays.
// scatter_add and fold take a thread for a place.
#include "lines.cuh"

struct IndexAddParams {
  Lines<3> beside;  // y, x, source without the axis: what stands beside a place
  Lines<2> starts;  // indices, source: where index i and its slice begin
  Complaints complaints;
  i64 yStride, xStride;  // from place to place
  u32 extent, indices;
  int wideIndices;
  u32 tiles;  // of 32 elements beside a place
};

// blockIdx.x: (8 places, tile) in one, since a grid's second axis ends at 65,535
template <typename T> QUERN_INLINE void indexAdd(const IndexAddParams& p) {
  typedef wide<T> W;
  u32 lane = threadIdx.x % WARP, warps = LINE_THREADS / WARP;
  u32 places = blockIdx.x / p.tiles, tile = blockIdx.x - places * p.tiles;
  u32 place = places * warps + threadIdx.x / WARP;
  if (place >= p.extent) return;
  u32 other = tile * WARP + lane;
  bool mine = other < p.beside.lines;
  u32 there = mine ? other : 0;
  W sum = mine ? widen(p.beside.template first<const T>(1, there)[place * p.xStride]) : W(0);
  const T* source = p.beside.template first<const T>(2, there);
  for (u32 first = 0; first < p.indices; first += WARP) {
    u32 i = first + lane;
    i64 index = -1;
    if (i < p.indices) {
      i64 raw = indexAt(p.starts.base[0], p.starts.at(0, i), p.wideIndices);
      index = raw < 0 ? raw + p.extent : raw;
      if (index < 0 || index >= p.extent) report(p.complaints, BAD_SIGNED_INDEX, i, raw, p.extent);
    }
    u32 hits = __ballot_sync(FULL, index == place);
    while (hits != 0) {
      u32 bit = 31 - static_cast<u32>(__clz(static_cast<int>(hits & (0 - hits))));
      hits &= hits - 1;
      if (mine) sum = static_cast<W>(sum + widen(source[p.starts.at(1, first + bit)]));
    }
  }
  if (mine) p.beside.template first<T>(0, there)[place * p.yStride] = narrow<T>(sum);
}

struct ScatterAddParams {
  Lines<4> lines;  // y, x, indices, source; n: indices of a line
  Complaints complaints;
  u32 extent;
  int wideIndices;
};

// y holds x already.
template <typename T> QUERN_INLINE void scatterAdd(const ScatterAddParams& p) {
  typedef wide<T> W;
  u64 i = static_cast<u64>(blockIdx.x) * LINE_THREADS + threadIdx.x;
  if (i >= static_cast<u64>(p.lines.lines) * p.extent) return;
  u32 line = static_cast<u32>(i / p.extent), place = static_cast<u32>(i % p.extent);
  const T* source = p.lines.template first<const T>(3, line);
  i64 indices = p.lines.at(2, line);
  W sum = widen(p.lines.template first<const T>(1, line)[place * p.lines.step[1]]);
  bool any = false;
  for (u32 j = 0; j < p.lines.n; j++) {
    i64 raw = indexAt(p.lines.base[2], indices + j * p.lines.step[2], p.wideIndices);
    i64 index = raw < 0 ? raw + p.extent : raw;
    if (index < 0 || index >= p.extent) report(p.complaints, BAD_SIGNED_INDEX, -1, raw, p.extent);
    if (index == place) {
      sum = static_cast<W>(sum + widen(source[j * p.lines.step[3]]));
      any = true;
    }
  }
  if (any) p.lines.template first<T>(0, line)[place * p.lines.step[0]] = narrow<T>(sum);
}

struct FoldParams {
  Lines<2> lines;  // y along its axis, x along its windows; n: windows
  i64 elementStride;  // of x, from element to element of a window
  i64 step, dilation;
  u32 size, extent;
};

template <typename T> QUERN_INLINE void fold(const FoldParams& p) {
  typedef wide<T> W;
  u64 i = static_cast<u64>(blockIdx.x) * LINE_THREADS + threadIdx.x;
  if (i >= static_cast<u64>(p.lines.lines) * p.extent) return;
  u32 line = static_cast<u32>(i / p.extent), place = static_cast<u32>(i % p.extent);
  const T* x = p.lines.template first<const T>(1, line);
  W sum = 0;
  i64 reach = (p.size - static_cast<i64>(1)) * p.dilation, from = place - reach;
  i64 first = from <= 0 ? 0 : (from + p.step - 1) / p.step;
  for (i64 w = first; w < p.lines.n && w * p.step <= place; w++) {
    i64 rest = place - w * p.step;
    if (rest % p.dilation == 0) sum = static_cast<W>(sum + widen(x[w * p.lines.step[1] + rest / p.dilation * p.elementStride]));
  }
  p.lines.template first<T>(0, line)[place * p.lines.step[0]] = narrow<T>(sum);
}

#define KERNEL(NAME, T)                                                                     \
  QUERN_KERNEL(index_add_##NAME, IndexAddParams, LINE_THREADS) { indexAdd<T>(p); }          \
  QUERN_KERNEL(scatter_add_##NAME, ScatterAddParams, LINE_THREADS) { scatterAdd<T>(p); }    \
  QUERN_KERNEL(fold_##NAME, FoldParams, LINE_THREADS) { fold<T>(p); }
QUERN_NUMBERS(KERNEL)
