// DropoutOp: y[i] = u(i) ≥ p ? x[i] / (1 − p) : 0, where u(i) is word i mod 4 of Philox counter + i / 4. x: any strides; y: without gaps.
//
// Loop nest: a thread for 16 bytes of x (strided.cuh), which share one or two counters.
#include "strided.cuh"

struct DropoutParams {
  Walk<2> walk;  // y, x
  const void* seed;
  i64 seedStep;
  u64 first;  // index of this launch's first element
  double scale;
  float p;
};

template <typename T> QUERN_INLINE void dropout(const DropoutParams& p) {
  constexpr int V = GROUP<T>;
  Group<2, V> g;
  if (!place(p.walk, g)) return;
  const u64* seed = static_cast<const u64*>(p.seed);
  u64 key = seed[0], counter = seed[p.seedStep], i = p.first + g.linear, held = ~static_cast<u64>(0);
  Words w = {};
  Pack<T, V> x;
  load(x, p.walk, g, 1);
#pragma unroll
  for (int v = 0; v < V; v++, i++) {
    if (i / 4 != held) {
      held = i / 4;
      w = philox(key, counter + held);
    }
    u32 odd = i & 1 ? w.w[1] : w.w[0], even = i & 1 ? w.w[3] : w.w[2];
    bool kept = uniform(i & 2 ? even : odd) >= p.p;
    x.v[v] = narrow<T>(kept ? widen(x.v[v]) * static_cast<wide<T>>(p.scale) : wide<T>(0));
  }
  store(x, p.walk, g, 0);
}
#define KERNEL(NAME, T) \
  QUERN_KERNEL(dropout_##NAME, DropoutParams, MAP_THREADS) { dropout<T>(p); }
QUERN_FLOATS(KERNEL)
