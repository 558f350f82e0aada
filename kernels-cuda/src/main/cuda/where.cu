// DataOp.Where: y[i] = c[i] ? a[i] : b[i], operands broadcast, bit for bit. Any strides; y without gaps.
//
// Loop nest: a thread for 16 bytes of y (strided.cuh). What moves are units of 1, 2, 4 or 8 bytes, whatever they mean.
#include "strided.cuh"

struct WhereParams {
  Walk<4> walk;  // y, c (BOOL), a, b
};

template <typename T> QUERN_INLINE void choose(const WhereParams& p) {
  constexpr int V = GROUP<T>;
  Group<4, V> g;
  if (!place(p.walk, g)) return;
  Pack<bool_t, V> c;
  Pack<T, V> a, b;
  load(c, p.walk, g, 1);
  load(a, p.walk, g, 2);
  load(b, p.walk, g, 3);
#pragma unroll
  for (int v = 0; v < V; v++) {
    if (c.v[v].bits == 0) a.v[v] = b.v[v];
  }
  store(a, p.walk, g, 0);
}

QUERN_KERNEL(where_1, WhereParams, MAP_THREADS) { choose<u8>(p); }
QUERN_KERNEL(where_2, WhereParams, MAP_THREADS) { choose<u16>(p); }
QUERN_KERNEL(where_4, WhereParams, MAP_THREADS) { choose<u32>(p); }
QUERN_KERNEL(where_8, WhereParams, MAP_THREADS) { choose<u64>(p); }
