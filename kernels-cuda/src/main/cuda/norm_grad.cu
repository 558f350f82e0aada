// NormGradOp: with x̂ = (x − mean) · r and s = g · weight, dx = r · (s − [Σ s / c] − x̂ · Σ s·x̂ / c), [] for layer norms only;
// dWeight = Σ_rows g · x̂, dBias = Σ_rows g. FusedOp.NormGradAdd: dx, rounded, + residual. g, x: (..., C), any strides; weight: (C); mean, r: (..., 1); dx: (..., C) without gaps.
//
// Loop nest: norm_grad takes a team of threads for a row (lines.cuh), twice over it. norm_grad_columns takes a block of 32 columns times
// 8 rows for a slice of rows, so that a warp reads a run; what slices leave is summed in their order by norm_grad_sums. The number of
// slices follows from the shape (Java), so the same bits come out on every run and device.
#include "lines.cuh"

struct NormGradParams {
  Lines<5> lines;  // dx, x, g, mean, r
  const void* weight;
  i64 weightStep;
  void* partial;         // (slices, 2, C), of the wide type
  const void* residual;  // as dx, or null
  u32 perSlice;          // rows
  int centred;
};

template <typename T> QUERN_INLINE void rows(const NormGradParams& p) {
  typedef wide<T> W;
  __shared__ W space[LINE_THREADS / WARP];
  Member m = member(p.lines);
  if (m.line >= p.lines.lines) return;
  T* dx = p.lines.template first<T>(0, m.line);
  const T* x = p.lines.template first<const T>(1, m.line);
  const T* g = p.lines.template first<const T>(2, m.line);
  const T* weight = static_cast<const T*>(p.weight);
  const T* residual = p.residual == nullptr ? nullptr : static_cast<const T*>(p.residual) + p.lines.at(0, m.line);
  W mean = p.centred ? *p.lines.template first<const W>(3, m.line) : W(0);
  W r = *p.lines.template first<const W>(4, m.line);
  W sum = 0, dot = 0, n = static_cast<W>(p.lines.n);
  each<T>(p.lines, 1, x, m, [&](u32 i, W v) {
    W s = widen(g[i * p.lines.step[2]]) * widen(weight[i * p.weightStep]);
    sum += s;
    dot = multiplyAdd(s, (v - mean) * r, dot);
  });
  sum = teamReduce(sum, Plus(), m.team, space);
  dot = teamReduce(dot, Plus(), m.team, space) / n;
  W shift = p.centred ? sum / n : W(0);
  mapLine<T>(p.lines, x, 1, dx, 0, m, [&](u32 i, W v) {
    W s = widen(g[i * p.lines.step[2]]) * widen(weight[i * p.weightStep]);
    W y = r * (s - shift - (v - mean) * r * dot);
    return residual == nullptr ? y : widen(narrow<T>(y)) + widen(residual[i]);
  });
}

constexpr int COLUMNS = 32;
constexpr int COLUMN_ROWS = LINE_THREADS / COLUMNS;

// blockIdx: (32 columns, slice)
template <typename T> QUERN_INLINE void columns(const NormGradParams& p) {
  typedef wide<T> W;
  __shared__ W weights[COLUMN_ROWS][COLUMNS + 1], biases[COLUMN_ROWS][COLUMNS + 1];
  u32 tx = threadIdx.x % COLUMNS, ty = threadIdx.x / COLUMNS, c = blockIdx.x * COLUMNS + tx;
  u32 first = blockIdx.y * p.perSlice, end = first + p.perSlice < p.lines.lines ? first + p.perSlice : p.lines.lines;
  W w = 0, b = 0;
  if (c < p.lines.n) {
    for (u32 row = first + ty; row < end; row += COLUMN_ROWS) {
      W v = widen(p.lines.template first<const T>(1, row)[c * p.lines.step[1]]);
      W g = widen(p.lines.template first<const T>(2, row)[c * p.lines.step[2]]);
      W mean = p.centred ? *p.lines.template first<const W>(3, row) : W(0);
      W r = *p.lines.template first<const W>(4, row);
      w = multiplyAdd(g, (v - mean) * r, w);
      b += g;
    }
  }
  weights[ty][tx] = w;
  biases[ty][tx] = b;
  __syncthreads();
  if (ty == 0 && c < p.lines.n) {
    for (int i = 1; i < COLUMN_ROWS; i++) {
      w += weights[i][tx];
      b += biases[i][tx];
    }
    W* out = static_cast<W*>(p.partial) + static_cast<i64>(blockIdx.y) * 2 * p.lines.n;
    out[c] = w;
    out[p.lines.n + c] = b;
  }
}

struct NormGradSumsParams {
  const void* partial;
  void *dWeight, *dBias;  // (C); dBias is null for RMS norms
  u32 n, slices;
};
template <typename T> QUERN_INLINE void sums(const NormGradSumsParams& p) {
  typedef wide<T> W;
  u32 c = blockIdx.x * LINE_THREADS + threadIdx.x;
  if (c >= p.n) return;
  const W* in = static_cast<const W*>(p.partial);
  W w = 0, b = 0;
  for (u32 s = 0; s < p.slices; s++) {
    w += in[static_cast<i64>(s) * 2 * p.n + c];
    b += in[static_cast<i64>(s) * 2 * p.n + p.n + c];
  }
  static_cast<T*>(p.dWeight)[c] = narrow<T>(w);
  if (p.dBias != nullptr) static_cast<T*>(p.dBias)[c] = narrow<T>(b);
}

#define KERNEL(NAME, T)                                                                  \
  QUERN_KERNEL(norm_grad_##NAME, NormGradParams, LINE_THREADS) { rows<T>(p); }           \
  QUERN_KERNEL(norm_grad_columns_##NAME, NormGradParams, LINE_THREADS) { columns<T>(p); } \
  QUERN_KERNEL(norm_grad_sums_##NAME, NormGradSumsParams, LINE_THREADS) { sums<T>(p); }
QUERN_FLOATS(KERNEL)
