// AttentionOp.Attention of many queries on compute capability 9.0 (FlashAttention-3: Shah et al. 2024): queries, keys and values of one type,
// F16 or BF16, sums in F32; head sizes up to 128, padded with zeros to 64 or 128; no mask, no cap, a scale above 0.
//
// Loop nest: as many blocks as multiprocessors stay, each for one tile of 128 queries of a head after the other; keys in tiles of 128, from
// the first that any of the queries sees to the last. A producer, one warp, has the copy engine bring queries, and keys and values
// in the order in which they are used (k0, k1, v0, k2, v1, ...), into a ring of slots in shared memory, across tiles. Two consumers, warpgroups,
// own 64 queries each: scores, maxima, sums and results stay in their registers. A consumer has the next tile's scores multiplied
// (wgmma) while it makes weights of this one's, and the weights, rounded, are in registers the factors of the product with the values. The
// consumers take turns to start their products, so that one's exponentials meet the other's products.
//
// Slots have two barriers: full (the bytes are there) and empty (all eight warps have read them). A cache may hold anything behind its length:
// scores there are hidden, and values, which a weight of 0 would not hide if they are NaN, the producer makes 0 in the slot before it
// says that it is full. What lies behind the tensors the copy engine reads as 0 and doesn't write. Of keys in pages (attention.cuh) of a
// multiple of 128 rows a tile lies in one page: the copy engine's last coordinate is the page instead of the sequence.
//
// Order of tiles: sections of heads whose keys and values fit into the second-level cache; in a section the last queries first, since they
// see the most keys. Blocks take turns forwards and backwards, so that those who had the longest tiles of one turn have the shortest of
// the next. To be measured: tiles of keys, slots, sections, turns against a counter.
#include "attention.cuh"
#include "mma.cuh"
#include "wgmma.cuh"

constexpr int ROWS = 64;  // of queries, of a consumer
constexpr int CONSUMERS = 2;
constexpr int TILE_ROWS = CONSUMERS * ROWS;
constexpr int KEYS = 128;
constexpr int THREADS = (1 + CONSUMERS) * WARPGROUP;
constexpr int LINE = 128;         // bytes of a row that the copy engine takes at once
constexpr int LINE_ELEMENTS = 64;
constexpr int STEP = PRODUCT_K<half_t>;  // of k, in a product of 16-bit factors
constexpr u32 READERS = CONSUMERS * WARPGROUP / WARP;
enum { TURN = 1, STAGED = TURN + CONSUMERS };  // named barriers, one of each for a consumer

struct HopperAttention {
  TensorMap q, k, v, y;
  u32 section, unused;  // heads, of all sequences, in a section
  AttentionParams a;    // blocks: tiles of a head's queries
};

// Shared memory of a block. Tiles are pieces of 64 columns: rows of 128 bytes, one after the other.
template <int D> struct Shared {
  static constexpr int PIECES = D / LINE_ELEMENTS;
  static constexpr int SLOTS = D > 64 ? 4 : 6;
  static constexpr u32 QUERY_BYTES = TILE_ROWS * D * 2, SLOT_BYTES = KEYS * D * 2, STAGING_BYTES = ROWS * D * 2;
  u8 *queries, *slots, *staging;  // staging: of each consumer
  Barrier *full, *empty, *queriesFull, *queriesEmpty, *raw;
  explicit QUERN_INLINE Shared(u8* dynamic) {
    queries = dynamic + (SWIZZLE_BYTES - sharedAddress(dynamic) % SWIZZLE_BYTES) % SWIZZLE_BYTES;
    slots = queries + QUERY_BYTES;
    staging = slots + SLOTS * SLOT_BYTES;
    full = reinterpret_cast<Barrier*>(staging + CONSUMERS * STAGING_BYTES);
    empty = full + SLOTS;
    queriesFull = empty + SLOTS;
    queriesEmpty = queriesFull + 1;
    raw = queriesEmpty + 1;
  }
  QUERN_INLINE void begin() const {
    for (int s = 0; s < SLOTS; s++) {
      barrierInit(full + s, 1);
      barrierInit(empty + s, READERS);
    }
    barrierInit(queriesFull, 1);
    barrierInit(queriesEmpty, READERS);
    barrierInit(raw, 1);
    barrierInitEnd();
  }
};

// 128 queries of a head, and the tiles of keys that they meet.
struct Work {
  Sequence seq;
  u32 row, head, begin, tiles, end;  // head: of all sequences; end: one more than the last key that a query sees
  QUERN_INLINE int headAt(const AttentionParams& a) const { return static_cast<int>(head % a.heads); }
  QUERN_INLINE int sequenceAt(const AttentionParams& a) const { return static_cast<int>(head / a.heads); }
};
QUERN_INLINE u32 workItems(const HopperAttention& p) { return p.a.blocks * p.a.heads * p.a.batch; }
// A block's work of a turn; false if there is none, or the sequence's length is wrong.
QUERN_INLINE bool workOf(Work& w, const HopperAttention& p, u32 turn) {
  const AttentionParams& a = p.a;
  u32 item = turn * gridDim.x + (turn % 2 == 0 ? blockIdx.x : gridDim.x - 1 - blockIdx.x);
  if (item >= workItems(p)) return false;
  u32 heads = a.heads * a.batch, section = item / (p.section * a.blocks), first = section * p.section;
  u32 within = item - first * a.blocks, together = heads - first < p.section ? heads - first : p.section;
  w.row = (a.blocks - 1 - within / together) * TILE_ROWS;
  w.head = first + within % together;
  w.seq = sequence(a, w.head / a.heads);
  u32 last = (w.row + TILE_ROWS < a.tq ? w.row + TILE_ROWS : a.tq) - 1;
  i64 begin = firstKey(a, w.seq.start + w.row) / KEYS * KEYS, end = endKey(a, w.seq.start + last, w.seq.length);
  w.tiles = begin < end ? static_cast<u32>((end - begin + KEYS - 1) / KEYS) : 0;
  w.begin = w.tiles == 0 ? 0 : static_cast<u32>(begin);
  w.end = w.tiles == 0 ? 0 : static_cast<u32>(end);
  return w.seq.good;
}

// By one warp, whose first lane speaks to the copy engine.
template <int D> QUERN_INLINE void produce(const HopperAttention& p, const Shared<D>& shared) {
  using Space = Shared<D>;
  bool speaks = threadIdx.x == 0;
  RingPlace<Space::SLOTS> place;
  place.parity = 1;  // all slots are empty
  u32 queriesParity = 1, rawParity = 0;
  auto bring = [&](const TensorMap& map, const Work& w, u32 key, Barrier* there) {
    if (speaks) {
      u8* slot = shared.slots + place.stage * Space::SLOT_BYTES;
      barrierWait(shared.empty + place.stage, place.parity);
      barrierArriveExpecting(there, Space::SLOT_BYTES);
      u32 sequence = w.head / p.a.heads, row = key;  // or page, and row in it
      if (p.a.pages != nullptr) {
        sequence = pageOf(p.a, sequence, key / p.a.pageSize);
        row = key % p.a.pageSize;
      }
#pragma unroll
      for (int c = 0; c < Space::PIECES; c++) {
        copyIn(slot + c * KEYS * LINE, map, c * LINE_ELEMENTS, static_cast<int>(row), w.headAt(p.a) / static_cast<int>(p.a.group),
               static_cast<int>(sequence), there);
      }
    }
  };
  for (u32 turn = 0; turn * gridDim.x < workItems(p); turn++) {
    Work w;
    if (!workOf(w, p, turn) || w.tiles == 0) continue;
    if (speaks) {
      barrierWait(shared.queriesEmpty, queriesParity);
      barrierArriveExpecting(shared.queriesFull, Space::QUERY_BYTES);
#pragma unroll
      for (int c = 0; c < Space::PIECES; c++) {
        copyIn(shared.queries + c * TILE_ROWS * LINE, p.q, c * LINE_ELEMENTS, static_cast<int>(w.row), w.headAt(p.a), w.sequenceAt(p.a),
               shared.queriesFull);
      }
    }
    queriesParity ^= 1;
#pragma unroll 1
    for (u32 i = 0; i <= w.tiles; i++) {
      if (i < w.tiles) {
        bring(p.k, w, w.begin + i * KEYS, shared.full + place.stage);
        place.advance();
      }
      if (i == 0) continue;
      u32 key = w.begin + (i - 1) * KEYS;
      bool paged = p.a.pages != nullptr;  // then others may have left anything behind what the queries see
      i64 kept = (paged ? w.end : w.seq.length) - key;
      if (kept >= KEYS || (!paged && w.seq.length == p.a.tk)) {
        bring(p.v, w, key, shared.full + place.stage);
      } else {
        bring(p.v, w, key, shared.raw);
        __syncwarp();
        barrierWait(shared.raw, rawParity);
        rawParity ^= 1;
        constexpr u32 V = LINE / 16;
        u8* slot = shared.slots + place.stage * Space::SLOT_BYTES;
        u32 first = static_cast<u32>(kept) * V, zeros = KEYS * V - first;  // of a piece, in 16 bytes
#pragma unroll 1
        for (u32 z = threadIdx.x; z < zeros * Space::PIECES; z += WARP) {
          *reinterpret_cast<uint4*>(slot + (z / zeros * KEYS * V + first + z % zeros) * 16) = uint4{0, 0, 0, 0};
        }
        fenceForCopies();
        __syncwarp();
        if (speaks) barrierArrive(shared.full + place.stage);
      }
      place.advance();
    }
  }
}

// s = queries · keysᵀ, as a group of products.
template <typename H, int D> QUERN_INLINE void score(float (&s)[KEYS / 2], const u8* queries, const u8* keys, int consumer) {
#pragma unroll
  for (int k = 0; k < D / STEP; k++) {
    int piece = k * STEP / LINE_ELEMENTS;
    u64 step = k % (LINE_ELEMENTS / STEP) * descriptorStep<false>();
    multiply<H, KEYS, false, false>(s, describe<false>(queries + piece * TILE_ROWS * LINE, ROWS * consumer) + step,
                                    describe<false>(keys + piece * KEYS * LINE, 0) + step, k > 0);
  }
  multiplyCommit();
}
// o += weights · values, as a group of products.
template <typename H, int D> QUERN_INLINE void weigh(float (&o)[D / 2], const u32 (&weights)[KEYS / STEP][4], const u8* values) {
  u64 b = describe<true, KEYS>(values, 0);
#pragma unroll
  for (int k = 0; k < KEYS / STEP; k++) multiplyFromRegisters<H, D, true>(o, weights[k], b + k * descriptorStep<true>());
  multiplyCommit();
}

// Which keys a thread's two queries see, and from where to where all of the consumer's queries see them.
struct Visible {
  int first[2], end[2], plainFirst, plainEnd;
  // position: of the consumer's first query; row: this thread's first.
  QUERN_INLINE Visible(const AttentionParams& a, const Sequence& seq, i64 position, u32 row) {
    auto firstAt = [&](i64 at) { return static_cast<int>(clampTo(firstKey(a, at), 0, a.tk)); };
    auto endAt = [&](i64 at) { return static_cast<int>(clampTo(endKey(a, at, seq.length), 0, a.tk)); };
#pragma unroll
    for (int r = 0; r < 2; r++) {
      first[r] = firstAt(position + row + 8 * r);
      end[r] = endAt(position + row + 8 * r);
    }
    plainFirst = firstAt(position + ROWS - 1);
    plainEnd = endAt(position);
  }
  // −∞ for what isn't seen of a tile's keys.
  QUERN_INLINE void hide(float (&s)[KEYS / 2], int key) const {
    if (key >= plainFirst && key + KEYS <= plainEnd) return;
    int column = key + static_cast<int>(threadIdx.x % 4 * 2);
#pragma unroll
    for (int i = 0; i < KEYS / 2; i++) {
      int r = i / 2 % 2, at = i / 4 * 8 + i % 2;
      if (at < first[r] - column || at >= end[r] - column) s[i] = -infinity<float>();
    }
  }
};

// Two rows of scores, of which a thread has a quarter: their largest and the sum of their exponentials so far.
struct Softmax {
  float most[2] = {-infinity<float>(), -infinity<float>()}, total[2] = {0, 0};  // total: of this thread's part

  // Scores to weights, 2^(scale · (score − the largest)). shrink: by what earlier weights are too large.
  QUERN_INLINE void add(float (&s)[KEYS / 2], float (&shrink)[2], float scale) {
    float top[2][2], sum[2][2] = {};
#pragma unroll
    for (int i = 0; i < 4; i++) top[i / 2][i % 2] = s[i];
#pragma unroll
    for (int i = 4; i < KEYS / 2; i++) top[i / 2 % 2][i % 2] = fmaxf(top[i / 2 % 2][i % 2], s[i]);  // NaN comes through the exponentials
    float origin[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float now = fmaxf(most[r], fmaxf(top[r][0], top[r][1]));
      now = fmaxf(now, __shfl_xor_sync(FULL, now, 1));
      now = fmaxf(now, __shfl_xor_sync(FULL, now, 2));
      origin[r] = now == -infinity<float>() ? 0.0f : now * scale;
      shrink[r] = powerOf2(multiplyAdd(most[r], scale, -origin[r]));
      most[r] = now;
    }
#pragma unroll
    for (int i = 0; i < KEYS / 2; i++) {
      s[i] = powerOf2(multiplyAdd(s[i], scale, -origin[i / 2 % 2]));
      sum[i / 2 % 2][i % 2] += s[i];
    }
#pragma unroll
    for (int r = 0; r < 2; r++) total[r] = multiplyAdd(total[r], shrink[r], sum[r][0] + sum[r][1]);
  }
};

template <typename H> QUERN_INLINE void roundWeights(u32 (&weights)[KEYS / STEP][4], const float (&s)[KEYS / 2]) {
#pragma unroll
  for (int k = 0; k < KEYS / STEP; k++) {
#pragma unroll
    for (int i = 0; i < 4; i++) weights[k][i] = packed<H>(s[8 * k + 2 * i], s[8 * k + 2 * i + 1]);
  }
}

// A consumer's results, through its staging memory to y, and its rows' log-sum-exp.
template <typename H, int D>
QUERN_INLINE void write(const HopperAttention& p, const Work& w, const float (&o)[D / 2], Softmax& softmax, u8* staging, int consumer) {
  u32 thread = threadIdx.x % WARPGROUP, lane = thread % WARP, warp = thread / WARP, g = lane / 4, t = lane % 4;
  u32 row = w.row + ROWS * consumer;
  float inverse[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float total = softmax.total[r];
    total += __shfl_xor_sync(FULL, total, 1);
    total += __shfl_xor_sync(FULL, total, 2);
    inverse[r] = total == 0 ? 0.0f : 1 / total;
    u32 i = row + warp * 16 + g + 8 * r;
    if (p.a.lse != nullptr && t == 0 && i < p.a.tq) {
      static_cast<float*>(p.a.lse)[static_cast<i64>(w.head) * p.a.tq + i] = softmax.most[r] * p.a.scale + logarithm(total);
    }
  }
  if (thread == 0) copyOutWait<0>();
  syncNamed(STAGED + consumer, WARPGROUP);
#pragma unroll
  for (int j = 0; j < D / 8; j++) {
#pragma unroll
    for (u32 r = 0; r < 2; r++) {
      u32 pair = packed<H>(o[4 * j + 2 * r] * inverse[r], o[4 * j + 2 * r + 1] * inverse[r]);
      u32 at = (warp * 16 + g + 8 * r) * LINE + j % 8 * 16 + t * 4;
      *reinterpret_cast<u32*>(staging + j / 8 * ROWS * LINE + swizzled(at)) = pair;
    }
  }
  fenceForCopies();
  syncNamed(STAGED + consumer, WARPGROUP);
  if (thread == 0) {
#pragma unroll
    for (int c = 0; c < D / LINE_ELEMENTS; c++) {
      copyOut(p.y, staging + c * ROWS * LINE, c * LINE_ELEMENTS, static_cast<int>(row), w.headAt(p.a), w.sequenceAt(p.a));
    }
  }
}

template <typename H, int D> QUERN_INLINE void consume(const HopperAttention& p, const Shared<D>& shared, int consumer) {
  using Space = Shared<D>;
  const AttentionParams& a = p.a;
  u8* staging = shared.staging + consumer * Space::STAGING_BYTES;
  u32 thread = threadIdx.x % WARPGROUP;
  bool speaks = thread % WARP == 0;
  float scale = a.scale * LOG2_E;
  RingPlace<Space::SLOTS> place;
  u32 queriesParity = 0;
  auto wait = [&]() {  // for the ring's next slot
    barrierWait(shared.full + place.stage, place.parity);
    u32 slot = place.stage;
    place.advance();
    return slot;
  };
  auto at = [&](u32 slot) { return shared.slots + slot * Space::SLOT_BYTES; };
  auto release = [&](Barrier* b) {
    if (speaks) barrierArrive(b);
  };
  if (consumer == 1) arriveNamed(TURN, CONSUMERS * WARPGROUP);
  for (u32 turn = 0; turn * gridDim.x < workItems(p); turn++) {
    Work w;
    if (!workOf(w, p, turn)) continue;
    Visible visible(a, w.seq, w.seq.start + w.row + ROWS * consumer, thread / WARP * 16 + thread % WARP / 4);
    float s[KEYS / 2], o[D / 2] = {}, shrink[2];
    u32 weights[KEYS / STEP][4];
    Softmax softmax;
    auto scored = [&](u32 slot, u32 i) {  // what follows the product of tile i
      settle(s);
      release(shared.empty + slot);
      if (i + 1 == w.tiles) release(shared.queriesEmpty);
      visible.hide(s, static_cast<int>(w.begin + i * KEYS));
      softmax.add(s, shrink, scale);
    };
    if (w.tiles > 0) {
      barrierWait(shared.queriesFull, queriesParity);
      queriesParity ^= 1;
      u32 keys = wait();
      multiplyFence();
      score<H, D>(s, shared.queries, at(keys), consumer);
      multiplyWait<0>();
      scored(keys, 0);
      roundWeights<H>(weights, s);
#pragma unroll 1
      for (u32 i = 1; i < w.tiles; i++) {
        keys = wait();
        u32 values = wait();
        syncNamed(TURN + consumer, CONSUMERS * WARPGROUP);
        multiplyFence();
        score<H, D>(s, shared.queries, at(keys), consumer);
        weigh<H, D>(o, weights, at(values));
        arriveNamed(TURN + 1 - consumer, CONSUMERS * WARPGROUP);
        multiplyWait<1>();
        scored(keys, i);
        multiplyWait<0>();
        settle(o);
        release(shared.empty + values);
#pragma unroll
        for (int n = 0; n < D / 2; n++) o[n] *= shrink[n / 2 % 2];
        roundWeights<H>(weights, s);
      }
      u32 values = wait();
      multiplyFence();
      weigh<H, D>(o, weights, at(values));
      multiplyWait<0>();
      settle(o);
      release(shared.empty + values);
    }
    write<H, D>(p, w, o, softmax, staging, consumer);
  }
  if (consumer == 0) syncNamed(TURN, CONSUMERS * WARPGROUP);  // the other's last turn
  if (thread == 0) copyOutWait<0>();
}

template <typename H, int D> QUERN_INLINE void attention(const HopperAttention& p, u8* dynamic) {
  Shared<D> shared(dynamic);
  checkPages(p.a);
  if (threadIdx.x == 0) {
    shared.begin();
    prefetchMap(p.q);
    prefetchMap(p.k);
    prefetchMap(p.v);
    prefetchMap(p.y);
  }
  __syncthreads();
  if (threadIdx.x < WARPGROUP) {
    giveRegisters<40>();
    if (threadIdx.x < WARP) produce<D>(p, shared);
    return;
  }
  takeRegisters<232>();
  consume<H, D>(p, shared, static_cast<int>(threadIdx.x) / WARPGROUP - 1);
}

#define KERNEL(NAME, H, D)                                               \
  QUERN_KERNEL(attention_hopper##D##_##NAME, HopperAttention, THREADS) { \
    QUERN_DYNAMIC_SHARED(dynamic);                                       \
    attention<H, D>(p, dynamic);                                         \
  }
#define KERNELS(NAME, H) KERNEL(NAME, H, 64) KERNEL(NAME, H, 128)
KERNELS(f16, half_t)
KERNELS(bf16, bf16_t)
