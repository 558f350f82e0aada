// A matrix product's epilogue, for kernels that have none of their own: over results that lie in memory, in place.
//
// Loop nest: a thread for 16 bytes of results, which lie without gaps.
#include "epilogue.cuh"

struct EpilogueParams {
  void* c;
  i64 count;
  Epilogue epilogue;
};
template <typename T> QUERN_INLINE void finishAll(const EpilogueParams& p) {
  constexpr int V = GROUP<T>;
  i64 at = (static_cast<i64>(blockIdx.x) * MAP_THREADS + threadIdx.x) * V;
  T* c = static_cast<T*>(p.c) + at;
  size_t all = reinterpret_cast<size_t>(p.c) | reinterpret_cast<size_t>(p.epilogue.other) | reinterpret_cast<size_t>(p.epilogue.second);
  if (all % 16 == 0 && at + V <= p.count) {
    Pack<T, V> h;
    loadAligned<16>(&h, c);
    finish(h, at, p.epilogue);
    if (p.epilogue.keeps()) storeAligned<16>(c, &h);
    return;
  }
  for (int v = 0; v < V && at + v < p.count; v++) {
    Pack<T, 1> h = {{c[v]}};
    finish(h, at + v, p.epilogue);
    if (p.epilogue.keeps()) c[v] = h.v[0];
  }
}
#define KERNEL(NAME, T) \
  QUERN_KERNEL(epilogue_##NAME, EpilogueParams, MAP_THREADS) { finishAll<T>(p); }
QUERN_FLOATS(KERNEL)
