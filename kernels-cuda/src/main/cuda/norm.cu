// NormOp.RmsNorm: y = x · r · weight, r = 1 / √(Σ x² / c + eps); LayerNorm: y = (x − mean) · r · weight + bias with r of the biased
// variance. x: (..., C), any strides; weight, bias: (C); y: (..., C) without gaps; mean, r: (..., 1), if the tape wants them.
//
// Loop nest: a team of threads for a row (lines.cuh): sums first, then the row once more. A layer norm takes a pass for the mean and
// another for the squares of what is left, as cancellation would cost Σ x² − mean² its digits.
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

#define KERNEL(NAME, T) \
  QUERN_KERNEL_BLOCKS(norm_##NAME, NormParams, LINE_THREADS, 4) { norm<T>(p); }
QUERN_FLOATS(KERNEL)
