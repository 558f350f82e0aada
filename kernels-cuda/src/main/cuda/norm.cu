// NormOp.RmsNorm: y = x · r · weight, r = 1 / √(Σ x² / c + eps); LayerNorm: y = (x − mean) · r · weight + bias with r of the biased
// variance. x: (..., C), any strides; weight, bias: (C); y: (..., C) without gaps; mean, r: (..., 1), if the tape wants them.
//
// Loop nest: a team of threads for a row (lines.cuh): sums first, then the row once more. A layer norm takes a pass for the mean and
// another for the squares of what is left, as cancellation would cost Σ x² − mean² its digits.
//
// FusedOp.AddRmsNorm: y = a + b, then its RmsNorm z. a, b: (..., C), any strides; y, z without gaps. The sum is made in the first pass over
// the row, rounded, and read again in the second by the thread that made it.
#include "lines.cuh"

struct NormParams {
  Lines<2> lines;  // y, x
  const void *weight, *bias;
  void *mean, *r;  // null unless wanted; mean only of a layer norm
  i64 weightStep, biasStep;
  float eps;
  int centred;
};

template <typename T> QUERN_INLINE void norm(const NormParams& p) {
  typedef wide<T> W;
  __shared__ W space[LINE_THREADS / WARP];
  Member m = member(p.lines);
  if (m.line >= p.lines.lines) return;
  const T* x = p.lines.template first<const T>(1, m.line);
  T* y = p.lines.template first<T>(0, m.line);
  const T* weight = static_cast<const T*>(p.weight);
  const T* bias = static_cast<const T*>(p.bias);
  W n = static_cast<W>(p.lines.n), mean = 0, squares = 0;
  if (p.centred) {
    each<T>(p.lines, 1, x, m, [&](u32, W v) { mean += v; });
    mean = teamReduce(mean, Plus(), m.team, space) / n;
  }
  each<T>(p.lines, 1, x, m, [&](u32, W v) { squares = multiplyAdd(v - mean, v - mean, squares); });
  squares = teamReduce(squares, Plus(), m.team, space);
  W r = reciprocalRoot(squares / n + static_cast<W>(p.eps));
  if (p.centred) {
    mapLine<T>(p.lines, x, 1, y, 0, m, [&](u32 i, W v) {
      return (v - mean) * r * widen(weight[i * p.weightStep]) + widen(bias[i * p.biasStep]);
    });
  } else {
    mapLine<T>(p.lines, x, 1, y, 0, m, [&](u32 i, W v) { return v * r * widen(weight[i * p.weightStep]); });
  }
  if (m.lane == 0) {
    if (p.mean != nullptr) static_cast<W*>(p.mean)[m.line] = mean;
    if (p.r != nullptr) static_cast<W*>(p.r)[m.line] = r;
  }
}


struct AddNormParams {
  Lines<4> lines;  // z, a, b, y
  const void* weight;
  i64 weightStep;
  float eps;
};

template <typename T> QUERN_INLINE void addNorm(const AddNormParams& p) {
  typedef wide<T> W;
  constexpr int V = GROUP<T>;
  __shared__ W space[LINE_THREADS / WARP];
  Member m = member(p.lines);
  if (m.line >= p.lines.lines) return;
  const T* a = p.lines.template first<const T>(1, m.line);
  const T* b = p.lines.template first<const T>(2, m.line);
  T* y = p.lines.template first<T>(3, m.line);
  const T* weight = static_cast<const T*>(p.weight);
  bool vectors = p.lines.access[1] == VECTOR && p.lines.access[2] == VECTOR && p.lines.access[3] == VECTOR;
  W squares = 0;
  for (u32 i = m.lane * V; i < p.lines.n; i += m.team * V) {  // the order of `each`
    if (vectors && i + V <= p.lines.n) {
      Pack<T, V> s, other;
      loadAligned<sizeof(T) * V>(&s, a + i);
      loadAligned<sizeof(T) * V>(&other, b + i);
#pragma unroll
      for (int v = 0; v < V; v++) {
        s.v[v] = narrow<T>(widen(s.v[v]) + widen(other.v[v]));
        squares = multiplyAdd(widen(s.v[v]), widen(s.v[v]), squares);
      }
      storeAligned<sizeof(T) * V>(y + i, &s);
    } else {
      for (u32 e = i; e < i + V && e < p.lines.n; e++) {
        T s = narrow<T>(widen(a[e * p.lines.step[1]]) + widen(b[e * p.lines.step[2]]));
        squares = multiplyAdd(widen(s), widen(s), squares);
        y[e * p.lines.step[3]] = s;
      }
    }
  }
  squares = teamReduce(squares, Plus(), m.team, space);
  W r = reciprocalRoot(squares / static_cast<W>(p.lines.n) + static_cast<W>(p.eps));
  T* z = p.lines.template first<T>(0, m.line);
  mapLine<T>(p.lines, y, 3, z, 0, m, [&](u32 i, W v) { return v * r * widen(weight[i * p.weightStep]); });
}

#define KERNEL(NAME, T)                                                         \
  QUERN_KERNEL_BLOCKS(norm_##NAME, NormParams, LINE_THREADS, 4) { norm<T>(p); } \
  QUERN_KERNEL_BLOCKS(add_norm_##NAME, AddNormParams, LINE_THREADS, 4) { addNorm<T>(p); }
QUERN_FLOATS(KERNEL)
