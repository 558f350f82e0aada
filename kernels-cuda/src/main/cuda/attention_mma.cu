// AttentionOp.Attention of many queries on the tensor cores of Ampere and later (Dao 2023): keys and values in F16 or BF16, queries of their
// type or F32; or F8_E4M3 or Q8_0, made F16 on the way (attention_widen.cuh), with queries in F32. Sums in F32. Operands and results as in
// attention.cu, head sizes up to 256, padded with zeros.
//
// Loop nest: a block of 4 warps for 64 rows of queries (attention.cuh), the last rows first, since they see the most keys; tiles of 64 keys
// (32 for head sizes over 128) from the first that any of the rows sees to the last. Each warp owns 16 rows: their scores, maxima, sums
// and results stay in its registers, where the scores' fragments, rounded, are the factors of the second product. While a tile is
// multiplied the next one is on its way to shared memory, 16 bytes at a time where rows are aligned. There are two tiles of keys and two of
// values by turns; of those that are widened, the second place holds what is stored.
//
// F32 queries are two factors of 16 bits whose sum has 16 bits of them (22 beside F16, whose range a power of two for each row keeps):
// two products for the scores. Exponentials are powers of two, scores in units of ln 2.
#include "attention_widen.cuh"

// Shared memory of a block, in elements of 16 bits.
template <typename T, int D> struct Tiles {
  static constexpr int KEYS = D > 128 ? 32 : 64;
  static constexpr int PITCH = D + PADDING;
  static constexpr int PARTS = sizeof(T) == 4 ? 2 : 1;  // factors that a query is
  static constexpr int QUERIES = MMA_ROWS * PITCH;      // of each part
  static constexpr int STAGE = KEYS * PITCH;            // of keys or values
};

// The queries as factors, by the warp that owns them; `scales` gets what their scores are to be multiplied by.
template <typename H, int D> QUERN_INLINE void fetchQueries(u16* to, float* scales, const Rows<H>& q, u32 row0, u32 rows, u32 d) {
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  bool aligned = alignedRows(q, d);
  for (u32 i = lane; i < 16 * (D / 8); i += WARP) {
    u32 r = warp * 16 + i / (D / 8), c = i % (D / 8) * 8;
    u16* run = to + r * (D + PADDING) + c;
    bool present = row0 + r < rows && c < d;
    u32 row = present ? row0 + r : 0;
    if (aligned) {
      copyAsync<16>(run, q.base + row / q.group * q.time + row % q.group * q.head + (present ? c : 0), present);
    } else {
      for (u32 k = 0; k < 8; k++) {
        bool there = present && c + k < d;
        run[k] = there ? q.base[row / q.group * q.time + row % q.group * q.head + (c + k) * q.step].bits : u16{0};
      }
    }
  }
  if (lane < 16) scales[warp * 16 + lane] = 1;
}
template <typename H, int D> QUERN_INLINE void fetchQueries(u16* to, float* scales, const Rows<float>& q, u32 row0, u32 rows, u32 d) {
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
#pragma unroll 2
  for (u32 i = 0; i < 16; i++) {
    u32 r = warp * 16 + i;
    float x[D / WARP], most = 0;
#pragma unroll
    for (int e = 0; e < D / WARP; e++) {
      u32 c = lane + e * WARP;
      x[e] = row0 + r < rows && c < d ? q.at(row0 + r, c) : 0.0f;
      most = fmaxf(most, fabsf(x[e]));
    }
    float scale = 1, back = 1;
    if (sizeof(H) == 2 && narrow<H>(65536.0f).bits == 0x7c00) {  // F16: brings the largest near 1, unless that is 0 or infinite
      u32 exponent = bitsOf(warpReduce(most, Largest())) >> 23 & 255;
      if (exponent > 0 && exponent < 254) scale = floatOf((254 - exponent) << 23), back = floatOf(exponent << 23);
    }
#pragma unroll
    for (int e = 0; e < D / WARP; e++) {
      float scaled = x[e] * scale;
      H high = narrow<H>(scaled);
      float rest = scaled - widen(high);
      to[r * (D + PADDING) + lane + e * WARP] = high.bits;
      to[MMA_ROWS * (D + PADDING) + r * (D + PADDING) + lane + e * WARP] = narrow<H>(fabsf(rest) < infinity<float>() ? rest : 0.0f).bits;
    }
    if (lane == 0) scales[r] = back;
  }
}

template <typename T, typename K, int D> QUERN_INLINE void attention(const AttentionParams& p) {
  typedef typename Factor<K>::type H;
  constexpr bool WIDENED = Factor<K>::WIDENED;
  using Space = Tiles<T, D>;
  constexpr int KEYS = Space::KEYS, PITCH = Space::PITCH, PARTS = Space::PARTS, NS = KEYS / 8, NO = D / 8;
  QUERN_DYNAMIC_SHARED(space);
  Place at = placeOf(p);
  u32 rows = p.tq * p.group, row0 = (p.blocks - 1 - at.block) * MMA_ROWS, head0 = at.kvHead * p.group;
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, g = lane / 4, t = lane % 4;
  checkPages(p);
  Sequence seq = sequence(p, at.b);
  if (!seq.good) return;
  u32 last = row0 + MMA_ROWS < rows ? row0 + MMA_ROWS - 1 : rows - 1;
  i64 firstPosition = seq.start + row0 / p.group, lastPosition = seq.start + last / p.group;
  i64 begin = firstKey(p, firstPosition) / KEYS * KEYS, end = endKey(p, lastPosition, seq.length);
  i64 plainFrom = firstKey(p, lastPosition), plainTo = endKey(p, firstPosition, seq.length);  // what all rows see
  u16* queries = reinterpret_cast<u16*>(space);
  u16* keys = queries + PARTS * Space::QUERIES;
  u16* values = keys + 2 * Space::STAGE;
  float* scales = reinterpret_cast<float*>(values + 2 * Space::STAGE);
  Arriving<K, KEYS, D> arrivingKeys(p, p.k, p.ks, at.b, at.kvHead, p.d, keys), arrivingValues(p, p.v, p.vs, at.b, at.kvHead, p.dv, values);
  // A group of copies, with nothing in it behind the last tile. What lies behind the last key that is seen is 0: in a page that others had
  // before it may be NaN, which a weight of 0 doesn't hide.
  auto fetch = [&](const Arriving<K, KEYS, D>& arriving, i64 tile, u32 place) {
    if (tile < end) arriving.fetch(place, static_cast<u32>(tile), static_cast<u32>(end));
    commitCopies();
  };
  fetchQueries<H, D>(queries, scales, rowsOf<T>(p.q, p.qs, at.b, head0, p.group), row0, rows, p.d);
  fetch(arrivingKeys, begin, 0);
  fetch(arrivingValues, begin, 0);
  __syncthreads();
  float factor[2] = {scales[warp * 16 + g], scales[warp * 16 + g + 8]};
  float o[NO][4] = {}, max[2] = {-infinity<float>(), -infinity<float>()}, total[2] = {0, 0};
  const u16* myQueries = queries + (warp * 16 + lane % 16) * PITCH + lane / 16 * 8;
  u32 which = 0;
  for (i64 tile = begin; tile < end; tile += KEYS, which ^= 1) {
    if (!WIDENED) {
      fetch(arrivingKeys, tile + KEYS, which ^ 1);
      fetch(arrivingValues, tile + KEYS, which ^ 1);
    }
    waitForCopies<WIDENED ? 1 : 3>();
    __syncthreads();
    const u16* tileKeys = arrivingKeys.tile(which);
    if (WIDENED) fetch(arrivingKeys, tile + KEYS, 0);
    float s[NS][4] = {};
    const u16* myKeys = tileKeys + (lane / 16 * 8 + lane % 8) * PITCH + lane / 8 % 2 * 8;
#pragma unroll
    for (int c = 0; c < D; c += 16) {
      u32 a[PARTS][4];
#pragma unroll
      for (int part = 0; part < PARTS; part++) loadMatrices<false>(a[part], myQueries + part * Space::QUERIES + c);
#pragma unroll
      for (int n = 0; n < NS; n += 2) {
        u32 b[4];
        loadMatrices<false>(b, myKeys + n * 8 * PITCH + c);
#pragma unroll
        for (int part = PARTS - 1; part >= 0; part--) {
          mma<H>(s[n], a[part], {b[0], b[1]});
          mma<H>(s[n + 1], a[part], {b[2], b[3]});
        }
      }
    }
    bool plain = p.maskKind == 0 && tile >= plainFrom && tile + KEYS <= plainTo && p.cap == 0;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      u32 r = row0 + warp * 16 + g + 8 * h;
      float most = max[h];  // NaN comes through the exponentials
      if (plain) {
        float f = factor[h] * p.scale * LOG2_E;
#pragma unroll
        for (int n = 0; n < NS; n++) {
#pragma unroll
          for (int e = 2 * h; e < 2 * h + 2; e++) s[n][e] *= f, most = fmaxf(most, s[n][e]);
        }
      } else {
        u32 i = r / p.group, head = head0 + r % p.group;
#pragma unroll
        for (int n = 0; n < NS; n++) {
#pragma unroll
          for (int e = 2 * h; e < 2 * h + 2; e++) {
            u32 j = static_cast<u32>(tile) + n * 8 + 2 * t + e % 2;
            float x = -infinity<float>();
            if (r < rows) x = masked<T>(p, seq, capped(p, s[n][e] * factor[h]), at.b, head, i, j);
            s[n][e] = x * LOG2_E;
            most = fmaxf(most, s[n][e]);
          }
        }
      }
      most = fmaxf(most, __shfl_xor_sync(FULL, most, 1));
      most = fmaxf(most, __shfl_xor_sync(FULL, most, 2));
      float origin = most == -infinity<float>() ? 0.0f : most, shrink = powerOf2(max[h] - origin);
      max[h] = most;
      total[h] *= shrink;
#pragma unroll
      for (int n = 0; n < NO; n++) o[n][2 * h] *= shrink, o[n][2 * h + 1] *= shrink;
#pragma unroll
      for (int n = 0; n < NS; n++) {
#pragma unroll
        for (int e = 2 * h; e < 2 * h + 2; e++) s[n][e] = powerOf2(s[n][e] - origin), total[h] += s[n][e];
      }
    }
    waitForCopies<WIDENED ? 1 : 2>();
    __syncthreads();
    const u16* tileValues = arrivingValues.tile(which);
    if (WIDENED) fetch(arrivingValues, tile + KEYS, 0);
    const u16* myValues = tileValues + (lane / 8 % 2 * 8 + lane % 8) * PITCH + lane / 16 * 8;
#pragma unroll
    for (int j = 0; j < NS; j += 2) {
      u32 a[4] = {packed<H>(s[j][0], s[j][1]), packed<H>(s[j][2], s[j][3]), packed<H>(s[j + 1][0], s[j + 1][1]),
                  packed<H>(s[j + 1][2], s[j + 1][3])};
#pragma unroll
      for (int n = 0; n < NO; n += 2) {
        u32 b[4];
        loadMatrices<true>(b, myValues + j * 8 * PITCH + n * 8);
        mma<H>(o[n], a, {b[0], b[1]});
        mma<H>(o[n + 1], a, {b[2], b[3]});
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int h = 0; h < 2; h++) {
    u32 r = row0 + warp * 16 + g + 8 * h, i = r / p.group, head = head0 + r % p.group;
    total[h] += __shfl_xor_sync(FULL, total[h], 1);
    total[h] += __shfl_xor_sync(FULL, total[h], 2);
    if (r >= rows) continue;
    float inverse = total[h] == 0 ? 0.0f : 1 / total[h];
    T* y = static_cast<T*>(p.y) + ((static_cast<i64>(at.b) * p.tq + i) * p.heads + head) * p.dv;
#pragma unroll
    for (int n = 0; n < NO; n++) {
      u32 column = n * 8 + 2 * t;
      alignas(8) T pair[2] = {narrow<T>(o[n][2 * h] * inverse), narrow<T>(o[n][2 * h + 1] * inverse)};
      if (p.dv % 2 == 0) {
        if (column < p.dv) storeAligned<2 * sizeof(T)>(y + column, pair);
      } else {
        if (column < p.dv) y[column] = pair[0];
        if (column + 1 < p.dv) y[column + 1] = pair[1];
      }
    }
    if (p.lse != nullptr && t == 0) {
      static_cast<float*>(p.lse)[(static_cast<i64>(at.b) * p.heads + head) * p.tq + i] = max[h] * LN_2 + logarithm(total[h]);
    }
  }
}

#define KERNEL(NAME, T, K, D) \
  QUERN_KERNEL(attention_mma##D##_##NAME, AttentionParams, MMA_THREADS) { attention<T, K, D>(p); }
#define KERNELS(NAME, T, K) KERNEL(NAME, T, K, 64) KERNEL(NAME, T, K, 96) KERNEL(NAME, T, K, 128) KERNEL(NAME, T, K, 256)
KERNELS(f16_f16, half_t, half_t)
KERNELS(bf16_bf16, bf16_t, bf16_t)
KERNELS(f32_f16, float, half_t)
KERNELS(f32_bf16, float, bf16_t)
KERNELS(f32_f8_e4m3, float, e4m3_t)
KERNELS(f32_q8_0, float, q8_0)
