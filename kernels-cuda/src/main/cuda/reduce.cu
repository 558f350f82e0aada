// ReduceOp: Σ, Π, mean, max, min, variance, log Σ e^x and argmax over some axes; FusedOp.SquareSum, Σ x² with each square rounded. x: any strides; y: without gaps.
//
// Results are lines, the reduced elements run along them. reduce_T lets a team of threads take a line's slice (lines.cuh's teams):
// blockIdx = (lines, slice); reduce_columns_T takes a block of 32 results times 8 threads, for axes beside which neighbours are
// results. Either leaves one state per result and slice; reduce_finish_T combines the slices in their order. How many slices there
// are follows from the shape (Java), so the same bits come out on every run. Floating point is summed in F32 (F64 for F64), integers
// in 64 bits, which wrap around. Variances are merged as Chan, Golub and LeVeque (1979) do.
#include "lines.cuh"

// The order is that of Java's ReduceKernel.
enum { SUM, PROD, MEAN, MAX, MIN, VAR, LOG_SUM_EXP, ARG_MAX, SQUARES };

struct ReduceParams {
  Lines<1> lines;            // of x: a line for each result; n: its elements if there is one reduced axis
  u64 count;                 // elements that are reduced
  u64 perSlice;              // of them, a multiple of what a team takes at once
  u32 reducedRank, slices;   // axes that are reduced, merged
  Divisor reduced[AXES];     // from the inside
  i64 reducedStrides[AXES];
  void* y;
  void* partial;             // (slices, results) states
  int op, correction;

  QUERN_INLINE i64 place(u64 i) const {
    if (reducedRank <= 1) return static_cast<i64>(i) * reducedStrides[0];
    u32 rest = static_cast<u32>(i);
    i64 at = 0;
    for (u32 a = 0; a < reducedRank; a++) {
      u32 next = reduced[a].divide(rest);
      at += static_cast<i64>(rest - next * reduced[a].value) * reducedStrides[a];
      rest = next;
    }
    return at;
  }
};

template <typename W> QUERN_INLINE W plus(W a, W b) { return a + b; }
template <> QUERN_INLINE i64 plus(i64 a, i64 b) { return static_cast<i64>(static_cast<u64>(a) + static_cast<u64>(b)); }
template <typename W> QUERN_INLINE W times(W a, W b) { return a * b; }
template <> QUERN_INLINE i64 times(i64 a, i64 b) { return static_cast<i64>(static_cast<u64>(a) * static_cast<u64>(b)); }
template <typename W> QUERN_INLINE W lowest() { return -infinity<W>(); }
template <> QUERN_INLINE i64 lowest() { return LOWEST_I64; }
template <typename W> QUERN_INLINE W highest() { return infinity<W>(); }
template <> QUERN_INLINE i64 highest() { return -1 - LOWEST_I64; }

template <typename W> struct SumState {
  W v;
  static QUERN_INLINE SumState none() { return {W(0)}; }
  QUERN_INLINE void add(W x, u64) { v = plus(v, x); }
  QUERN_INLINE SumState merged(const SumState& o) const { return {plus(v, o.v)}; }
  QUERN_INLINE W result(const ReduceParams& p) const { return p.op == MEAN ? v / static_cast<W>(p.count) : v; }
};
template <typename T> struct SquaresState {
  typedef wide<T> W;
  W v;
  static QUERN_INLINE SquaresState none() { return {W(0)}; }
  QUERN_INLINE void add(W x, u64) { v = v + widen(narrow<T>(x * x)); }
  QUERN_INLINE SquaresState merged(const SquaresState& o) const { return {v + o.v}; }
  QUERN_INLINE W result(const ReduceParams&) const { return v; }
};
template <typename W> struct ProdState {
  W v;
  static QUERN_INLINE ProdState none() { return {W(1)}; }
  QUERN_INLINE void add(W x, u64) { v = times(v, x); }
  QUERN_INLINE ProdState merged(const ProdState& o) const { return {times(v, o.v)}; }
  QUERN_INLINE W result(const ReduceParams&) const { return v; }
};
template <typename W> struct MaxState {
  W v;
  static QUERN_INLINE MaxState none() { return {lowest<W>()}; }
  QUERN_INLINE void add(W x, u64) { v = larger(v, x); }
  QUERN_INLINE MaxState merged(const MaxState& o) const { return {larger(v, o.v)}; }
  QUERN_INLINE W result(const ReduceParams&) const { return v; }
};
template <typename W> struct MinState {
  W v;
  static QUERN_INLINE MinState none() { return {highest<W>()}; }
  QUERN_INLINE void add(W x, u64) { v = smaller(v, x); }
  QUERN_INLINE MinState merged(const MinState& o) const { return {smaller(v, o.v)}; }
  QUERN_INLINE W result(const ReduceParams&) const { return v; }
};
template <typename W> struct VarState {
  W n, mean, squares;
  static QUERN_INLINE VarState none() { return {W(0), W(0), W(0)}; }
  QUERN_INLINE void add(W x, u64) {
    n += W(1);
    W d = x - mean;
    mean += d / n;
    squares = multiplyAdd(d, x - mean, squares);
  }
  QUERN_INLINE VarState merged(const VarState& o) const {
    if (o.n == 0) return *this;
    if (n == 0) return o;
    W all = n + o.n, d = o.mean - mean;
    return {all, mean + d * (o.n / all), squares + o.squares + d * d * (n * o.n / all)};
  }
  QUERN_INLINE W result(const ReduceParams& p) const {
    i64 degrees = static_cast<i64>(p.count) - p.correction;
    return p.count == 0 ? W(0) / W(0) : squares / static_cast<W>(degrees > 0 ? degrees : 0);
  }
};
template <typename W> struct LogSumExpState {
  Exponents<W> e;
  static QUERN_INLINE LogSumExpState none() { return {noExponents<W>()}; }
  QUERN_INLINE void add(W x, u64) { e.add(x); }
  QUERN_INLINE LogSumExpState merged(const LogSumExpState& o) const { return {e.merged(o.e)}; }
  QUERN_INLINE W result(const ReduceParams&) const {
    return e.max == infinity<W>() || e.max == -infinity<W>() ? e.max : e.max + logarithm(e.sum);
  }
};
template <typename W> struct ArgMaxState {
  W v;
  i64 at;
  static QUERN_INLINE ArgMaxState none() { return {lowest<W>(), -1}; }
  QUERN_INLINE void add(W x, u64 i) {
    if (at < 0 || (v == v && (x > v || x != x))) {
      v = x;
      at = static_cast<i64>(i);
    }
  }
  QUERN_INLINE ArgMaxState merged(const ArgMaxState& o) const {
    if (o.at < 0) return *this;
    if (at < 0) return o;
    bool mine = v != v, other = o.v != o.v;
    if (mine || other) return mine && (!other || at < o.at) ? *this : o;
    return v > o.v || (v == o.v && at < o.at) ? *this : o;
  }
  QUERN_INLINE i64 result(const ReduceParams&) const { return at; }
};

template <typename T, typename S> QUERN_INLINE void put(const ReduceParams& p, u32 line, const S& s) {
  if (p.slices > 1) {
    static_cast<S*>(p.partial)[static_cast<i64>(blockIdx.y) * p.lines.lines + line] = s;
  } else if (p.op == ARG_MAX) {
    static_cast<i64*>(p.y)[line] = static_cast<i64>(s.result(p));
  } else {
    static_cast<T*>(p.y)[line] = narrow<T>(s.result(p));
  }
}

template <typename T, typename S> QUERN_INLINE void lines(const ReduceParams& p) {
  constexpr int V = GROUP<T>;
  __shared__ S space[LINE_THREADS / WARP];
  Member m = member(p.lines);
  if (m.line >= p.lines.lines) return;
  const T* x = p.lines.template first<const T>(0, m.line);
  u64 first = blockIdx.y * p.perSlice, end = first + p.perSlice < p.count ? first + p.perSlice : p.count;
  S s = S::none();
  for (u64 i = first + m.lane * V; i < end; i += m.team * V) {
    if (p.lines.access[0] == VECTOR && i + V <= end) {
      Pack<T, V> v;
      loadAligned<sizeof(T) * V>(&v, x + i);
#pragma unroll
      for (int k = 0; k < V; k++) s.add(widen(v.v[k]), i + k);
    } else {
      for (u64 k = i; k < i + V && k < end; k++) s.add(widen(x[p.place(k)]), k);
    }
  }
  s = teamMerge(s, m.team, space);
  if (m.lane == 0) put<T>(p, m.line, s);
}

constexpr int COLUMNS = 32;
constexpr int COLUMN_ROWS = LINE_THREADS / COLUMNS;

template <typename T, typename S> QUERN_INLINE void columns(const ReduceParams& p) {
  __shared__ S space[COLUMN_ROWS][COLUMNS];
  u32 tx = threadIdx.x % COLUMNS, ty = threadIdx.x / COLUMNS, line = blockIdx.x * COLUMNS + tx;
  u64 first = blockIdx.y * p.perSlice, end = first + p.perSlice < p.count ? first + p.perSlice : p.count;
  S s = S::none();
  if (line < p.lines.lines) {
    const T* x = p.lines.template first<const T>(0, line);
    for (u64 i = first + ty; i < end; i += COLUMN_ROWS) s.add(widen(x[p.place(i)]), i);
  }
  space[ty][tx] = s;
  __syncthreads();
  if (ty == 0 && line < p.lines.lines) {
    for (int i = 1; i < COLUMN_ROWS; i++) s = s.merged(space[i][tx]);
    put<T>(p, line, s);
  }
}

template <typename T, typename S> QUERN_INLINE void finish(const ReduceParams& p) {
  u32 line = blockIdx.x * LINE_THREADS + threadIdx.x;
  if (line >= p.lines.lines) return;
  const S* states = static_cast<const S*>(p.partial);
  S s = states[line];
  for (u32 i = 1; i < p.slices; i++) s = s.merged(states[static_cast<i64>(i) * p.lines.lines + line]);
  if (p.op == ARG_MAX) {
    static_cast<i64*>(p.y)[line] = static_cast<i64>(s.result(p));
  } else {
    static_cast<T*>(p.y)[line] = narrow<T>(s.result(p));
  }
}

// One of the three functions above, for each operation's state.
#define SWITCH(FUNCTION, T)                                                          \
  switch (p.op) {                                                                    \
    case SUM: return FUNCTION<T, SumState<wide<T>>>(p);                              \
    case PROD: return FUNCTION<T, ProdState<wide<T>>>(p);                            \
    case MAX: return FUNCTION<T, MaxState<wide<T>>>(p);                              \
    case MIN: return FUNCTION<T, MinState<wide<T>>>(p);                              \
    case ARG_MAX: return FUNCTION<T, ArgMaxState<wide<T>>>(p);
#define SWITCH_FLOATS(FUNCTION, T)                                                   \
  SWITCH(FUNCTION, T)                                                                \
    case MEAN: return FUNCTION<T, SumState<wide<T>>>(p);                             \
    case VAR: return FUNCTION<T, VarState<wide<T>>>(p);                              \
    case LOG_SUM_EXP: return FUNCTION<T, LogSumExpState<wide<T>>>(p);                \
    case SQUARES: return FUNCTION<T, SquaresState<T>>(p);                            \
  }
#define FLOATING(NAME, T)                                                                               \
  QUERN_KERNEL(reduce_##NAME, ReduceParams, LINE_THREADS) { SWITCH_FLOATS(lines, T) }                   \
  QUERN_KERNEL(reduce_columns_##NAME, ReduceParams, LINE_THREADS) { SWITCH_FLOATS(columns, T) }         \
  QUERN_KERNEL(reduce_finish_##NAME, ReduceParams, LINE_THREADS) { SWITCH_FLOATS(finish, T) }
#define INTEGRAL(NAME, T)                                                                               \
  QUERN_KERNEL(reduce_##NAME, ReduceParams, LINE_THREADS) { SWITCH(lines, T) } }                        \
  QUERN_KERNEL(reduce_columns_##NAME, ReduceParams, LINE_THREADS) { SWITCH(columns, T) } }              \
  QUERN_KERNEL(reduce_finish_##NAME, ReduceParams, LINE_THREADS) { SWITCH(finish, T) } }
QUERN_FLOATS(FLOATING)
QUERN_INTEGERS(INTEGRAL)
