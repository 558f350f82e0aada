// BufferOp.AdamW (Loshchilov and Hutter 2019): with g' = g · scale, m = β₁·m + (1 − β₁)·g', v = β₂·v + (1 − β₂)·g'²,
// p = p · (1 − s₁) − s₀·s₂·m / (√v · s₃ + ε). p, g, m, v: any strides; s (4) and scale are read on the device, so that a captured graph
// takes new ones. If scale is not finite, nothing is written.
//
// Loop nest: a thread for 16 bytes of each operand (strided.cuh).
#include "strided.cuh"

struct AdamWParams {
  Walk<4> walk;  // p, g, m, v
  const void *scalars, *scale;
  i64 scalarsStep;
  double beta1, beta2, rest1, rest2, eps;  // rest: 1 − β
};

template <typename T> QUERN_INLINE void step(const AdamWParams& p) {
  constexpr int V = GROUP<T>;
  Group<4, V> at;
  T scale = *static_cast<const T*>(p.scale);
  if (!isfinite(scale) || !place(p.walk, at)) return;
  const T* scalars = static_cast<const T*>(p.scalars);
  T s[4];
#pragma unroll
  for (int i = 0; i < 4; i++) s[i] = scalars[i * p.scalarsStep];
  Pack<T, V> x, g, m, v;
  load(x, p.walk, at, 0);
  load(g, p.walk, at, 1);
  load(m, p.walk, at, 2);
  load(v, p.walk, at, 3);
  T beta1 = static_cast<T>(p.beta1), beta2 = static_cast<T>(p.beta2);
  T rest1 = static_cast<T>(p.rest1), rest2 = static_cast<T>(p.rest2), eps = static_cast<T>(p.eps);
#pragma unroll
  for (int i = 0; i < V; i++) {
    T d = g.v[i] * scale;
    m.v[i] = beta1 * m.v[i] + rest1 * d;
    v.v[i] = beta2 * v.v[i] + rest2 * d * d;
    x.v[i] = x.v[i] * (T(1) - s[1]) - s[0] * s[2] * m.v[i] / (root(v.v[i]) * s[3] + eps);
  }
  store(x, p.walk, at, 0);
  store(m, p.walk, at, 2);
  store(v, p.walk, at, 3);
}
QUERN_KERNEL(adamw_f32, AdamWParams, MAP_THREADS) { step<float>(p); }
QUERN_KERNEL(adamw_f64, AdamWParams, MAP_THREADS) { step<double>(p); }
