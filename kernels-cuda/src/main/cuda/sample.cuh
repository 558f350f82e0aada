// What sample.cu's kernels share: a row's scores and weights, and sums over a block in the order of its threads.
#pragma once
#include "lines.cuh"

constexpr int OWN = 4;                      // elements of a chunk for each thread
constexpr u32 CHUNK = LINE_THREADS * OWN;   // of a row, for a block
constexpr u32 BUCKETS = LINE_THREADS * OWN; // of equal width in the score, from the largest down to where weights end
constexpr double RANGE = 50;                // e^-RANGE of the largest weight is not drawn
constexpr int MASS_BITS = 62;               // of a bucket's weights together

struct SampleParams {
  const void* x;   // (rows, n)
  const double* u; // (rows)
  i64* y;          // (rows)
  double* tops;    // (rows, chunks): the largest score; greedy: logit
  double* sums;    // (rows, chunks): weights below the chunk's own top
  u32* firsts;     // (rows, chunks): where the largest is first
  u32* counts;     // (rows, BUCKETS)
  u32* placed;     // (rows, BUCKETS): how many of a bucket are in the list
  u64* masses;     // (rows, BUCKETS): their weights, as integers
  u32* list;       // (rows, n): tokens, bucket by bucket
  u64* own;        // (rows, n): their weights, as integers
  i64 rowStride, step, drawStride;
  double temperature, inverse, topP, minP;
  double nearBucket;  // where a weight of minP lies, in buckets
  u32 n, chunks, topK;

  QUERN_INLINE u32 row() const { return blockIdx.x / chunks; }
  QUERN_INLINE u32 chunk() const { return blockIdx.x % chunks; }
};

// A logit; −∞ for NaN.
template <typename T> QUERN_INLINE double logit(const SampleParams& p, u32 row, u32 i) {
  double x = static_cast<const T*>(p.x)[row * p.rowStride + i * p.step];
  return x == x ? x : -infinity<double>();
}
// x / temperature. Where Java gives the inverse, its product is corrected once instead, since F64 is slow on many devices: off by a unit in
// the last place at most, which keeps the order of F32 logits.
QUERN_INLINE double score(const SampleParams& p, double x) {
  double q = x * p.inverse;
  return p.inverse != 0 && fabs(x) < infinity<double>() ? multiplyAdd(multiplyAdd(-q, p.temperature, x), p.inverse, q) : x / p.temperature;
}
QUERN_INLINE double weight(double score, double top) {
  double below = score - top;
  return score == top ? 1 : below > -RANGE ? exponential(below) : 0;
}
// Larger logits have no larger bucket; what has no weight has BUCKETS.
QUERN_INLINE u32 bucketOf(double score, double top) {
  double below = top - score;
  if (score == top) return 0;
  if (!(below < RANGE)) return BUCKETS;
  u32 b = static_cast<u32>(below * (BUCKETS / RANGE));
  return b < BUCKETS ? b : BUCKETS - 1;
}

// 2^e
QUERN_INLINE double power(int e) {
  u64 bits = static_cast<u64>(1023 + e) << 52;
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
// Weights of a bucket are added up as integers, whose sum has no order: times 2^scale, by which a bucket's weights are about 1, times as
// much as leaves room for their number. They are off by 2^-53 for up to 512 of them, by 2^-45 for 2^17.
QUERN_INLINE int scaleOf(u32 bucket, u32 count) {
  constexpr double OCTAVES = RANGE / BUCKETS * 1.4426950408889634;
  return static_cast<int>(bucket * OCTAVES) + MASS_BITS - (WARP - __clz(static_cast<int>(count - 1)));
}
QUERN_INLINE u64 massOf(double weight, int scale) { return static_cast<u64>(weight * power(scale) + 0.5); }
QUERN_INLINE double weightOf(u64 mass, int scale) { return static_cast<double>(mass) * power(-scale); }

// Sums of what the threads before this one have. Floating point never decreases from thread to thread, nor from `at` to a larger `at`
// up to the thread's own, because every sum is the one before it and one more.
template <typename T> struct Before {
  T warps, lanes;
  QUERN_INLINE T at(T mine) const { return warps + (lanes + mine); }
};
template <typename T> QUERN_INLINE Before<T> sumsBefore(T mine, T* space) {
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  Before<T> b = {0, 0};
  for (u32 l = 0; l + 1 < WARP; l++) {
    T other = __shfl_sync(FULL, mine, l);
    if (l < lane) b.lanes = b.lanes + other;
  }
  if (lane == WARP - 1) space[warp] = b.lanes + mine;
  __syncthreads();
  for (u32 w = 0; w < warp; w++) b.warps = b.warps + space[w];
  __syncthreads();
  return b;
}

// The largest of what the row's chunks have.
QUERN_INLINE double rowTop(const SampleParams& p, u32 row, double* space) {
  double top = -infinity<double>();
  for (u32 c = threadIdx.x; c < p.chunks; c += LINE_THREADS) top = larger(top, p.tops[static_cast<u64>(row) * p.chunks + c]);
  return blockReduce(top, Largest(), space);
}
