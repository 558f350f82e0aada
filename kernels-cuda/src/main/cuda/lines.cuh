// Lines along an axis of operands of any strides: reductions, norms, scans, losses.
//
// Java (kernel.Lines) drops and merges the axes beside the line's, as for strided.cuh. A team of 1, 32 or 256 threads takes a line:
// one thread where neighbouring lines are neighbours in memory (then neighbouring threads read neighbours), else a warp for up to 1024
// elements and a block for more (to be measured). Along a line a thread takes 16 bytes at a time, whether they are aligned or not, so
// that the order of sums doesn't depend on alignment.
#pragma once
#include "strided.cuh"

constexpr int LINE_THREADS = 256;

template <int N> struct Lines {
  u32 lines, n, rank, team;
  Divisor extents[AXES];  // from the inside
  u32 access[N];          // VECTOR if every line's groups are aligned
  i64 step[N];            // along a line, in elements
  i64 strides[N][AXES];
  void* base[N];

  QUERN_INLINE i64 at(int operand, u32 line) const {
    i64 place = 0;
    for (u32 a = 0; a < rank; a++) {
      u32 rest = extents[a].divide(line);
      place += static_cast<i64>(line - rest * extents[a].value) * strides[operand][a];
      line = rest;
    }
    return place;
  }
  template <typename T> QUERN_INLINE T* first(int operand, u32 line) const {
    return static_cast<T*>(base[operand]) + at(operand, line);
  }
};

// This thread's line and its place in the team.
struct Member {
  u32 line, lane, team;
};
template <int N> QUERN_INLINE Member member(const Lines<N>& l) {
  u32 i = blockIdx.x * (LINE_THREADS / l.team) + threadIdx.x / l.team;
  return {i, threadIdx.x % l.team, l.team};
}

// Calls f(index, value) for each of a member's elements of a line.
template <typename T, int N, typename F> QUERN_INLINE void each(const Lines<N>& l, int operand, const T* line, Member m, F f) {
  constexpr int V = GROUP<T>;
  u32 stride = m.team * V;
  for (u32 i = m.lane * V; i < l.n; i += stride) {
    if (l.access[operand] == VECTOR && i + V <= l.n) {
      Pack<T, V> x;
      loadAligned<sizeof(T) * V>(&x, line + i);
#pragma unroll
      for (int v = 0; v < V; v++) f(i + v, widen(x.v[v]));
    } else {
      for (u32 v = 0; v < V && i + v < l.n; v++) f(i + v, widen(line[(i + v) * l.step[operand]]));
    }
  }
}
// Writes y[i] = f(i, x[i]) for each of a member's elements.
template <typename T, int N, typename F> QUERN_INLINE void mapLine(const Lines<N>& l, const T* x, int from, T* y, int to, Member m, F f) {
  constexpr int V = GROUP<T>;
  u32 stride = m.team * V;
  for (u32 i = m.lane * V; i < l.n; i += stride) {
    if (l.access[from] == VECTOR && l.access[to] == VECTOR && i + V <= l.n) {
      Pack<T, V> a;
      loadAligned<sizeof(T) * V>(&a, x + i);
#pragma unroll
      for (int v = 0; v < V; v++) a.v[v] = narrow<T>(f(i + v, widen(a.v[v])));
      storeAligned<sizeof(T) * V>(y + i, &a);
    } else {
      for (u32 v = 0; v < V && i + v < l.n; v++) {
        y[(i + v) * l.step[to]] = narrow<T>(f(i + v, widen(x[(i + v) * l.step[from]])));
      }
    }
  }
}

// Combines what the members of a team have, in an order that depends on the team's size alone. All members get the result.
template <typename T, typename F> QUERN_INLINE T teamReduce(T x, F f, u32 team, T* space) {
  if (team == 1) return x;
  if (team == WARP) return warpReduce(x, f);
  return blockReduce(x, f, space);
}

// max and Σ e^(x − max), of which the exponents stay in range.
template <typename W> struct Exponents {
  W max, sum;
  QUERN_INLINE void add(W x) {
    if (x > max || x != x) {
      sum = max == x ? sum : sum * scaled(max, x);
      max = x;
    }
    sum += x == max ? W(1) : exponential(x - max);
  }
  // e^(from − to) for from ≤ to; nothing was summed if from is −∞
  static QUERN_INLINE W scaled(W from, W to) { return from == to ? W(1) : exponential(from - to); }
  QUERN_INLINE Exponents merged(const Exponents& o) const {
    W m = larger(max, o.max);
    return {m, sum * scaled(max, m) + o.sum * scaled(o.max, m)};
  }
};
template <typename W> QUERN_INLINE Exponents<W> noExponents() { return {-infinity<W>(), W(0)}; }

// Shuffles for structs of whole words.
template <typename S> QUERN_INLINE S shuffleXor(const S& s, int by) {
  constexpr int WORDS = sizeof(S) / 4;
  u32 w[WORDS];
  memcpy(w, &s, sizeof(S));
#pragma unroll
  for (int i = 0; i < WORDS; i++) w[i] = __shfl_xor_sync(FULL, w[i], by);
  S r;
  memcpy(&r, w, sizeof(S));
  return r;
}
// The same as teamReduce for structs with a member function merged. The lower lane's state is always on the left.
template <typename S> QUERN_INLINE S teamMerge(S s, u32 team, S* space) {
  if (team == 1) return s;
#pragma unroll
  for (int by = 1; by < WARP; by *= 2) {
    S other = shuffleXor(s, by);
    s = threadIdx.x & by ? other.merged(s) : s.merged(other);
  }
  if (team == WARP) return s;
  u32 warp = threadIdx.x / WARP;
  if (threadIdx.x % WARP == 0) space[warp] = s;
  __syncthreads();
  S all = space[0];
  for (u32 w = 1; w < LINE_THREADS / WARP; w++) all = all.merged(space[w]);
  __syncthreads();
  return all;
}
