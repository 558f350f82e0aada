// DataOp.IndexSelect, Gather and Embedding: y[i] = x[with index(i) in the place of i's index on an axis]. Negative indices count from the
// end, but not for Embedding. One outside is reported, and its elements are left alone. Any strides; y without gaps.
//
// Loop nest: a thread for 16 bytes of y (strided.cuh). Along inner axes a group has one index, and is one load. gather_N moves units
// of N bytes as they are; embedding_T makes F32 of them.
#include "strided.cuh"

struct GatherParams {
  Walk<3> walk;  // y, x (with stride 0 along what the indices replace), indices
  Complaints complaints;
  i64 extent, stride;  // of the indexed axis
  int wideIndices, negatives;
};

// The place of an index along its axis, or −1.
QUERN_INLINE i64 chosen(const GatherParams& p, i64 at) {
  i64 raw = indexAt(p.walk.base[2], at, p.wideIndices);
  i64 index = p.negatives && raw < 0 ? raw + p.extent : raw;
  if (index >= 0 && index < p.extent) return index;
  report(p.complaints, p.negatives ? BAD_SIGNED_INDEX : BAD_INDEX, -1, raw, p.extent);
  return -1;
}

template <typename T, typename Y, int V, typename F> QUERN_INLINE void gather(const GatherParams& p, F convert) {
  Group<3, V> g;
  if (!place(p.walk, g)) return;
  Pack<T, V> x;
  Pack<Y, V> y;
  if (p.walk.access[2] == SPLAT) {
    i64 index = chosen(p, g.at[2]);
    if (index < 0) return;
    g.at[1] += index * p.stride;
    load(x, p.walk, g, 1);
#pragma unroll
    for (int v = 0; v < V; v++) y.v[v] = convert(x.v[v]);
    store(y, p.walk, g, 0);
  } else {
    const T* from = static_cast<const T*>(p.walk.base[1]) + g.at[1];
    Y* to = static_cast<Y*>(p.walk.base[0]) + g.at[0];
    for (u32 v = 0; v < g.count; v++) {
      i64 index = chosen(p, g.at[2] + v * p.walk.step[2]);
      if (index >= 0) to[v * p.walk.step[0]] = convert(from[v * p.walk.step[1] + index * p.stride]);
    }
  }
}

#define MOVE(NAME, T) \
  QUERN_KERNEL(gather_##NAME, GatherParams, MAP_THREADS) { gather<T, T, GROUP<T>>(p, [](T x) { return x; }); }
MOVE(1, u8)
MOVE(2, u16)
MOVE(4, u32)
MOVE(8, u64)

constexpr int EMBEDDING_GROUP = 8;
#define CONVERT(NAME, T)                                                                              \
  QUERN_KERNEL(embedding_##NAME, GatherParams, MAP_THREADS) {                                         \
    gather<T, float, EMBEDDING_GROUP>(p, [](T x) { return narrow<float>(widen(x)); });                \
  }
QUERN_NUMBERS(CONVERT)
CONVERT(f8_e4m3, e4m3_t)
CONVERT(bool, bool_t)
