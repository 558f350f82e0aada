// AttentionOp.Attention of few queries, split over keys, as decoding needs it: bound by the reading of keys and values, which each block
// does once for all rows of queries that share them. Operands and results as in attention.cu, pages too.
//
// Loop nest: a block for a piece of the keys that the rows see and a tile of rows (attention.cuh). How many pieces there are depends on the
// shape alone, how long they are on the length, which lies on the device: so that the same graph serves a growing cache, and at each
// length all blocks have work. Tiles of 32 keys and values come to shared memory as they are stored, 16 bytes at a time, while those
// before them are multiplied. Four threads have a key's scores with all rows; a warp has a row's maximum and sum; in the sum over values
// a thread has a chunk of columns and every n-th key. F32 (F64 for F64) throughout.
//
// attention_join then puts the pieces of a row together, in their order: the same bits on every run.
#include "async.cuh"
#include "attention.cuh"

constexpr int SPLIT_THREADS = 128;
constexpr int SPLIT_KEYS = 32;
constexpr int SHARERS = SPLIT_THREADS / SPLIT_KEYS;  // threads that share a key
constexpr int MOST_PIECES = 512;

// A row of keys or values as it is stored, in chunks of LENGTH elements: 16 bytes, but 8 elements of 8 bits, since a thread has a chunk of
// sums in registers for each row of queries.
template <typename K> struct Stored {
  static constexpr int LENGTH = sizeof(K) == 1 ? 8 : 16 / static_cast<int>(sizeof(K)), CHUNK = LENGTH * static_cast<int>(sizeof(K));
  static QUERN_INLINE u32 bytes(u32 d) { return (d + LENGTH - 1) / LENGTH * CHUNK; }
  static QUERN_INLINE const u8* at(const Rows<K>& rows, u32 j) { return reinterpret_cast<const u8*>(rows.base + j * rows.time); }
  static QUERN_INLINE bool whole(const Rows<K>& rows, u32 d) { return rows.step == 1 && d % LENGTH == 0; }
  // One element of a row that can't be copied as it is; zeros behind the end.
  typedef K Element;
  static QUERN_INLINE K element(const Rows<K>& rows, bool present, u32 j, u32 c, u32 d) {
    return present && c < d ? rows.base[j * rows.time + c * rows.step] : K{};
  }
  static QUERN_INLINE void read(kept<K> (&x)[LENGTH], const u8* row, u32 chunk) {
    alignas(16) K raw[LENGTH];
    loadAligned<CHUNK>(raw, row + chunk * CHUNK);
#pragma unroll
    for (int i = 0; i < LENGTH; i++) x[i] = widen(raw[i]);
  }
};
template <> QUERN_INLINE void Stored<e4m3_t>::read(float (&x)[LENGTH], const u8* row, u32 chunk) {
  alignas(8) u16 pairs[LENGTH / 2];
  loadAligned<8>(pairs, row + chunk * 8);
#pragma unroll
  for (int i = 0; i < LENGTH / 2; i++) e4m3PairToFloats(x + 2 * i, pairs[i]);
}
template <> struct Stored<q8_0> {
  static constexpr int LENGTH = 8;
  static QUERN_INLINE u32 bytes(u32 d) { return d / 32 * 34; }
  static QUERN_INLINE const u8* at(const Rows<q8_0>& rows, u32 j) { return rows.base + (rows.first + j * rows.time) / 32 * 34; }
  static QUERN_INLINE bool whole(const Rows<q8_0>&, u32) { return true; }
  typedef u16 Element;
  static QUERN_INLINE u16 element(const Rows<q8_0>& rows, bool present, u32 j, u32 c, u32) {
    const u8* pair = at(rows, j) + 2 * c;
    return present ? static_cast<u16>(pair[0] | pair[1] << 8) : u16{0};
  }
  static QUERN_INLINE void read(float (&x)[LENGTH], const u8* row, u32 chunk) {
    const u16* block = reinterpret_cast<const u16*>(row + chunk / 4 * 34);
    float scale = halfToFloat(block[0]);
#pragma unroll
    for (int i = 0; i < LENGTH / 2; i++) {
      u16 pair = block[1 + chunk % 4 * 4 + i];
      x[2 * i] = scale * static_cast<float>(static_cast<i8>(pair & 0xff));
      x[2 * i + 1] = scale * static_cast<float>(static_cast<i8>(pair >> 8));
    }
  }
};

// Bytes between rows in shared memory: 64 more than a multiple of 128, so that two rows' chunks that are read together are in other banks.
QUERN_INLINE u32 pitchOf(u32 bytes) { return (bytes + 63) / 128 * 128 + 64; }

// Rows j0 to j0 + 31 on their way to shared memory, zeros from `end` on.
template <int BYTES, typename K> QUERN_INLINE void copyRows(u8* to, const Rows<K>& rows, u32 j0, u32 end, u32 d) {
  u32 bytes = Stored<K>::bytes(d), units = bytes / BYTES, pitch = pitchOf(bytes);
  for (u32 i = threadIdx.x; i < SPLIT_KEYS * units; i += SPLIT_THREADS) {
    u32 r = i / units, at = i % units * BYTES;
    bool present = j0 + r < end;
    copyAsync<BYTES>(to + r * pitch + at, Stored<K>::at(rows, present ? j0 + r : j0) + at, present);
  }
}
template <typename K> QUERN_INLINE void fetchRows(u8* to, const Rows<K>& rows, u32 j0, u32 end, u32 d) {
  typedef typename Stored<K>::Element Element;
  u32 bytes = Stored<K>::bytes(d), pitch = pitchOf(bytes);
  size_t aligned = reinterpret_cast<size_t>(Stored<K>::at(rows, 0)) | static_cast<size_t>(Stored<K>::at(rows, 1) - Stored<K>::at(rows, 0)) | bytes;
  if (!Stored<K>::whole(rows, d) || aligned % 4 != 0) {
    for (u32 i = threadIdx.x; i < SPLIT_KEYS * (bytes / sizeof(Element)); i += SPLIT_THREADS) {
      u32 r = i / (bytes / sizeof(Element)), c = i % (bytes / sizeof(Element));
      bool present = j0 + r < end;
      reinterpret_cast<Element*>(to + r * pitch)[c] = Stored<K>::element(rows, present, present ? j0 + r : j0, c, d);
    }
  } else if (aligned % 16 == 0) {
    copyRows<16>(to, rows, j0, end, d);
  } else if (aligned % 8 == 0) {
    copyRows<8>(to, rows, j0, end, d);
  } else {
    copyRows<4>(to, rows, j0, end, d);
  }
}

// Which keys a tile of rows sees, and how they are cut.
struct Cut {
  i64 first, end, span;
  u32 pieces;  // that there is work for
};
QUERN_INLINE Cut cutOf(const AttentionParams& p, const Sequence& seq, u32 row0, u32 rows) {
  u32 last = row0 + p.tileRows < rows ? row0 + p.tileRows - 1 : rows - 1;
  Cut c;
  c.first = firstKey(p, seq.start + row0 / p.group) / SPLIT_KEYS * SPLIT_KEYS;
  c.end = endKey(p, seq.start + last / p.group, seq.length);
  i64 tiles = c.end > c.first ? (c.end - c.first + SPLIT_KEYS - 1) / SPLIT_KEYS : 0;
  c.span = (tiles + p.pieces - 1) / p.pieces * SPLIT_KEYS;
  c.pieces = tiles == 0 ? 0 : static_cast<u32>((tiles * SPLIT_KEYS + c.span - 1) / c.span);
  return c;
}

// A row's result, and its log-sum-exp if the tape wants it.
template <typename T, typename W>
QUERN_INLINE void finish(const AttentionParams& p, u32 b, u32 kvHead, u32 r, u32 column, W max, W total, W sum) {
  i64 i = static_cast<i64>(b) * p.tq + r / p.group;
  u32 head = kvHead * p.group + r % p.group;
  static_cast<T*>(p.y)[(i * p.heads + head) * p.dv + column] = narrow<T>(total == 0 ? W(0) : sum / total);
  if (column == 0 && p.lse != nullptr) {
    static_cast<W*>(p.lse)[(static_cast<i64>(b) * p.heads + head) * p.tq + r / p.group] = max + logarithm(total);
  }
}

template <typename T, typename K, int ROWS> QUERN_INLINE void split(const AttentionParams& p) {
  typedef kept<T> W;
  constexpr int KEY_LENGTH = Stored<K>::LENGTH, EACH_WARP = ROWS / (SPLIT_THREADS / WARP);
  QUERN_DYNAMIC_SHARED(space);
  Place at = placeOf(p);
  u32 rows = p.tq * p.group, piece = at.block % p.pieces, row0 = at.block / p.pieces * ROWS, head0 = at.kvHead * p.group, tid = threadIdx.x;
  u32 lane = tid % WARP, warp = tid / WARP, depth = (p.d + KEY_LENGTH - 1) / KEY_LENGTH * KEY_LENGTH;
  checkPages(p);
  Sequence seq = sequence(p, at.b);
  if (!seq.good) return;
  Cut cut = cutOf(p, seq, row0, rows);
  if (piece > 0 && piece >= cut.pieces) return;
  i64 begin = cut.first + piece * cut.span, end = begin + cut.span < cut.end ? begin + cut.span : cut.end;
  u32 length = static_cast<u32>(seq.length);
  Rows<T> q = rowsOf<T>(p.q, p.qs, at.b, head0, p.group);
  W* queries = reinterpret_cast<W*>(space);  // [ROWS][depth]
  W* weights = queries + ROWS * depth;       // [ROWS][SPLIT_KEYS]
  W* shrinks = weights + ROWS * SPLIT_KEYS;  // [ROWS]
  u8* tiles = reinterpret_cast<u8*>(shrinks + ROWS);
  u32 keyPitch = pitchOf(Stored<K>::bytes(p.d)), valuePitch = pitchOf(Stored<K>::bytes(p.dv));
  u32 stage = SPLIT_KEYS * (keyPitch + valuePitch);
  tiles += (128 - (tiles - space) % 128) % 128;
  auto fetch = [&](i64 tile, u32 which) {
    if (tile < end) {
      u32 first = static_cast<u32>(tile);
      fetchRows<K>(tiles + which * stage, tileOf<K>(p, p.k, p.ks, at.b, at.kvHead, first), first, length, p.d);
      fetchRows<K>(tiles + which * stage + SPLIT_KEYS * keyPitch, tileOf<K>(p, p.v, p.vs, at.b, at.kvHead, first), first, length, p.dv);
    }
    commitCopies();
  };
  fetch(begin, 0);
  for (u32 i = tid; i < ROWS * depth; i += SPLIT_THREADS) {
    u32 r = i / depth, c = i % depth;
    queries[i] = row0 + r < rows && c < p.d ? static_cast<W>(q.at(row0 + r, c)) : W(0);
  }
  u32 key = tid / SHARERS, sharer = tid % SHARERS, chunks = (p.dv + KEY_LENGTH - 1) / KEY_LENGTH, groups = SPLIT_THREADS / chunks;
  u32 chunk = tid % chunks, mine = tid / chunks;
  W max[EACH_WARP], total[EACH_WARP], sum[ROWS][KEY_LENGTH] = {};
#pragma unroll
  for (int e = 0; e < EACH_WARP; e++) max[e] = -infinity<W>(), total[e] = 0;
  u32 which = 0;
  for (i64 tile = begin; tile < end; tile += SPLIT_KEYS, which ^= 1) {
    fetch(tile + SPLIT_KEYS, which ^ 1);
    waitForCopies<1>();
    __syncthreads();
    const u8* keys = tiles + which * stage;
    const u8* values = keys + SPLIT_KEYS * keyPitch;
    W dot[ROWS] = {};
    for (u32 c = sharer; c * KEY_LENGTH < p.d; c += SHARERS) {
      kept<K> x[KEY_LENGTH];
      Stored<K>::read(x, keys + key * keyPitch, c);
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
        alignas(16) W y[KEY_LENGTH];
        loadAligned<sizeof(W) * KEY_LENGTH>(y, queries + r * depth + c * KEY_LENGTH);
#pragma unroll
        for (int i = 0; i < KEY_LENGTH; i++) dot[r] = multiplyAdd(y[i], static_cast<W>(x[i]), dot[r]);
      }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
      for (int by = 1; by < SHARERS; by *= 2) dot[r] += __shfl_xor_sync(FULL, dot[r], by);
      if (r % SHARERS == static_cast<int>(sharer)) {
        u32 row = row0 + r;
        W s = -infinity<W>();
        if (row < rows) s = masked<T>(p, seq, capped(p, dot[r]), at.b, head0 + row % p.group, row / p.group, static_cast<u32>(tile) + key);
        weights[r * SPLIT_KEYS + key] = s;
      }
    }
    __syncthreads();
#pragma unroll
    for (int e = 0; e < EACH_WARP; e++) {
      u32 r = warp * EACH_WARP + e;
      W s = weights[r * SPLIT_KEYS + lane], grown = warpReduce(larger(max[e], s), Largest());
      W weight = s == -infinity<W>() ? W(0) : exponential(s - grown);
      W shrink = grown == -infinity<W>() ? W(1) : exponential(max[e] - grown);
      total[e] = total[e] * shrink + warpReduce(weight, Plus());
      max[e] = grown;
      weights[r * SPLIT_KEYS + lane] = weight;
      if (lane == 0) shrinks[r] = shrink;
    }
    __syncthreads();
    if (mine < groups) {
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
        W shrink = shrinks[r];
#pragma unroll
        for (int i = 0; i < KEY_LENGTH; i++) sum[r][i] *= shrink;
      }
      for (u32 j = mine; j < SPLIT_KEYS; j += groups) {
        kept<K> x[KEY_LENGTH];
        Stored<K>::read(x, values + j * valuePitch, chunk);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
          W weight = weights[r * SPLIT_KEYS + j];
          if (weight == 0) continue;  // what is hidden may be anything
#pragma unroll
          for (int i = 0; i < KEY_LENGTH; i++) sum[r][i] = multiplyAdd(weight, static_cast<W>(x[i]), sum[r][i]);
        }
      }
    }
    __syncthreads();
  }
  // The sums of the threads that had other keys, in their order; then rows' maxima and sums, to where all threads see them.
  W* all = reinterpret_cast<W*>(tiles);  // [ROWS][chunks · KEY_LENGTH]
  u32 columns = chunks * KEY_LENGTH;
  for (u32 g = 0; g < groups; g++) {
    if (mine == g) {
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
#pragma unroll
        for (int i = 0; i < KEY_LENGTH; i++) {
          W* to = all + r * columns + chunk * KEY_LENGTH + i;
          *to = g == 0 ? sum[r][i] : *to + sum[r][i];
        }
      }
    }
    __syncthreads();
  }
  if (lane == 0) {
#pragma unroll
    for (int e = 0; e < EACH_WARP; e++) {
      weights[warp * EACH_WARP + e] = max[e];
      shrinks[warp * EACH_WARP + e] = total[e];
    }
  }
  __syncthreads();
  i64 count = static_cast<i64>(p.batch) * p.heads * p.tq * p.pieces;
  W* maxima = static_cast<W*>(p.working);
  for (u32 i = tid; i < ROWS * p.dv; i += SPLIT_THREADS) {
    u32 r = i / p.dv, column = i % p.dv, row = row0 + r;
    if (row >= rows) break;
    W value = all[r * columns + column];
    if (p.pieces == 1) {
      finish<T>(p, at.b, at.kvHead, row, column, weights[r], shrinks[r], value);
      continue;
    }
    i64 to = ((static_cast<i64>(at.b) * (p.heads / p.group) + at.kvHead) * rows + row) * p.pieces + piece;
    maxima[2 * count + to * p.dv + column] = value;
    if (column == 0) maxima[to] = weights[r], maxima[count + to] = shrinks[r];
  }
}

// A block for a row of queries: y = Σ_pieces e^(max_piece − max) · sum_piece / Σ_pieces e^(max_piece − max) · total_piece.
template <typename T> QUERN_INLINE void join(const AttentionParams& p) {
  typedef kept<T> W;
  __shared__ W scales[MOST_PIECES];
  __shared__ W space[SPLIT_THREADS / WARP];
  u32 rows = p.tq * p.group, tid = threadIdx.x;
  Place at = placeOf(p);
  Sequence seq = sequence(p, at.b);
  if (!seq.good) return;
  u32 pieces = cutOf(p, seq, at.block / p.tileRows * p.tileRows, rows).pieces;
  i64 count = static_cast<i64>(p.batch) * p.heads * p.tq * p.pieces;
  i64 from = static_cast<i64>(blockIdx.x) * p.pieces;
  const W* maxima = static_cast<const W*>(p.working) + from;
  const W* sums = static_cast<const W*>(p.working) + 2 * count + from * p.dv;
  W max = -infinity<W>();
  for (u32 i = tid; i < pieces; i += SPLIT_THREADS) max = larger(max, maxima[i]);
  max = blockReduce(max, Largest(), space);
  W total = 0;
  for (u32 i = tid; i < pieces; i += SPLIT_THREADS) {
    W scale = maxima[i] == -infinity<W>() ? W(0) : exponential(maxima[i] - max);
    scales[i] = scale;
    total = multiplyAdd(scale, maxima[count + i], total);
  }
  total = blockReduce(total, Plus(), space);
  __syncthreads();
  for (u32 column = tid; column < p.dv; column += SPLIT_THREADS) {
    W sum = 0;
    for (u32 i = 0; i < pieces; i++) sum = multiplyAdd(scales[i], sums[static_cast<i64>(i) * p.dv + column], sum);
    finish<T>(p, at.b, at.kvHead, at.block, column, max, total, sum);
  }
}

#define KERNEL(NAME, T, K)                                                                                        \
  QUERN_KERNEL(attention_split4_##NAME, AttentionParams, SPLIT_THREADS) { split<T, K, 4>(p); }                    \
  QUERN_KERNEL(attention_split8_##NAME, AttentionParams, SPLIT_THREADS) { split<T, K, 8>(p); }                    \
  QUERN_KERNEL(attention_split16_##NAME, AttentionParams, SPLIT_THREADS) { split<T, K, 16>(p); }
KERNEL(f64_f64, double, double)
KERNEL(f32_f32, float, float)
KERNEL(f16_f16, half_t, half_t)
KERNEL(bf16_bf16, bf16_t, bf16_t)
KERNEL(f32_f16, float, half_t)
KERNEL(f32_bf16, float, bf16_t)
KERNEL(f32_f8_e4m3, float, e4m3_t)
KERNEL(f32_q8_0, float, q8_0)

#define JOIN(NAME, T) \
  QUERN_KERNEL(attention_join_##NAME, AttentionParams, SPLIT_THREADS) { join<T>(p); }
JOIN(f64, double)
JOIN(f32, float)
JOIN(f16, half_t)
JOIN(bf16, bf16_t)
