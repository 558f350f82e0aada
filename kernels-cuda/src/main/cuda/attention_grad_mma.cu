// AttentionGradOp on the tensor cores of Ampere and later (Dao 2023): q, k, v, g and y of one type, F16 or BF16; sums in F32, P and dS
// rounded to that type. What is computed is said in attention_grad.cu, whose attention_delta comes first. Head sizes up to 128, padded with
// zeros.
//
// Loop nest: a block of 4 warps owns 64 rows of queries, and walks over tiles of keys that they see, or owns 64 keys and walks over tiles
// of the rows that see them: the same work with other operands, so that each gradient has one writer and the bits are the same on every
// run. A warp has 16 of the owned; S = own · othersᵀ and g·vᵀ stay in its registers, where P and dS, rounded, are the factors of the sums.
// The next tile is on its way to shared memory meanwhile. Scores are computed twice: 7 products instead of 5, and no atomics.
#include "attention_tiles.cuh"

// Shared memory of a block, in elements of 16 bits.
template <int D> struct GradTiles {
  static constexpr int OTHERS_ROWS = D > 64 ? 32 : 64;
  static constexpr int PITCH = D + PADDING;
  static constexpr int OWNED = MMA_ROWS * PITCH;
  static constexpr int STAGE = OTHERS_ROWS * PITCH;
};

// Which rows or keys a block walks over, and which of them need no look at what is visible.
struct Walked {
  i64 begin, end, plainFrom, plainTo;
};
// Keys for 64 rows of queries from row0 on.
QUERN_INLINE Walked keysOf(const AttentionParams& p, const Sequence& seq, u32 row0, u32 rows) {
  u32 last = row0 + MMA_ROWS < rows ? row0 + MMA_ROWS - 1 : rows - 1;
  i64 from = seq.start + row0 / p.group, to = seq.start + last / p.group;
  Walked w = {firstKey(p, from), endKey(p, to, seq.length), firstKey(p, to), endKey(p, from, seq.length)};
  if (row0 + MMA_ROWS > rows) w.plainTo = w.plainFrom;
  return w;
}
// Rows of queries for 64 keys from key0 on.
QUERN_INLINE Walked rowsFor(const AttentionParams& p, const Sequence& seq, u32 key0, u32 rows) {
  i64 last = key0 + MMA_ROWS - 1;
  auto row = [&](i64 position) { return clampTo(position - seq.start, 0, p.tq) * p.group; };
  Walked w = {0, key0 < seq.length ? static_cast<i64>(rows) : 0, 0, last < seq.length ? static_cast<i64>(rows) : 0};
  if (p.causal) w.begin = row(key0), w.plainFrom = row(last);
  if (p.window > 0) {
    i64 end = row(last + p.window), plain = row(key0 + p.window);
    w.end = end < w.end ? end : w.end;
    w.plainTo = plain < w.plainTo ? plain : w.plainTo;
  }
  return w;
}

// sum[16 own × D] += factors[16 own × N] · others[N × D].
template <typename H, int N, int D> QUERN_INLINE void accumulate(float (&sum)[D / 8][4], const float (&x)[N / 8][4], const u16* others) {
  u32 lane = threadIdx.x % WARP;
  const u16* mine = others + (lane / 8 % 2 * 8 + lane % 8) * (D + PADDING) + lane / 16 * 8;
#pragma unroll
  for (int j = 0; j < N / 8; j += 2) {
    u32 a[4] = {packed<H>(x[j][0], x[j][1]), packed<H>(x[j][2], x[j][3]), packed<H>(x[j + 1][0], x[j + 1][1]),
                packed<H>(x[j + 1][2], x[j + 1][3])};
#pragma unroll
    for (int n = 0; n < D / 8; n += 2) {
      u32 b[4];
      loadMatrices<true>(b, mine + j * 8 * (D + PADDING) + n * 8);
      mma<H>(sum[n], a, {b[0], b[1]});
      mma<H>(sum[n + 1], a, {b[2], b[3]});
    }
  }
}
// dot[16 own × N] = own[16 × D] · others[N × D]ᵀ.
template <typename H, int N, int D> QUERN_INLINE void multiply(float (&dot)[N / 8][4], const u16* own, const u16* others) {
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  const u16* left = own + (warp * 16 + lane % 16) * (D + PADDING) + lane / 16 * 8;
  const u16* right = others + (lane / 16 * 8 + lane % 8) * (D + PADDING) + lane / 8 % 2 * 8;
#pragma unroll
  for (int n = 0; n < N / 8; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) dot[n][e] = 0;
  }
#pragma unroll
  for (int c = 0; c < D; c += 16) {
    u32 a[4];
    loadMatrices<false>(a, left + c);
#pragma unroll
    for (int n = 0; n < N / 8; n += 2) {
      u32 b[4];
      loadMatrices<false>(b, right + n * 8 * (D + PADDING) + c);
      mma<H>(dot[n], a, {b[0], b[1]});
      mma<H>(dot[n + 1], a, {b[2], b[3]});
    }
  }
}

// A warp's 16 rows of a gradient.
template <typename H, int D>
QUERN_INLINE void put(void* to, const float (&sum)[D / 8][4], float scale, i64 base, i64 time, i64 head, u32 group, u32 first, u32 end, u32 d) {
  u32 lane = threadIdx.x % WARP;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    u32 r = first + lane / 4 + 8 * h;
    if (r >= end) continue;
    H* row = static_cast<H*>(to) + base + r / group * time + r % group * head;
#pragma unroll
    for (int n = 0; n < D / 8; n++) {
      u32 column = n * 8 + 2 * (lane % 4);
      alignas(4) H pair[2] = {narrow<H>(sum[n][2 * h] * scale), narrow<H>(sum[n][2 * h + 1] * scale)};
      if (d % 2 == 0) {
        if (column < d) storeAligned<4>(row + column, pair);
      } else {
        if (column < d) row[column] = pair[0];
        if (column + 1 < d) row[column + 1] = pair[1];
      }
    }
  }
}

template <typename H, int D, bool KEYS> QUERN_INLINE void gradient(const AttentionParams& p) {
  using Space = GradTiles<D>;
  constexpr int N = Space::OTHERS_ROWS;
  QUERN_DYNAMIC_SHARED(space);
  Place at = placeOf(p);
  u32 rows = p.tq * p.group, head0 = at.kvHead * p.group, kvHeads = p.heads / p.group;
  u32 own0 = (KEYS ? at.block : p.blocks - 1 - at.block) * MMA_ROWS;  // those with the most work first, if causal
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, g = lane / 4, t = lane % 4;
  Sequence seq = sequence(p, at.b);
  if (!seq.good) return;
  u32 length = static_cast<u32>(seq.length), ownEnd = KEYS ? length : rows, otherEnd = KEYS ? rows : length;
  Rows<H> q = rowsOf<H>(p.q, p.qs, at.b, head0, p.group), up = rowsOf<H>(p.g, p.gs, at.b, head0, p.group);
  Rows<H> k = rowsOf<H>(p.k, p.ks, at.b, at.kvHead, 1), v = rowsOf<H>(p.v, p.vs, at.b, at.kvHead, 1);
  bool qAligned = alignedRows(q, p.d), gAligned = alignedRows(up, p.dv), kAligned = alignedRows(k, p.d), vAligned = alignedRows(v, p.dv);
  Walked walked = KEYS ? rowsFor(p, seq, own0, rows) : keysOf(p, seq, own0, rows);
  i64 begin = walked.begin / N * N;
  u16* own = reinterpret_cast<u16*>(space);  // q and g, or k and v
  u16* others = own + 2 * Space::OWNED;      // of each stage k and v, or q and g
  float* logs = reinterpret_cast<float*>(others + 4 * Space::STAGE);  // of each stage the rows' log-sum-exp and Σ g·y
  auto row = [&](u32 r, float& log, float& mean) {
    bool present = r < rows;
    u32 i = present ? r / p.group : 0, head = head0 + (present ? r % p.group : 0);
    log = static_cast<const float*>(p.logs)[at.b * p.ls[0] + head * p.ls[1] + i * p.ls[2]];
    mean = static_cast<const float*>(p.working)[(static_cast<i64>(at.b) * p.heads + head) * p.tq + i];
  };
  auto fetch = [&](i64 tile, u32 which) {
    if (tile < walked.end) {
      u16* to = others + which * 2 * Space::STAGE;
      u32 first = static_cast<u32>(tile);
      fetchTile<N, D>(to, KEYS ? q : k, KEYS ? qAligned : kAligned, first, otherEnd, p.d);
      fetchTile<N, D>(to + Space::STAGE, KEYS ? up : v, KEYS ? gAligned : vAligned, first, otherEnd, p.dv);
      if (KEYS && threadIdx.x < N) row(first + threadIdx.x, logs[which * 2 * N + threadIdx.x], logs[which * 2 * N + N + threadIdx.x]);
    }
    commitCopies();
  };
  fetchTile<MMA_ROWS, D>(own, KEYS ? k : q, KEYS ? kAligned : qAligned, own0, ownEnd, p.d);
  fetchTile<MMA_ROWS, D>(own + Space::OWNED, KEYS ? v : up, KEYS ? vAligned : gAligned, own0, ownEnd, p.dv);
  fetch(begin, 0);
  float ownLog[2] = {}, ownMean[2] = {};
  if (!KEYS) {
#pragma unroll
    for (int h = 0; h < 2; h++) row(own0 + warp * 16 + g + 8 * h, ownLog[h], ownMean[h]);
  }
  float first[D / 8][4] = {}, second[KEYS ? D / 8 : 1][4] = {};  // dQ, or dK and dV
  u32 which = 0;
  for (i64 tile = begin; tile < walked.end; tile += N, which ^= 1) {
    fetch(tile + N, which ^ 1);
    waitForCopies<1>();
    __syncthreads();
    const u16* there = others + which * 2 * Space::STAGE;
    float s[N / 8][4], ds[N / 8][4];
    multiply<H, N, D>(s, own, there);
    multiply<H, N, D>(ds, own + Space::OWNED, there + Space::STAGE);
    bool plain = p.maskKind == 0 && p.cap == 0 && tile >= walked.plainFrom && tile + N <= walked.plainTo;
#pragma unroll
    for (int n = 0; n < N / 8; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        u32 mine = own0 + warp * 16 + g + e / 2 * 8, other = n * 8 + 2 * t + e % 2;
        float log = KEYS ? logs[which * 2 * N + other] : ownLog[e / 2], mean = KEYS ? logs[which * 2 * N + N + other] : ownMean[e / 2];
        if (plain) {
          s[n][e] = powerOf2((s[n][e] * p.scale - log) * LOG2_E);
          ds[n][e] = s[n][e] * (ds[n][e] - mean);
        } else {
          u32 r = KEYS ? static_cast<u32>(tile) + other : mine, j = KEYS ? mine : static_cast<u32>(tile) + other;
          float score = capped(p, s[n][e]), x = -infinity<float>(), slope = p.cap == 0 ? 0.0f : score / p.cap;
          if (r < rows) x = masked<H>(p, seq, score, at.b, head0 + r % p.group, r / p.group, j);
          bool hidden = x == -infinity<float>();
          s[n][e] = hidden ? 0.0f : powerOf2((x - log) * LOG2_E);
          ds[n][e] = hidden ? 0.0f : s[n][e] * (ds[n][e] - mean) * (1 - slope * slope);
        }
      }
    }
    accumulate<H, N, D>(first, ds, there);
    if constexpr (KEYS) accumulate<H, N, D>(second, s, there + Space::STAGE);
    __syncthreads();
  }
  waitForCopies<0>();
  u32 mine = own0 + warp * 16;
  i64 b = at.b;
  if constexpr (KEYS) {
    put<H, D>(p.dk, first, p.scale, (b * p.tk * kvHeads + at.kvHead) * p.d, static_cast<i64>(kvHeads) * p.d, 0, 1, mine, p.tk, p.d);
    put<H, D>(p.dValues, second, 1, (b * p.tk * kvHeads + at.kvHead) * p.dv, static_cast<i64>(kvHeads) * p.dv, 0, 1, mine, p.tk, p.dv);
  } else {
    put<H, D>(p.dq, first, p.scale, (b * p.tq * p.heads + head0) * p.d, static_cast<i64>(p.heads) * p.d, p.d, p.group, mine, rows, p.d);
  }
}

#define KERNEL(NAME, H, D)                                                                                                   \
  QUERN_KERNEL_BLOCKS(attention_mma##D##_dq_##NAME, AttentionParams, MMA_THREADS, 2) { gradient<H, D, false>(p); }           \
  QUERN_KERNEL_BLOCKS(attention_mma##D##_dkv_##NAME, AttentionParams, MMA_THREADS, 2) { gradient<H, D, true>(p); }
#define KERNELS(NAME, H) KERNEL(NAME, H, 64) KERNEL(NAME, H, 128)
KERNELS(f16, half_t)
KERNELS(bf16, bf16_t)
