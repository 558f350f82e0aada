// LossOp. CrossEntropy: with log p = x − log Σ e^x and weights w, a row's loss is (1 − ε) · −w[t]·log p[t] + ε/v · Σ −w[c]·log p[c]; NONE
// keeps the rows', SUM adds them, MEAN divides that by Σ w[t]. Rows whose target is ignored have none. CrossEntropyGrad: its gradient for x
// from the saved log Σ e^x. x: (..., V), any strides; targets, logs: (...); w: (V).
//
// Loop nest: a team of threads for a row (lines.cuh), for the loss once over it (twice with smoothing), for the gradient once. Sums over
// rows are one block's, in an order that depends on the number of rows alone.
#include "lines.cuh"

enum { NONE, SUM, MEAN };

struct CrossEntropyParams {
  Lines<4> lines;  // dx, x, log Σ e^x, gradient of the loss; forwards only x and log Σ e^x, which may be null
  Lines<1> targets;
  Complaints complaints;
  const void* weight;  // null: all 1
  i64 weightStep, ignored;
  void* partial;  // forwards (rows): loss, then (rows): weight; backwards: Σ w[t] or 1, Σ w
  void* y;        // the loss
  double smoothing;
  int wideTargets, reduction;
};

template <typename W, typename T> QUERN_INLINE W weightAt(const CrossEntropyParams& p, i64 c) {
  return p.weight == nullptr ? W(1) : widen(static_cast<const T*>(p.weight)[c * p.weightStep]);
}

// The class of a row; −1 if it is ignored or wrong.
QUERN_INLINE i64 target(const CrossEntropyParams& p, u32 row) {
  i64 t = indexAt(p.targets.base[0], p.targets.at(0, row), p.wideTargets);
  if (t == p.ignored) return -1;
  if (t >= 0 && t < p.lines.n) return t;
  report(p.complaints, BAD_INDEX, row, t, p.lines.n);
  return -1;
}

template <typename T> QUERN_INLINE void losses(const CrossEntropyParams& p) {
  typedef wide<T> W;
  __shared__ Exponents<W> space[LINE_THREADS / WARP];
  __shared__ W sums[LINE_THREADS / WARP];
  Member m = member(p.lines);
  if (m.line >= p.lines.lines) return;
  i64 t = target(p, m.line);
  W log = 0, loss = 0, weight = 0;
  if (t >= 0) {
    const T* x = p.lines.template first<const T>(1, m.line);
    Exponents<W> e = noExponents<W>();
    each<T>(p.lines, 1, x, m, [&](u32, W v) { e.add(v); });
    e = teamMerge(e, m.team, space);
    log = e.max + logarithm(e.sum);
    weight = weightAt<W, T>(p, t);
    loss = weight * (log - widen(x[t * p.lines.step[1]]));
    if (p.smoothing != 0) {
      W all = 0;
      each<T>(p.lines, 1, x, m, [&](u32 c, W v) { all += weightAt<W, T>(p, c) * (log - v); });
      all = teamReduce(all, Plus(), m.team, sums);
      loss = static_cast<W>(1 - p.smoothing) * loss + static_cast<W>(p.smoothing) / static_cast<W>(p.lines.n) * all;
    }
  }
  if (m.lane != 0) return;
  if (p.reduction == NONE) {
    static_cast<T*>(p.y)[m.line] = narrow<T>(loss);
  } else {
    static_cast<W*>(p.partial)[m.line] = loss;
    static_cast<W*>(p.partial)[p.lines.lines + m.line] = weight;
  }
  if (p.lines.base[2] != nullptr) *p.lines.template first<W>(2, m.line) = log;
}

// One block.
template <typename T> QUERN_INLINE void sum(const CrossEntropyParams& p) {
  typedef wide<T> W;
  __shared__ W space[LINE_THREADS / WARP];
  const W* partial = static_cast<const W*>(p.partial);
  W loss = 0, weight = 0;
  for (u32 i = threadIdx.x; i < p.lines.lines; i += LINE_THREADS) {
    loss += partial[i];
    weight += partial[p.lines.lines + i];
  }
  loss = blockReduce(loss, Plus(), space);
  weight = blockReduce(weight, Plus(), space);
  if (threadIdx.x == 0) *static_cast<T*>(p.y) = narrow<T>(p.reduction == MEAN ? loss / weight : loss);
}

// One block: what the gradients of all rows are divided by, and the sum of all weights.
template <typename T> QUERN_INLINE void divisors(const CrossEntropyParams& p) {
  typedef wide<T> W;
  __shared__ W space[LINE_THREADS / WARP];
  W count = 0, all = 0;
  for (u32 i = threadIdx.x; i < p.lines.lines; i += LINE_THREADS) {
    i64 t = target(p, i);
    if (t >= 0) count += weightAt<W, T>(p, t);
  }
  for (u32 c = threadIdx.x; c < p.lines.n; c += LINE_THREADS) all += weightAt<W, T>(p, c);
  count = blockReduce(count, Plus(), space);
  all = blockReduce(all, Plus(), space);
  if (threadIdx.x == 0) {
    static_cast<W*>(p.partial)[0] = p.reduction == MEAN ? count : W(1);
    static_cast<W*>(p.partial)[1] = all;
  }
}

template <typename T> QUERN_INLINE void gradients(const CrossEntropyParams& p) {
  typedef wide<T> W;
  Member m = member(p.lines);
  if (m.line >= p.lines.lines) return;
  i64 t = target(p, m.line);
  T* dx = p.lines.template first<T>(0, m.line);
  const T* x = p.lines.template first<const T>(1, m.line);
  if (t < 0) {
    mapLine<T>(p.lines, x, 1, dx, 0, m, [](u32, W) { return W(0); });
    return;
  }
  const W* d = static_cast<const W*>(p.partial);
  W log = *p.lines.template first<const W>(2, m.line), scale = widen(*p.lines.template first<const T>(3, m.line)) / d[0];
  W all = d[1], own = weightAt<W, T>(p, t);
  W keep = static_cast<W>(1 - p.smoothing), smooth = static_cast<W>(p.smoothing) / static_cast<W>(p.lines.n);
  mapLine<T>(p.lines, x, 1, dx, 0, m, [&](u32 c, W v) {
    W probability = exponential(v - log);
    W one = c == t ? W(1) : W(0);
    return scale * (keep * (own * (probability - one)) + smooth * (all * probability - weightAt<W, T>(p, c)));
  });
}

#define KERNEL(NAME, T)                                                                              \
  QUERN_KERNEL(cross_entropy_##NAME, CrossEntropyParams, LINE_THREADS) { losses<T>(p); }             \
  QUERN_KERNEL(cross_entropy_sum_##NAME, CrossEntropyParams, LINE_THREADS) { sum<T>(p); }            \
  QUERN_KERNEL(cross_entropy_divisors_##NAME, CrossEntropyParams, LINE_THREADS) { divisors<T>(p); }  \
  QUERN_KERNEL(cross_entropy_grad_##NAME, CrossEntropyParams, LINE_THREADS) { gradients<T>(p); }
QUERN_FLOATS(KERNEL)
