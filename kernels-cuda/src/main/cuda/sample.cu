// SamplingOp.Sample: a token for each row of logits. x: (rows, n), F32 or F64, any strides; u, y: (rows). The definition is SamplingOp's.
//
// A block takes 1024 logits of a row, so that one row already keeps a large device busy: by its rate of F64, one multiprocessor alone would
// be at the exponentials of 128k logits for 30 µs (9.0) to 1 ms (8.6). Launches, one after another:
//   greedy    sample_first: each chunk's first largest; sample_best: that of the row.
//   no cut    sample_sum: each chunk's largest score and the weights below it, one exponential a token; sample_draw: the chunk that
//             the draw falls into, by running sums, then the token in it.
//   cuts      nothing is sorted. sample_top: each chunk's largest score. sample_count: how many tokens are in each of 1024 buckets of
//             equal width below the row's largest. sample_place: the weights of the buckets that top-k can reach, and their tokens put
//             into a list, bucket by bucket. sample_take: top-p's end, min-p's end and the draw are each a place in the order: the
//             bucket by running sums over buckets, then the token in the bucket's part of the list (select).
//
// The same bits on every run: tokens come into a bucket's part of the list in any order, but weights are added up in it as integers, and
// running sums over buckets and chunks have one order. Ties are between tokens of one bucket, and told apart by their ids there.
#include "sample.cuh"

// ---- greedy --------------------------------------------------------------------------------------------------------------------
struct First {
  double v;
  u64 at;
  QUERN_INLINE First merged(const First& o) const { return v > o.v || (v == o.v && at < o.at) ? *this : o; }
};

template <typename T> QUERN_INLINE void first(const SampleParams& p) {
  __shared__ First space[LINE_THREADS / WARP];
  u32 row = p.row(), from = p.chunk() * CHUNK;
  First f = {-infinity<double>(), ~static_cast<u64>(0)};
  for (u32 i = from + threadIdx.x; i < from + CHUNK && i < p.n; i += LINE_THREADS) f = f.merged({logit<T>(p, row, i), i});
  f = teamMerge(f, LINE_THREADS, space);
  if (threadIdx.x == 0) {
    p.tops[blockIdx.x] = f.v;
    p.firsts[blockIdx.x] = static_cast<u32>(f.at);
  }
}

QUERN_KERNEL(sample_best, SampleParams, LINE_THREADS) {
  __shared__ First space[LINE_THREADS / WARP];
  u64 row = static_cast<u64>(blockIdx.x) * p.chunks;
  First f = {-infinity<double>(), ~static_cast<u64>(0)};
  for (u32 c = threadIdx.x; c < p.chunks; c += LINE_THREADS) f = f.merged({p.tops[row + c], p.firsts[row + c]});
  f = teamMerge(f, LINE_THREADS, space);
  if (threadIdx.x == 0) p.y[blockIdx.x] = static_cast<i64>(f.at);
}

constexpr u32 NONE = ~0u;  // no token

// ---- no cut --------------------------------------------------------------------------------------------------------------------
template <typename T, bool WEIGH> QUERN_INLINE void tops(const SampleParams& p) {
  __shared__ double space[LINE_THREADS / WARP];
  u32 row = p.row(), from = p.chunk() * CHUNK + threadIdx.x;
  double s[OWN], top = -infinity<double>(), sum = 0;
#pragma unroll
  for (u32 k = 0; k < OWN; k++) {
    u32 i = from + k * LINE_THREADS;
    s[k] = i < p.n ? score(p, logit<T>(p, row, i)) : -infinity<double>();
    top = larger(top, s[k]);
  }
  top = blockReduce(top, Largest(), space);
  if (threadIdx.x == 0) p.tops[blockIdx.x] = top;
  if (WEIGH) {
#pragma unroll
    for (u32 k = 0; k < OWN; k++) sum += from + k * LINE_THREADS < p.n ? weight(s[k], top) : 0;
    sum = blockReduce(sum, Plus(), space);
    if (threadIdx.x == 0) p.sums[blockIdx.x] = sum;
  } else {
    for (u32 b = p.chunk() * LINE_THREADS + threadIdx.x; b < BUCKETS; b += p.chunks * LINE_THREADS) {
      u64 at = static_cast<u64>(row) * BUCKETS + b;
      p.counts[at] = 0;
      p.placed[at] = 0;
      p.masses[at] = 0;
    }
  }
}

template <typename T> QUERN_INLINE void draw(const SampleParams& p) {
  __shared__ double space[LINE_THREADS / WARP];
  __shared__ double chunkBefore;
  __shared__ u32 found, token;
  u32 row = blockIdx.x;
  double top = rowTop(p, row, space);
  u32 each = (p.chunks + LINE_THREADS - 1) / LINE_THREADS, from = threadIdx.x * each;
  auto chunkWeight = [&](u32 c) {
    u64 at = static_cast<u64>(row) * p.chunks + c;
    return p.sums[at] * weight(p.tops[at], top);
  };
  double mine = 0;
  u32 last = 0;  // that has weight
  for (u32 c = from; c < from + each && c < p.chunks; c++) {
    double w = chunkWeight(c);
    mine += w;
    last = w > 0 ? c : last;
  }
  last = blockReduce(last, Largest(), reinterpret_cast<u32*>(space));
  Before<double> before = sumsBefore(mine, space);
  double total = blockReduce(before.at(mine), Largest(), space), target = p.u[row * p.drawStride] * total;
  if (threadIdx.x == 0) {
    found = last;
    chunkBefore = -infinity<double>();
    token = NONE;
  }
  __syncthreads();
  mine = 0;
  for (u32 c = from; c < from + each && c < p.chunks; c++) {
    double start = before.at(mine), end = before.at(mine += chunkWeight(c));
    if (start <= target && target < end) {
      found = c;
      chunkBefore = start;
    }
  }
  __syncthreads();
  double rest = target - chunkBefore;
  u32 base = found * CHUNK + threadIdx.x * OWN;
  double w[OWN];
  mine = 0;
#pragma unroll
  for (u32 k = 0; k < OWN; k++) {
    w[k] = base + k < p.n ? weight(score(p, logit<T>(p, row, base + k)), top) : 0;
    mine += w[k];
  }
  before = sumsBefore(mine, space);
  mine = 0;
  last = 0;
#pragma unroll
  for (u32 k = 0; k < OWN; k++) {
    double start = before.at(mine), end = before.at(mine += w[k]);
    if (start <= rest && rest < end) token = base + k;
    last = w[k] > 0 ? base + k : last;
  }
  last = blockReduce(last, Largest(), reinterpret_cast<u32*>(space));
  // none where rounding has the chunk's weights add up to less than they did
  if (threadIdx.x == 0) p.y[row] = token != NONE ? token : last;
}

// ---- cuts ----------------------------------------------------------------------------------------------------------------------
template <typename T> QUERN_INLINE void count(const SampleParams& p) {
  __shared__ double space[LINE_THREADS / WARP];
  __shared__ u32 counts[BUCKETS];
  u32 row = p.row(), from = p.chunk() * CHUNK + threadIdx.x;
  for (u32 b = threadIdx.x; b < BUCKETS; b += LINE_THREADS) counts[b] = 0;
  double top = rowTop(p, row, space);  // and a barrier
  for (u32 k = 0, i = from; k < OWN && i < p.n; k++, i += LINE_THREADS) {
    u32 b = bucketOf(score(p, logit<T>(p, row, i)), top);
    if (b < BUCKETS) atomicAdd(&counts[b], 1u);
  }
  __syncthreads();
  for (u32 b = threadIdx.x; b < BUCKETS; b += LINE_THREADS) {
    if (counts[b] > 0) atomicAdd(&p.counts[static_cast<u64>(row) * BUCKETS + b], counts[b]);
  }
}

// Where each bucket's part of the list begins, and where the last ends; then how many tokens there are of which top-k keeps some: those up
// to the last bucket that it reaches.
struct Starts {
  u32 start[BUCKETS + 1];
  u32 last, space[LINE_THREADS / WARP];

  QUERN_INLINE void fill(const SampleParams& p, u32 row) {
    const u32* counts = p.counts + static_cast<u64>(row) * BUCKETS + threadIdx.x * OWN;
    u32 c[OWN], mine = 0;
    for (int k = 0; k < OWN; k++) mine += c[k] = counts[k];
    Before<u32> before = sumsBefore(mine, space);
    mine = 0;
    for (int k = 0; k < OWN; k++) {
      start[threadIdx.x * OWN + k] = before.at(mine);
      mine += c[k];
    }
    if (threadIdx.x == LINE_THREADS - 1) start[BUCKETS] = before.at(mine);
    __syncthreads();
    for (u32 b = threadIdx.x; b < BUCKETS; b += LINE_THREADS) {
      if (start[b] < kept(p) && kept(p) <= start[b + 1]) last = b;
    }
    __syncthreads();
  }
  QUERN_INLINE u32 kept(const SampleParams& p) const { return p.topK != 0 && p.topK < start[BUCKETS] ? p.topK : start[BUCKETS]; }
  QUERN_INLINE u32 size(u32 b) const { return start[b + 1] - start[b]; }
  QUERN_INLINE int scale(u32 b) const { return scaleOf(b, size(b)); }
};

// Shared memory adds words without waiting, but no pairs of them: three words of 21 bits are a chunk's weights in a bucket.
constexpr int PART_BITS = 21, PARTS = 3;

template <typename T> QUERN_INLINE void place(const SampleParams& p) {
  __shared__ double space[LINE_THREADS / WARP];
  __shared__ Starts starts;
  __shared__ u32 counts[BUCKETS], parts[PARTS][BUCKETS];
  u32 row = p.row(), from = p.chunk() * CHUNK + threadIdx.x;
  for (u32 b = threadIdx.x; b < BUCKETS; b += LINE_THREADS) {
    counts[b] = 0;
    for (int i = 0; i < PARTS; i++) parts[i][b] = 0;
  }
  starts.fill(p, row);
  double top = rowTop(p, row, space);
  u32 bucket[OWN], rank[OWN];
  u64 mass[OWN];
#pragma unroll
  for (u32 k = 0; k < OWN; k++) {
    u32 i = from + k * LINE_THREADS;
    double s = i < p.n ? score(p, logit<T>(p, row, i)) : 0;
    u32 b = i < p.n ? bucketOf(s, top) : BUCKETS;
    bucket[k] = b;
    if (b > starts.last) continue;
    rank[k] = atomicAdd(&counts[b], 1u);
    mass[k] = massOf(weight(s, top), starts.scale(b));
    for (int j = 0; j < PARTS; j++) atomicAdd(&parts[j][b], static_cast<u32>(mass[k] >> j * PART_BITS) & ((1u << PART_BITS) - 1));
  }
  __syncthreads();
  for (u32 b = threadIdx.x; b <= starts.last; b += LINE_THREADS) {
    if (counts[b] == 0) continue;
    u64 at = static_cast<u64>(row) * BUCKETS + b, all = 0;
    for (int j = 0; j < PARTS; j++) all += static_cast<u64>(parts[j][b]) << j * PART_BITS;
    atomicAdd(&p.masses[at], all);
    counts[b] = starts.start[b] + atomicAdd(&p.placed[at], counts[b]);
  }
  __syncthreads();
#pragma unroll
  for (u32 k = 0; k < OWN; k++) {
    if (bucket[k] > starts.last) continue;
    u64 at = static_cast<u64>(row) * p.n + counts[bucket[k]] + rank[k];
    p.list[at] = from + k * LINE_THREADS;
    p.own[at] = mass[k];
  }
}

// A number whose order is the reverse of the logits'; zeros of both signs are equal.
template <typename T> QUERN_INLINE u64 rankOf(double x) {
  double y = x == 0 ? 0.0 : x;
  u64 b;
  memcpy(&b, &y, sizeof b);
  b = b >> 63 ? ~b : b | static_cast<u64>(1) << 63;
  return ~b >> (sizeof(T) == 4 ? 29 : 0);  // the bits that F32 can differ in
}

// Finds the token of a bucket at which the running count, or the running weight, first exceeds t: by halving the range of ranks, then, if
// all are equal, of ids, until there are no more tokens than threads; of these each thread looks which come before its own.
template <typename T> struct Bucket {
  u64 ranks[LINE_THREADS], own[LINE_THREADS];
  u32 ids[LINE_THREADS];
  u64 sums[LINE_THREADS / WARP];
  u32 slots, token;
  u64 mass;

  // All threads call it. Leaves the token, and the weights up to it and with it.
  QUERN_INLINE void select(const SampleParams& p, u32 row, const Starts& starts, u32 bucket, bool byCount, u64 t) {
    u64 base = static_cast<u64>(row) * p.n + starts.start[bucket], passed = 0;
    u32 size = starts.size(bucket), left = size, low = 0, high = p.n - 1;
    u64 first = 0, end = ~static_cast<u64>(0);
    if (left > LINE_THREADS) {
      first = ~static_cast<u64>(0);
      end = 0;
      for (u32 i = threadIdx.x; i < size; i += LINE_THREADS) {
        u64 r = rankOf<T>(logit<T>(p, row, p.list[base + i]));
        first = smaller(first, r);
        end = larger(end, r);
      }
      end = blockReduce(end, Largest(), sums);
      first = ~blockReduce(~first, Largest(), sums);
    }
    while (left > LINE_THREADS) {
      u64 middle = first + (end - first) / 2;
      u32 half = low + (high - low) / 2;
      bool same = first == end;
      u64 many = 0, heavy = 0;
      for (u32 i = threadIdx.x; i < size; i += LINE_THREADS) {
        u32 id = p.list[base + i];
        u64 r = rankOf<T>(logit<T>(p, row, id));
        bool in = same ? r == first && low <= id && id <= half : first <= r && r <= middle;
        many += in ? 1 : 0;
        heavy += in ? p.own[base + i] : 0;
      }
      many = blockReduce(many, Plus(), sums);
      heavy = blockReduce(heavy, Plus(), sums);
      u64 lower = byCount ? many : heavy;
      bool inLower = t < lower;
      if (!inLower) {
        t -= lower;
        passed += heavy;
      }
      left = inLower ? static_cast<u32>(many) : left - static_cast<u32>(many);
      if (same) {
        (inLower ? high : low) = inLower ? half : half + 1;
      } else {
        (inLower ? end : first) = inLower ? middle : middle + 1;
      }
    }
    if (threadIdx.x == 0) slots = 0;
    __syncthreads();
    for (u32 i = threadIdx.x; i < size; i += LINE_THREADS) {
      u32 id = p.list[base + i];
      u64 r = rankOf<T>(logit<T>(p, row, id));
      if (first <= r && r <= end && low <= id && id <= high) {
        u32 slot = atomicAdd(&slots, 1u);
        ranks[slot] = r;
        ids[slot] = id;
        own[slot] = p.own[base + i];
      }
    }
    __syncthreads();
    u32 me = threadIdx.x;
    if (me < left) {
      u64 many = 0, heavy = 0;
      for (u32 j = 0; j < left; j++) {
        bool before = ranks[j] < ranks[me] || (ranks[j] == ranks[me] && ids[j] <= ids[me]);
        many += before ? 1 : 0;
        heavy += before ? own[j] : 0;
      }
      u64 upTo = byCount ? many : heavy, mine = byCount ? 1 : own[me];
      if (t < upTo && upTo - mine <= t) {
        token = ids[me];
        mass = passed + heavy;
      }
    }
    __syncthreads();
  }
};

// What is kept: the buckets before one, and of that one so much weight.
struct Kept {
  u32 bucket;
  u64 inside;
  QUERN_INLINE void cut(u32 b, u64 weights) {
    if (b < bucket || (b == bucket && weights < inside)) {
      bucket = b;
      inside = weights;
    }
  }
};

constexpr double EDGE = 1e-6;  // of a bucket: more than rounding is
QUERN_INLINE u64 clamp(u64 x, u64 low, u64 high) { return x < low ? low : x > high ? high : x; }

template <typename T> QUERN_INLINE void take(const SampleParams& p) {
  __shared__ double space[LINE_THREADS / WARP];
  __shared__ Starts starts;
  __shared__ Bucket<T> bucket;
  __shared__ double before[BUCKETS + 1];  // the weights of the buckets before each; in a part that top-k doesn't reach they are 0
  __shared__ u32 found;
  u32 row = blockIdx.x;
  const u64* masses = p.masses + static_cast<u64>(row) * BUCKETS;
  starts.fill(p, row);
  auto weights = [&](u32 b, u64 mass) { return mass == 0 ? 0 : weightOf(mass, starts.scale(b)); };
  {
    double mine = 0;
    for (u32 b = threadIdx.x * OWN; b < (threadIdx.x + 1) * OWN; b++) mine += weights(b, masses[b]);
    Before<double> sums = sumsBefore(mine, space);
    mine = 0;
    for (u32 b = threadIdx.x * OWN; b < (threadIdx.x + 1) * OWN; b++) {
      before[b] = sums.at(mine);
      mine += weights(b, masses[b]);
    }
    if (threadIdx.x == LINE_THREADS - 1) before[BUCKETS] = sums.at(mine);
    __syncthreads();
  }
  auto find = [&](auto in) {  // the bucket of which it is so; rounding may leave none, then the last
    if (threadIdx.x == 0) found = starts.last;
    __syncthreads();
    for (u32 b = threadIdx.x; b < BUCKETS; b += LINE_THREADS) {
      if (in(b)) found = b;
    }
    __syncthreads();
    u32 b = found;
    __syncthreads();
    return b;
  };
  // What a running sum has of a bucket, as its integers count weights; below 2^63.
  auto inside = [&](u32 b, double sum) {
    double rest = (sum - before[b]) * power(starts.scale(b));
    return rest > 0 ? smaller(rest, power(MASS_BITS + 1)) : 0;
  };

  Kept kept = {starts.last, masses[starts.last]};
  if (starts.kept(p) < starts.start[BUCKETS]) {
    bucket.select(p, row, starts, starts.last, true, starts.kept(p) - starts.start[starts.last] - 1);
    kept.inside = bucket.mass;
  }
  if (p.topP < 1) {
    double limit = p.topP * (before[kept.bucket] + weights(kept.bucket, kept.inside));
    u32 b = find([&](u32 i) { return before[i] < limit && limit <= before[i + 1]; });
    u64 reached = static_cast<u64>(ceil(inside(b, limit)));
    bucket.select(p, row, starts, b, false, clamp(reached, 1, masses[b]) - 1);
    kept.cut(b, bucket.mass);
  }
  if (p.minP > 0) {
    // Weights and buckets are rounded apart, so that near a border two buckets may have some of both.
    double top = rowTop(p, row, space);
    u32 from = p.nearBucket > EDGE ? static_cast<u32>(p.nearBucket - EDGE) : 0, to = static_cast<u32>(p.nearBucket + EDGE);
    for (u32 b = from; b <= to && b <= starts.last; b++) {
      u64 base = static_cast<u64>(row) * p.n + starts.start[b], heavy = 0;
      for (u32 i = threadIdx.x; i < starts.size(b); i += LINE_THREADS) {
        heavy += weight(score(p, logit<T>(p, row, p.list[base + i])), top) >= p.minP ? p.own[base + i] : 0;
      }
      heavy = blockReduce(heavy, Plus(), bucket.sums);
      if (heavy < masses[b]) kept.cut(b, heavy);
    }
    if (to <= starts.last) kept.cut(to, masses[to]);
    if (kept.inside == 0) {  // none of that bucket: up to the last one before it that has any
      double limit = before[kept.bucket];
      u32 b = find([&](u32 i) { return before[i] < limit && limit <= before[i + 1]; });
      kept = {b, masses[b]};
    }
  }
  double target = p.u[row * p.drawStride] * (before[kept.bucket] + weights(kept.bucket, kept.inside));
  u32 b = find([&](u32 i) { return before[i] <= target && target < before[i + 1]; });
  b = b < kept.bucket ? b : kept.bucket;
  u64 most = b == kept.bucket ? kept.inside : masses[b];
  bucket.select(p, row, starts, b, false, clamp(static_cast<u64>(inside(b, target)), 0, most - 1));
  if (threadIdx.x == 0) p.y[row] = bucket.token;
}

#define SAMPLING(NAME, T)                                                                      \
  QUERN_KERNEL(sample_first_##NAME, SampleParams, LINE_THREADS) { first<T>(p); }               \
  QUERN_KERNEL(sample_sum_##NAME, SampleParams, LINE_THREADS) { tops<T, true>(p); }             \
  QUERN_KERNEL(sample_draw_##NAME, SampleParams, LINE_THREADS) { draw<T>(p); }                 \
  QUERN_KERNEL(sample_top_##NAME, SampleParams, LINE_THREADS) { tops<T, false>(p); }            \
  QUERN_KERNEL(sample_count_##NAME, SampleParams, LINE_THREADS) { count<T>(p); }               \
  QUERN_KERNEL(sample_place_##NAME, SampleParams, LINE_THREADS) { place<T>(p); }               \
  QUERN_KERNEL(sample_take_##NAME, SampleParams, LINE_THREADS) { take<T>(p); }
SAMPLING(f64, double)
SAMPLING(f32, float)
