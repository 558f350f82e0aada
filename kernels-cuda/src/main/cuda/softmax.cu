// NormOp.Softmax and LogSoftmax along an axis: y = e^(x − max) / Σ e^(x − max), or x − max − log Σ. x: any strides; y: without gaps.
//
// Loop nest: a team of threads for a line (lines.cuh). One pass finds maximum and sum together (Milakov and Gimelshein 2018), a second
// writes; the second finds x in the caches for lines that they hold.
#include "lines.cuh"

struct SoftmaxParams {
  Lines<2> lines;  // y, x
  int log;
};

template <typename T> QUERN_INLINE void softmax(const SoftmaxParams& p) {
  typedef wide<T> W;
  __shared__ Exponents<W> space[LINE_THREADS / WARP];
  Member m = member(p.lines);
  if (m.line >= p.lines.lines) return;  // whole warps, or with a team of 256 nobody
  const T* x = p.lines.template first<const T>(1, m.line);
  T* y = p.lines.template first<T>(0, m.line);
  Exponents<W> e = noExponents<W>();
  each<T>(p.lines, 1, x, m, [&](u32, W v) { e.add(v); });
  e = teamMerge(e, m.team, space);
  // beside +∞, and where there is nothing but −∞, a softmax is not a number
  W max = e.max == infinity<W>() || e.max == -infinity<W>() ? e.max - e.max : e.max;
  if (p.log) {
    W log = logarithm(e.sum);
    mapLine<T>(p.lines, x, 1, y, 0, m, [&](u32, W v) { return v - max - log; });
  } else {
    mapLine<T>(p.lines, x, 1, y, 0, m, [&](u32, W v) { return exponential(v - max) / e.sum; });
  }
}

#define KERNEL(NAME, T) \
  QUERN_KERNEL(softmax_##NAME, SoftmaxParams, LINE_THREADS) { softmax<T>(p); }
QUERN_FLOATS(KERNEL)
