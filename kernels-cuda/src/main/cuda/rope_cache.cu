// FusedOp.RopeCacheWrite: cache[b, starts[b] + t, h, d] ← rope(x)[b, t, h, d] (rope.cu), rounded to x's type, then to the cache's
// (cache_write.cu). x: (B, T, H, D), cache: (B, capacity, H, D) or in pages, any strides; positions: (B, T) I32|I64; frequencies: (r);
// starts: (B) I32; pages: (B, N) I32. If any sequence lacks room, or a page is none, it is reported, and nothing is written.
//
// Loop nest: a thread for a token's element, over all heads, so that its angle is computed once per token; both elements of a pair compute
// it, and neighbours write neighbours. A warp has 32 elements of a head, which for Q8_0 are a block.
#include "cache.cuh"
#include "lines.cuh"
#include "quantize.cuh"
#include "rope.cuh"

struct RopeCacheParams {
  Lines<3> tokens;  // cache (at token 0; Q8_0: in blocks), x, positions; n: elements of a head
  Cache cache;
  const void* frequencies;
  i64 frequencyStep, xHead, xStep, cacheHead, cacheStep;
  u32 heads, half;
  int interleaved, widePositions;
};

// Calls f(place of a head in the cache, element, rotated element of x) for each head, with all lanes of a warp at once.
template <typename T, typename F> QUERN_INLINE void rotate(const RopeCacheParams& p, F f) {
  typedef wide<T> W;
  bool room = p.cache.fits();
  u64 i = static_cast<u64>(blockIdx.x) * LINE_THREADS + threadIdx.x;
  if (!room || i >= static_cast<u64>(p.tokens.lines) * p.tokens.n) return;
  u32 token = static_cast<u32>(i / p.tokens.n), e = static_cast<u32>(i % p.tokens.n);
  const T* x = p.tokens.template first<const T>(1, token);
  i64 place = p.tokens.at(0, token) + p.cache.skipped(token);
  bool turned = e < 2 * p.half;
  u32 u = e, v = e;
  Turn<W> turn;
  if (turned) {
    u32 pair = p.interleaved ? e / 2 : e % p.half;
    u = p.interleaved ? 2 * pair : pair;
    v = p.interleaved ? u + 1 : pair + p.half;
    i64 position = indexAt(p.tokens.base[2], p.tokens.at(2, token), p.widePositions);
    turn.by(position, static_cast<const W*>(p.frequencies)[pair * p.frequencyStep]);
  }
  for (u32 h = 0; h < p.heads; h++) {
    T first = x[h * p.xHead + u * p.xStep], second = x[h * p.xHead + v * p.xStep], value = first;
    if (turned) {
      W a = widen(first), b = widen(second);
      value = narrow<T>(e == u ? turn.first(a, b) : turn.second(a, b));
    }
    f(place + h * p.cacheHead, e, value);
  }
}

template <typename T, typename Y> QUERN_INLINE void write(const RopeCacheParams& p) {
  Y* cache = static_cast<Y*>(p.tokens.base[0]);
  rotate<T>(p, [&](i64 head, u32 e, T value) { cache[head + e * p.cacheStep] = narrow<Y>(widen(value)); });
}
QUERN_KERNEL(rope_cache_f32_f32, RopeCacheParams, LINE_THREADS) { write<float, float>(p); }
QUERN_KERNEL(rope_cache_f32_f16, RopeCacheParams, LINE_THREADS) { write<float, half_t>(p); }
QUERN_KERNEL(rope_cache_f32_bf16, RopeCacheParams, LINE_THREADS) { write<float, bf16_t>(p); }
QUERN_KERNEL(rope_cache_f32_f8_e4m3, RopeCacheParams, LINE_THREADS) { write<float, e4m3_t>(p); }
QUERN_KERNEL(rope_cache_f16_f16, RopeCacheParams, LINE_THREADS) { write<half_t, half_t>(p); }
QUERN_KERNEL(rope_cache_bf16_bf16, RopeCacheParams, LINE_THREADS) { write<bf16_t, bf16_t>(p); }

QUERN_KERNEL(rope_cache_f32_q8_0, RopeCacheParams, LINE_THREADS) {
  constexpr u32 BLOCK_BYTES = 34;
  u8* cache = static_cast<u8*>(p.tokens.base[0]);
  rotate<float>(p, [&](i64 head, u32 e, float value) {
    quantizeQ8_0(value, cache + (head + e / WARP) * BLOCK_BYTES, e % WARP);
  });
}
