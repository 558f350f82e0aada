// AttentionOp.Rope: pairs (a, b) of each head's first 2·r elements turn by position · frequency[j]: neighbours if interleaved, else
// half of 2·r apart; the rest is copied. x: (..., T, H, D), any strides; positions: (..., T) I32|I64; frequencies: (r); y without gaps.
//
// Loop nest: a thread for a token and a pair (or an element of the rest), over all heads, so that an angle's sine and cosine are
// computed once per token.
#include "lines.cuh"
#include "rope.cuh"

struct RopeParams {
  Lines<3> tokens;  // y, x, positions; n: slots of a token (pairs, then the rest)
  const void* frequencies;
  i64 frequencyStep, xHead, xStep;
  u32 heads, d, half;
  int interleaved, widePositions;
};

template <typename T> QUERN_INLINE void rope(const RopeParams& p) {
  typedef wide<T> W;
  u64 i = static_cast<u64>(blockIdx.x) * LINE_THREADS + threadIdx.x;
  if (i >= static_cast<u64>(p.tokens.lines) * p.tokens.n) return;
  u32 token = static_cast<u32>(i / p.tokens.n), j = static_cast<u32>(i % p.tokens.n);
  T* y = p.tokens.template first<T>(0, token);
  const T* x = p.tokens.template first<const T>(1, token);
  if (j >= p.half) {
    u32 e = p.half + j;
    for (u32 h = 0; h < p.heads; h++) y[h * static_cast<i64>(p.d) + e] = x[h * p.xHead + e * p.xStep];
    return;
  }
  i64 position = indexAt(p.tokens.base[2], p.tokens.at(2, token), p.widePositions);
  Turn<W> turn;
  turn.by(position, static_cast<const W*>(p.frequencies)[j * p.frequencyStep]);
  u32 a = p.interleaved ? 2 * j : j, b = p.interleaved ? 2 * j + 1 : j + p.half;
  for (u32 h = 0; h < p.heads; h++) {
    W u = widen(x[h * p.xHead + a * p.xStep]), v = widen(x[h * p.xHead + b * p.xStep]);
    y[h * static_cast<i64>(p.d) + a] = narrow<T>(turn.first(u, v));
    y[h * static_cast<i64>(p.d) + b] = narrow<T>(turn.second(u, v));
  }
}
#define KERNEL(NAME, T) \
  QUERN_KERNEL(rope_##NAME, RopeParams, LINE_THREADS) { rope<T>(p); }
QUERN_FLOATS(KERNEL)
