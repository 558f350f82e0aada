// What attention and its gradients share: operands, which keys a query sees, scores, and products of rows by a block.
//
// For each sequence and key head, the rows of queries are i · group + h: the heads that share the keys are neighbours, so that a decode
// step's few queries meet keys that were fetched once. A block owns 16 rows (of queries, or of keys for dK and dV) and walks over tiles
// of 32 others. Warp w owns rows 2w and 2w + 1; in a product of rows, a lane has one of the others, in the sum over them some columns.
// F32 (F64 for F64) throughout.
#pragma once
#include "strided.cuh"

constexpr int OWN = 16;
constexpr int EACH = 2;  // of them, a warp's
constexpr int OTHERS = 32;
constexpr int DEPTH = 64;  // columns that lie in shared memory at once
constexpr int ATTENTION_THREADS = OWN / EACH * WARP;
constexpr float LOG2_E = 1.4426950408889634f;
constexpr float LN_2 = 0.6931471805599453f;

struct q8_0 {};  // 32 elements: a scale in F16, then 32 signed bytes
template <typename T> struct Kept { typedef float type; };
template <> struct Kept<double> { typedef double type; };
template <typename T> using kept = typename Kept<T>::type;
template <typename W> constexpr int SPAN = 512 / static_cast<int>(sizeof(W));  // columns of a result that a block has
template <typename W> constexpr int PARTS = SPAN<W> / WARP;                    // of them, a lane's

struct AttentionParams {
  const void *q, *k, *v, *mask;
  const int *starts, *lengths;
  void *y, *lse;              // forwards: results; lse may be null
  const void *g, *result, *logs;  // backwards: gradient of y, y, log-sum-exp
  void* working;                  // memory: Σ g·y of each row backwards; attention_split.cu's pieces
  void *dq, *dk, *dValues;
  i64 qs[4], ks[4], vs[4], ms[4];  // strides: (batch, time, head, dim); mask (batch, head, query, key)
  i64 gs[4], ys[4], ls[4];         // of g, result (batch, time, head, dim), logs (batch, head, query)
  i64 startsStep, lengthsStep;
  Complaints complaints;
  u32 batch, tq, tk, heads, group, d, dv;
  float scale, cap;
  int causal, window, maskKind;  // no mask, BOOL, added
  u32 blocks;                    // of the grid, for each sequence and key head
  u32 pieces, tileRows;          // attention_split.cu: pieces of the keys, rows of queries that a block has
  u32 pageCount, pageSize;       // with pages k and v are (page, row, head, dim), and tk is what a table has room for
  int pagesSite;
  const int* pages;  // null without
  i64 pagesSequence, pagesStep;
};

// What a block works on: one of p.blocks of a sequence's key head. All in the grid's x, whose limit no call comes near.
struct Place {
  u32 block, kvHead, b;
};
QUERN_INLINE Place placeOf(const AttentionParams& p) {
  u32 head = blockIdx.x / p.blocks, kvHeads = p.heads / p.group;
  return {blockIdx.x % p.blocks, head % kvHeads, head / kvHeads};
}

// Rows of an operand: row r is at r / group · time + r % group · head.
template <typename T> struct Rows {
  const T* base;
  i64 time, head, step;
  u32 group;
  QUERN_INLINE Rows moved(i64 by) const { return {base + by, time, head, step, group}; }
  QUERN_INLINE kept<T> at(u32 r, u32 c) const { return widen(base[r / group * time + r % group * head + c * step]); }
};
template <> struct Rows<q8_0> {
  const u8* base;
  i64 first, time, head, step;
  u32 group;
  QUERN_INLINE Rows moved(i64 by) const { return {base, first + by, time, head, step, group}; }
  QUERN_INLINE float at(u32 r, u32 c) const {
    i64 i = first + r / group * time + r % group * head + c;
    const u8* block = base + i / 32 * 34;
    return halfToFloat(static_cast<u16>(block[0] | block[1] << 8)) * static_cast<float>(static_cast<i8>(block[2 + i % 32]));
  }
};
template <typename T> QUERN_INLINE Rows<T> rowsOf(const void* base, const i64 (&s)[4], u32 b, u32 head, u32 group) {
  return {static_cast<const T*>(base) + b * s[0] + head * s[2], s[1], s[2], s[3], group};
}
template <> QUERN_INLINE Rows<q8_0> rowsOf<q8_0>(const void* base, const i64 (&s)[4], u32 b, u32 head, u32 group) {
  return {static_cast<const u8*>(base), b * s[0] + head * s[2], s[1], s[2], s[3], group};
}

// The page of a sequence's part. What is none is reported once, by checkPages, and read as another.
QUERN_INLINE u32 pageOf(const AttentionParams& p, u32 b, u32 part) {
  u32 page = static_cast<u32>(p.pages[b * p.pagesSequence + part * p.pagesStep]);
  return page < p.pageCount ? page : 0;
}
// By all blocks and threads of a grid.
QUERN_INLINE void checkPages(const AttentionParams& p) {
  if (p.pages == nullptr) return;
  for (u32 b = blockIdx.x; b < p.batch; b += gridDim.x) {
    for (u32 i = threadIdx.x; i < p.tk / p.pageSize; i += blockDim.x) {
      int page = p.pages[b * p.pagesSequence + i * p.pagesStep];
      if (page < 0 || static_cast<u32>(page) >= p.pageCount) report({p.complaints.status, p.pagesSite}, BAD_PAGE, b, page, p.pageCount, i);
    }
  }
}

// A head's keys or values of a sequence, for the tile that row0 is in, which lies in one page: row j of the sequence is row j of them. Made of
// the parameters for each tile, since registers are dearer.
template <typename K> QUERN_INLINE Rows<K> tileOf(const AttentionParams& p, const void* base, const i64 (&s)[4], u32 b, u32 head, u32 row0) {
  if (p.pages == nullptr) return rowsOf<K>(base, s, b, head, 1);
  u32 part = row0 / p.pageSize;
  return rowsOf<K>(base, s, pageOf(p, b, part), head, 1).moved(-static_cast<i64>(part * p.pageSize) * s[1]);
}

// A sequence: its keys, and where its queries stand.
struct Sequence {
  i64 length, start;
  bool good;
};
QUERN_INLINE Sequence sequence(const AttentionParams& p, u32 b) {
  i64 length = p.lengths == nullptr ? static_cast<i64>(p.tk) : p.lengths[b * p.lengthsStep];
  if (length < 0 || length > p.tk) {
    report(p.complaints, BAD_LENGTH, b, length, p.tk);
    return {0, 0, false};
  }
  return {length, p.starts == nullptr ? length - p.tq : p.starts[b * p.startsStep], true};
}
QUERN_INLINE i64 firstKey(const AttentionParams& p, i64 position) {
  i64 first = position - p.window + 1;
  return p.window > 0 && first > 0 ? first : 0;
}
QUERN_INLINE i64 endKey(const AttentionParams& p, i64 position, i64 length) {
  return p.causal && position + 1 < length ? position + 1 : length;
}

// The capped score, and with the mask: −∞ where the key is hidden.
template <typename W> QUERN_INLINE W capped(const AttentionParams& p, W dot) {
  W s = static_cast<W>(p.scale) * dot, c = static_cast<W>(p.cap);
  return p.cap == 0 ? s : c * hyperbolicTangent(s / c);
}
template <typename T, typename W>
QUERN_INLINE W masked(const AttentionParams& p, const Sequence& q, W s, u32 b, u32 head, u32 i, u32 j) {
  i64 position = q.start + i;
  if (j < firstKey(p, position) || j >= endKey(p, position, q.length)) return -infinity<W>();
  if (p.maskKind == 0) return s;
  i64 at = b * p.ms[0] + head * p.ms[1] + i * p.ms[2] + j * p.ms[3];
  if (p.maskKind == 1) return static_cast<const u8*>(p.mask)[at] != 0 ? s : -infinity<W>();
  return s + widen(static_cast<const T*>(p.mask)[at]);
}

// Shared memory of a block.
template <typename W> struct Space {
  W own[OWN][DEPTH + 1], others[OTHERS][DEPTH + 1];
  W wide[OTHERS][SPAN<W>];
  W weights[OWN][OTHERS + 1];
};

// dot[e] = Σ_c own(own0 + 2·warp + e, c) · other(other0 + lane, c); rows behind the ends count as 0.
template <typename W, typename X, typename Y>
QUERN_INLINE void dots(W (&dot)[EACH], Space<W>& space, const Rows<X>& own, u32 own0, u32 ownEnd, const Rows<Y>& other, u32 other0,
                       u32 otherEnd, u32 d) {
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
#pragma unroll
  for (int e = 0; e < EACH; e++) dot[e] = 0;
  for (u32 c0 = 0; c0 < d; c0 += DEPTH) {
    u32 depth = d - c0 < DEPTH ? d - c0 : DEPTH;
    __syncthreads();
    for (u32 i = threadIdx.x; i < OWN * DEPTH; i += ATTENTION_THREADS) {
      u32 r = i / DEPTH, c = i % DEPTH;
      if (c < depth) space.own[r][c] = own0 + r < ownEnd ? static_cast<W>(own.at(own0 + r, c0 + c)) : W(0);
    }
    for (u32 i = threadIdx.x; i < OTHERS * DEPTH; i += ATTENTION_THREADS) {
      u32 r = i / DEPTH, c = i % DEPTH;
      if (c < depth) space.others[r][c] = other0 + r < otherEnd ? static_cast<W>(other.at(other0 + r, c0 + c)) : W(0);
    }
    __syncthreads();
    for (u32 c = 0; c < depth; c++) {
      W y = space.others[lane][c];
#pragma unroll
      for (int e = 0; e < EACH; e++) dot[e] = multiplyAdd(space.own[warp * EACH + e][c], y, dot[e]);
    }
  }
}

// sum[e][·] += Σ_j weights[2·warp + e][j] · other(other0 + j, c0 + ·). The weights are in shared memory; each warp wrote its own.
template <typename W, typename Y>
QUERN_INLINE void weigh(W (&sum)[EACH][PARTS<W>], Space<W>& space, const Rows<Y>& other, u32 other0, u32 otherEnd, u32 c0, u32 end) {
  u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  __syncthreads();
  for (u32 i = threadIdx.x; i < OTHERS * SPAN<W>; i += ATTENTION_THREADS) {
    u32 r = i / SPAN<W>, c = c0 + i % SPAN<W>;
    space.wide[r][i % SPAN<W>] = other0 + r < otherEnd && c < end ? static_cast<W>(other.at(other0 + r, c)) : W(0);
  }
  __syncthreads();
  for (u32 j = 0; j < OTHERS; j++) {
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      W weight = space.weights[warp * EACH + e][j];
      if (weight == 0) continue;  // what is hidden may be anything
#pragma unroll
      for (int c = 0; c < PARTS<W>; c++) sum[e][c] = multiplyAdd(weight, space.wide[j][lane + c * WARP], sum[e][c]);
    }
  }
}
