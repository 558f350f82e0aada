// AttentionOp.Attention with streaming softmax (Dao et al. 2022): y = Σ_j softmax_j(softcap(scale · q·k_j) + mask) · v_j over the keys that a
// query sees. q: (B, TQ, H, D); k: (B, TK, HKV, D), v: (B, TK, HKV, DV), of q's type or F16, BF16, F8_E4M3, Q8_0 for F32; y: (B, TQ, H, DV)
// without gaps; lse: (B, H, TQ), if the tape wants it. k and v may be in pages (attention.cuh) of a multiple of 32 rows.
//
// Loop nest: a block for a tile of 16 rows and a span of DV; tiles of 32 keys from the first that any of the rows sees to the last
// (attention.cuh). Per tile: scores, their maximum and sum by shuffles, then values weighed, all rescaled where the maximum grew.
// Scores are F32 products on the ordinary cores: for many queries where nothing may be rounded, of any type and head size. Few queries
// go to attention_split.cu, many that may meet tensor cores to attention_mma.cu.
#include "attention.cuh"

template <typename T, typename K> QUERN_INLINE void attention(const AttentionParams& p) {
  typedef kept<T> W;
  __shared__ Space<W> space;
  Place at = placeOf(p);
  u32 spans = (p.dv + SPAN<W> - 1) / SPAN<W>, c0 = at.block % spans * SPAN<W>, row0 = at.block / spans * OWN;
  u32 kvHead = at.kvHead, b = at.b, rows = p.tq * p.group, head0 = kvHead * p.group;
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  checkPages(p);
  Sequence seq = sequence(p, b);
  if (!seq.good) return;
  Rows<T> q = rowsOf<T>(p.q, p.qs, b, head0, p.group);
  u32 last = row0 + OWN < rows ? row0 + OWN - 1 : rows - 1;
  i64 first = firstKey(p, seq.start + row0 / p.group), end = endKey(p, seq.start + last / p.group, seq.length);
  W max[EACH], total[EACH], sum[EACH][PARTS<W>] = {};
#pragma unroll
  for (int e = 0; e < EACH; e++) max[e] = -infinity<W>(), total[e] = 0;
  for (i64 tile = first / OTHERS * OTHERS; tile < end; tile += OTHERS) {
    u32 row = static_cast<u32>(tile), j = row + lane;
    W dot[EACH];
    dots(dot, space, q, row0, rows, tileOf<K>(p, p.k, p.ks, b, kvHead, row), row, static_cast<u32>(seq.length), p.d);
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      u32 r = row0 + warp * EACH + e;
      W s = -infinity<W>();
      if (r < rows) s = masked<T>(p, seq, capped(p, dot[e]), b, head0 + r % p.group, r / p.group, j);
      W grown = warpReduce(larger(max[e], s), Largest());
      bool any = grown != -infinity<W>();
      W weight = s == -infinity<W>() ? W(0) : exponential(s - grown);
      W shrink = any ? exponential(max[e] - grown) : W(1);
      total[e] = total[e] * shrink + warpReduce(weight, Plus());
      max[e] = grown;
#pragma unroll
      for (int c = 0; c < PARTS<W>; c++) sum[e][c] *= shrink;
      space.weights[warp * EACH + e][lane] = weight;
    }
    weigh(sum, space, tileOf<K>(p, p.v, p.vs, b, kvHead, row), row, static_cast<u32>(seq.length), c0, p.dv);
  }
#pragma unroll
  for (int e = 0; e < EACH; e++) {
    u32 r = row0 + warp * EACH + e;
    if (r >= rows) continue;
    u32 i = r / p.group, head = head0 + r % p.group;
    T* y = static_cast<T*>(p.y) + ((static_cast<i64>(b) * p.tq + i) * p.heads + head) * p.dv;
#pragma unroll
    for (int c = 0; c < PARTS<W>; c++) {
      u32 column = c0 + lane + c * WARP;
      if (column < p.dv) y[column] = narrow<T>(total[e] == 0 ? W(0) : sum[e][c] / total[e]);
    }
    if (p.lse != nullptr && lane == 0 && c0 == 0) {
      static_cast<W*>(p.lse)[(static_cast<i64>(b) * p.heads + head) * p.tq + i] = max[e] + logarithm(total[e]);
    }
  }
}

#define KERNEL(NAME, T, K) \
  QUERN_KERNEL_BLOCKS(attention_##NAME, AttentionParams, ATTENTION_THREADS, 3) { attention<T, K>(p); }
KERNEL(f64_f64, double, double)
KERNEL(f32_f32, float, float)
KERNEL(f16_f16, half_t, half_t)
KERNEL(bf16_bf16, bf16_t, bf16_t)
KERNEL(f32_f16, float, half_t)
KERNEL(f32_bf16, float, bf16_t)
KERNEL(f32_f8_e4m3, float, e4m3_t)
KERNEL(f32_q8_0, float, q8_0)
