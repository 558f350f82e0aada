// AttentionGradOp (Dao et al. 2022, algorithm 4): with P = e^(score − lse) and Δ = Σ g·y of each row, dS = P ∘ (g·Vᵀ − Δ) · scale (times the soft
// cap's slope), dQ = dS·K, dK = dSᵀ·Q, dV = Pᵀ·g. q, k, v, g, y as in attention.cu, of one type; dq, dk, dv: without gaps.
//
// Loop nest: attention_delta gives each row's Δ to a warp. attention_dq owns 16 rows of queries and walks over tiles of 32 keys;
// attention_dkv owns 16 keys and walks over tiles of 32 rows of queries, blocks for spans of DV giving dV and those for spans of D giving
// dK, in the order of the rows: no atomics, the same bits on every run. Scores are computed again in each.
#include "attention.cuh"

template <typename T> QUERN_INLINE void delta(const AttentionParams& p) {
  typedef kept<T> W;
  u64 all = static_cast<u64>(blockIdx.x) * (ATTENTION_THREADS / WARP) + threadIdx.x / WARP, perSequence = static_cast<u64>(p.tq) * p.heads;
  if (all >= p.batch * perSequence) return;
  u32 lane = threadIdx.x % WARP, b = static_cast<u32>(all / perSequence), row = static_cast<u32>(all % perSequence);
  u32 i = row / p.heads, head = row % p.heads;
  const T* g = static_cast<const T*>(p.g) + b * p.gs[0] + i * p.gs[1] + head * p.gs[2];
  const T* y = static_cast<const T*>(p.result) + b * p.ys[0] + i * p.ys[1] + head * p.ys[2];
  W sum = 0;
  for (u32 c = lane; c < p.dv; c += WARP) {
    sum = multiplyAdd(static_cast<W>(widen(g[c * p.gs[3]])), static_cast<W>(widen(y[c * p.ys[3]])), sum);
  }
  sum = warpReduce(sum, Plus());
  if (lane == 0) static_cast<W*>(p.working)[(static_cast<i64>(b) * p.heads + head) * p.tq + i] = sum;
}

// P and dS of a row of queries and a key, from their dot products.
template <typename W> struct Slope {
  W weight, ds;
};
template <typename T, typename W>
QUERN_INLINE Slope<W> slopeOf(const AttentionParams& p, const Sequence& seq, W dot, W up, u32 b, u32 head, u32 i, u32 j) {
  W score = capped(p, dot), s = masked<T>(p, seq, score, b, head, i, j);
  if (s == -infinity<W>()) return {W(0), W(0)};
  W log = static_cast<const W*>(p.logs)[b * p.ls[0] + head * p.ls[1] + i * p.ls[2]];
  W mean = static_cast<const W*>(p.working)[(static_cast<i64>(b) * p.heads + head) * p.tq + i];
  W weight = exponential(s - log), t = p.cap == 0 ? W(0) : score / static_cast<W>(p.cap);
  return {weight, weight * (up - mean) * static_cast<W>(p.scale) * (W(1) - t * t)};
}

template <typename T> QUERN_INLINE void queries(const AttentionParams& p) {
  typedef kept<T> W;
  __shared__ Space<W> space;
  Place at = placeOf(p);
  u32 spans = (p.d + SPAN<W> - 1) / SPAN<W>, c0 = at.block % spans * SPAN<W>, row0 = at.block / spans * OWN;
  u32 kvHead = at.kvHead, b = at.b, rows = p.tq * p.group, head0 = kvHead * p.group;
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  Sequence seq = sequence(p, b);
  if (!seq.good) return;
  Rows<T> q = rowsOf<T>(p.q, p.qs, b, head0, p.group), g = rowsOf<T>(p.g, p.gs, b, head0, p.group);
  Rows<T> k = rowsOf<T>(p.k, p.ks, b, kvHead, 1), v = rowsOf<T>(p.v, p.vs, b, kvHead, 1);
  u32 last = row0 + OWN < rows ? row0 + OWN - 1 : rows - 1, length = static_cast<u32>(seq.length);
  i64 first = firstKey(p, seq.start + row0 / p.group), end = endKey(p, seq.start + last / p.group, seq.length);
  W sum[EACH][PARTS<W>] = {};
  for (i64 tile = first / OTHERS * OTHERS; tile < end; tile += OTHERS) {
    u32 j0 = static_cast<u32>(tile);
    W dot[EACH], up[EACH];
    dots(dot, space, q, row0, rows, k, j0, length, p.d);
    dots(up, space, g, row0, rows, v, j0, length, p.dv);
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      u32 r = row0 + warp * EACH + e;
      W ds = 0;
      if (r < rows) ds = slopeOf<T>(p, seq, dot[e], up[e], b, head0 + r % p.group, r / p.group, j0 + lane).ds;
      space.weights[warp * EACH + e][lane] = ds;
    }
    weigh(sum, space, k, j0, length, c0, p.d);
  }
#pragma unroll
  for (int e = 0; e < EACH; e++) {
    u32 r = row0 + warp * EACH + e;
    if (r >= rows) continue;
    T* dq = static_cast<T*>(p.dq) + ((static_cast<i64>(b) * p.tq + r / p.group) * p.heads + head0 + r % p.group) * p.d;
#pragma unroll
    for (int c = 0; c < PARTS<W>; c++) {
      u32 column = c0 + lane + c * WARP;
      if (column < p.d) dq[column] = narrow<T>(sum[e][c]);
    }
  }
}

template <typename T> QUERN_INLINE void keys(const AttentionParams& p) {
  typedef kept<T> W;
  __shared__ Space<W> space;
  u32 valueSpans = (p.dv + SPAN<W> - 1) / SPAN<W>, spans = valueSpans + (p.d + SPAN<W> - 1) / SPAN<W>;
  Place at = placeOf(p);
  u32 span = at.block % spans, key0 = at.block / spans * OWN;
  bool values = span < valueSpans;
  u32 c0 = (values ? span : span - valueSpans) * SPAN<W>, width = values ? p.dv : p.d;
  u32 kvHead = at.kvHead, b = at.b, rows = p.tq * p.group, head0 = kvHead * p.group;
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  Sequence seq = sequence(p, b);
  if (!seq.good) return;
  Rows<T> q = rowsOf<T>(p.q, p.qs, b, head0, p.group), g = rowsOf<T>(p.g, p.gs, b, head0, p.group);
  Rows<T> k = rowsOf<T>(p.k, p.ks, b, kvHead, 1), v = rowsOf<T>(p.v, p.vs, b, kvHead, 1);
  u32 length = static_cast<u32>(seq.length);
  W sum[EACH][PARTS<W>] = {};
  Rows<T> weighed = {values ? g.base : q.base, values ? g.time : q.time, values ? g.head : q.head, values ? g.step : q.step, p.group};
  // no query before the one at the first key's position sees these keys
  i64 before = p.causal && key0 > seq.start ? key0 - seq.start : 0;
  i64 firstRow = before < p.tq ? before * p.group : rows;
  for (u32 r0 = static_cast<u32>(firstRow) / OTHERS * OTHERS; r0 < rows && key0 < length; r0 += OTHERS) {
    W dot[EACH], up[EACH];
    dots(dot, space, k, key0, length, q, r0, rows, p.d);
    dots(up, space, v, key0, length, g, r0, rows, p.dv);
    u32 r = r0 + lane;
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      u32 j = key0 + warp * EACH + e;
      Slope<W> s = {W(0), W(0)};
      if (r < rows && j < length) s = slopeOf<T>(p, seq, dot[e], up[e], b, head0 + r % p.group, r / p.group, j);
      space.weights[warp * EACH + e][lane] = values ? s.weight : s.ds;
    }
    weigh(sum, space, weighed, r0, rows, c0, width);
  }
  T* out = static_cast<T*>(values ? p.dValues : p.dk);
  u32 kvHeads = p.heads / p.group;
#pragma unroll
  for (int e = 0; e < EACH; e++) {
    u32 j = key0 + warp * EACH + e;
    if (j >= p.tk) continue;
#pragma unroll
    for (int c = 0; c < PARTS<W>; c++) {
      u32 column = c0 + lane + c * WARP;
      if (column < width) out[((static_cast<i64>(b) * p.tk + j) * kvHeads + kvHead) * width + column] = narrow<T>(sum[e][c]);
    }
  }
}

#define KERNEL(NAME, T)                                                                          \
  QUERN_KERNEL(attention_delta_##NAME, AttentionParams, ATTENTION_THREADS) { delta<T>(p); }      \
  QUERN_KERNEL_BLOCKS(attention_dq_##NAME, AttentionParams, ATTENTION_THREADS, 3) { queries<T>(p); } \
  QUERN_KERNEL_BLOCKS(attention_dkv_##NAME, AttentionParams, ATTENTION_THREADS, 3) { keys<T>(p); }
KERNEL(f64, double)
KERNEL(f32, float)
KERNEL(f16, half_t)
KERNEL(bf16, bf16_t)
