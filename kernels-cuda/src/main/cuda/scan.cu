// ScanOp.CumSum: y[i] = Σ_{j ≤ i} x[j] along an axis (from the end if reversed). ArgSort: the indices that put a line in order; equal
// elements keep theirs, NaN is largest. x: any strides; y: without gaps.
//
// CumSum: a team takes a line (lines.cuh): one thread alone where lines lie beside each other, else a block takes 256 elements at a time
// and hands the sum on. F32 (F64 for F64) and 64-bit integers.
// ArgSort: a bitonic network over pairs of a 64-bit key and the index, which decides between equal keys and so makes it stable. Each step
// is a launch over all lines, which are padded to a power of two in working memory; a block in shared memory for short ones is the next
// step, if a GPU says it pays.
#include "lines.cuh"

struct CumSumParams {
  Lines<2> lines;  // y, x
  int reverse;
};

template <typename T> QUERN_INLINE void cumSum(const CumSumParams& p) {
  typedef wide<T> W;
  __shared__ W space[LINE_THREADS / WARP];
  Member m = member(p.lines);
  if (m.line >= p.lines.lines) return;
  const T* x = p.lines.template first<const T>(1, m.line);
  T* y = p.lines.template first<T>(0, m.line);
  u32 n = p.lines.n;
  W carry = 0;
  if (m.team == 1) {
    for (u32 k = 0; k < n; k++) {
      u32 i = p.reverse ? n - 1 - k : k;
      carry = static_cast<W>(carry + widen(x[i * p.lines.step[1]]));
      y[i * p.lines.step[0]] = narrow<T>(carry);
    }
    return;
  }
  u32 warp = m.lane / WARP;
  for (u32 first = 0; first < n; first += m.team) {
    u32 k = first + m.lane, i = p.reverse ? n - 1 - k : k;
    W sum = k < n ? widen(x[i * p.lines.step[1]]) : W(0);
#pragma unroll
    for (int by = 1; by < WARP; by *= 2) {
      W before = __shfl_up_sync(FULL, sum, by);
      if (threadIdx.x % WARP >= static_cast<u32>(by)) sum = static_cast<W>(sum + before);
    }
    W total = __shfl_sync(FULL, sum, WARP - 1);
    if (m.team > WARP) {
      if (threadIdx.x % WARP == 0) space[warp] = total;
      __syncthreads();
      W before = 0;
      for (u32 w = 0; w < warp; w++) before = static_cast<W>(before + space[w]);
      total = before;
      for (u32 w = warp; w < LINE_THREADS / WARP; w++) total = static_cast<W>(total + space[w]);
      sum = static_cast<W>(before + sum);
      __syncthreads();
    }
    if (k < n) y[i * p.lines.step[0]] = narrow<T>(static_cast<W>(carry + sum));
    carry = static_cast<W>(carry + total);
  }
}

struct SortParams {
  Lines<2> lines;  // y (I64), x
  void* keys;      // (lines, padded) u64
  void* order;     // (lines, padded) u32
  u32 padded, size, stride;
  int descending;
};

// Keys whose unsigned order is the elements': zeros of both signs are equal, NaN is largest.
QUERN_INLINE u64 keyOf(double x) {
  if (x != x) return ~static_cast<u64>(0);
  u64 b;
  double y = x == 0 ? 0.0 : x;
  memcpy(&b, &y, sizeof b);
  return b >> 63 ? ~b : b | static_cast<u64>(1) << 63;
}
QUERN_INLINE u64 keyOf(float x) { return keyOf(static_cast<double>(x)); }
QUERN_INLINE u64 keyOf(i64 x) { return static_cast<u64>(x) ^ static_cast<u64>(1) << 63; }

template <typename T> QUERN_INLINE void keys(const SortParams& p) {
  u64 i = static_cast<u64>(blockIdx.x) * LINE_THREADS + threadIdx.x;
  if (i >= static_cast<u64>(p.lines.lines) * p.padded) return;
  u32 line = static_cast<u32>(i / p.padded), k = static_cast<u32>(i % p.padded);
  u64 key = ~static_cast<u64>(0);
  if (k < p.lines.n) {
    key = keyOf(widen(p.lines.template first<const T>(1, line)[k * p.lines.step[1]]));
    key = p.descending ? ~key : key;
  }
  static_cast<u64*>(p.keys)[i] = key;
  static_cast<u32*>(p.order)[i] = k;  // those of the padding are larger than all others
}
#define KEYS(NAME, T)                                                             \
  QUERN_KERNEL(cum_sum_##NAME, CumSumParams, LINE_THREADS) { cumSum<T>(p); }      \
  QUERN_KERNEL(sort_keys_##NAME, SortParams, LINE_THREADS) { keys<T>(p); }
QUERN_NUMBERS(KEYS)

// One step of the network: a thread compares two elements that are `stride` apart, in runs of `size`.
QUERN_KERNEL(sort_step, SortParams, LINE_THREADS) {
  u64 pair = static_cast<u64>(blockIdx.x) * LINE_THREADS + threadIdx.x;
  u32 half = p.padded / 2;
  if (pair >= static_cast<u64>(p.lines.lines) * half) return;
  u64 line = pair / half;
  u32 k = static_cast<u32>(pair % half), low = k / p.stride * 2 * p.stride + k % p.stride;
  u64* key = static_cast<u64*>(p.keys) + line * p.padded;
  u32* order = static_cast<u32*>(p.order) + line * p.padded;
  u32 high = low + p.stride;
  bool upwards = (low & p.size) == 0;
  bool above = key[low] > key[high] || (key[low] == key[high] && order[low] > order[high]);
  if (above == upwards) {
    u64 a = key[low];
    key[low] = key[high];
    key[high] = a;
    u32 b = order[low];
    order[low] = order[high];
    order[high] = b;
  }
}

QUERN_KERNEL(sort_finish, SortParams, LINE_THREADS) {
  u64 i = static_cast<u64>(blockIdx.x) * LINE_THREADS + threadIdx.x;
  if (i >= static_cast<u64>(p.lines.lines) * p.lines.n) return;
  u32 line = static_cast<u32>(i / p.lines.n), k = static_cast<u32>(i % p.lines.n);
  p.lines.first<i64>(0, line)[k * p.lines.step[0]] = static_cast<u32*>(p.order)[static_cast<u64>(line) * p.padded + k];
}
