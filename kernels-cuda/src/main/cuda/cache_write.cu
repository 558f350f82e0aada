// BufferOp.CacheWrite: cache[b, starts[b] + t, h, d] ← rows[b, t, h, d], rounded to the cache's type. cache: (B, capacity, H, D), or in pages
// (pages, size, H, D), any strides; rows: (B, T, H, D); starts: (B) I32; pages: (B, N) I32. If any sequence lacks room, or a page is none,
// it is reported, and nothing is written.
//
// Loop nest: a warp for a token's head, 16 bytes at a time; each warp looks at all starts first, which are few and in the cache. For Q8_0
// a warp makes a block (quantize.cuh).
#include "cache.cuh"
#include "lines.cuh"
#include "quantize.cuh"

struct CacheWriteParams {
  Lines<2> lines;  // cache (at token 0; in pages, of head h alone), rows; a line for each (b, t, h), without merging
  Cache cache;
  u32 heads;
};

template <typename T, typename Y> QUERN_INLINE void write(const CacheWriteParams& p) {
  Member m = member(p.lines);
  if (m.line >= p.lines.lines || !p.cache.fits()) return;
  const T* x = p.lines.template first<const T>(1, m.line);
  Y* y = p.lines.template first<Y>(0, m.line) + p.cache.skipped(m.line / p.heads);
  each<T>(p.lines, 1, x, m, [&](u32 i, wide<T> v) { y[i * p.lines.step[0]] = narrow<Y>(v); });
}

QUERN_KERNEL(cache_write_f32_f16, CacheWriteParams, LINE_THREADS) { write<float, half_t>(p); }
QUERN_KERNEL(cache_write_f32_bf16, CacheWriteParams, LINE_THREADS) { write<float, bf16_t>(p); }
QUERN_KERNEL(cache_write_f32_f8_e4m3, CacheWriteParams, LINE_THREADS) { write<float, e4m3_t>(p); }

// As they are, in units of 1 byte (F8_E4M3), 2 (F16, BF16, blocks) or 4 (F32).
template <typename T> QUERN_INLINE void copy(const CacheWriteParams& p) {
  Member m = member(p.lines);
  if (m.line >= p.lines.lines || !p.cache.fits()) return;
  const T* x = p.lines.template first<const T>(1, m.line);
  T* y = p.lines.template first<T>(0, m.line) + p.cache.skipped(m.line / p.heads);
  for (u32 i = m.lane; i < p.lines.n; i += WARP) y[i * p.lines.step[0]] = x[i * p.lines.step[1]];
}
QUERN_KERNEL(cache_write_1, CacheWriteParams, LINE_THREADS) { copy<u8>(p); }
QUERN_KERNEL(cache_write_2, CacheWriteParams, LINE_THREADS) { copy<u16>(p); }
QUERN_KERNEL(cache_write_4, CacheWriteParams, LINE_THREADS) { copy<u32>(p); }

QUERN_KERNEL(cache_write_f32_q8_0, CacheWriteParams, LINE_THREADS) {
  constexpr u32 BLOCK_BYTES = 34;
  Member m = member(p.lines);
  if (m.line >= p.lines.lines || !p.cache.fits()) return;
  const float* x = p.lines.first<const float>(1, m.line);
  i64 block0 = p.lines.at(0, m.line) + p.cache.skipped(m.line / p.heads);
  u8* y = static_cast<u8*>(p.lines.base[0]) + block0 * BLOCK_BYTES;
  for (u32 i = m.lane; i < p.lines.n; i += WARP) {
    quantizeQ8_0(x[i * p.lines.step[1]], y + i / WARP * BLOCK_BYTES, m.lane);
  }
}
