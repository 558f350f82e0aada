// What products with weights in blocks share: y[b, i, j] = Σ_k a[b, i, k] · w[b, j, k] (+ bias[j]) (+ residual[b, i, j]) for up to four
// weights of one format; or f(gate, up) of two. How pieces of rows are brought to shared memory, and how a result is finished.
#pragma once
#include "activation.cuh"
#include "async.cuh"
#include "dequant.cuh"
#include "strided.cuh"

constexpr int MOST_PARTS = 4;

// One weight, its bias and its result, which has no gaps.
struct BlockPart {
  const void *w, *bias;  // bias: null if there is none
  void* c;
  i64 wColumn, biasStep;  // bytes from a row of blocks to the next; elements
  const u8 *begin, *end;  // all that the weight's rows have, gaps included
  u32 n, unused;
};
struct BlockMatMulParams {
  const void *a, *residual;  // residual: null if there is none; without gaps
  i64 aRow, aStep;           // in elements
  u32 m, k, rank, firstBatch;
  Divisor extents[AXES];  // of the batch, from the inside
  i64 aBatch[AXES], wBatch[AXES];  // in elements, in bytes; a batch has one part
  BlockPart parts[MOST_PARTS];
  u32 count;
  int gate;    // 0, or f as numbered below: of parts 0 and 1, to part 0's result
  int narrow;  // whether a, bias, residual and c are BF16, not F32
  int unused;

  QUERN_INLINE void batch(u32 b, i64& aAt, i64& wAt) const {
    aAt = 0;
    wAt = 0;
    for (u32 i = 0; i < rank; i++) {
      u32 rest = extents[i].divide(b), index = b - rest * extents[i].value;
      aAt += index * aBatch[i];
      wAt += index * wBatch[i];
      b = rest;
    }
  }
};
// As BinaryOp numbers them.
enum { NO_GATE = 0, GATE_SWIGLU = 7, GATE_GEGLU = 8, GATE_GEGLU_TANH = 9 };

// ---- rows of blocks in shared memory ---------------------------------------------------------------------------------------------
constexpr u32 PIECE = 16;
// Bytes of a room for a piece of a row: it may begin anywhere in its first 16 bytes.
QUERN_INLINE constexpr u32 roomBytes(u32 bytes) { return (bytes + PIECE - 1) / PIECE * PIECE + PIECE; }
// Where in its room a piece of a row begins that begins there in memory.
QUERN_INLINE u32 skewOf(const u8* from) { return address(from) % PIECE; }
// Brings 16 bytes, the i-th that [from, from + bytes) touches, into its room. Whole ones are copied asynchronously with what lies beside
// the piece, as long as that is the weight's; at its ends the threads copy.
QUERN_INLINE void stage(u8* room, const u8* from, u32 bytes, u32 i, const u8* begin, const u8* end) {
  u32 skew = skewOf(from);
  if (i * PIECE >= skew + bytes) return;
  const u8* piece = from - skew + i * PIECE;
  if (piece >= begin && piece + PIECE <= end) {
    copyAsync<16>(room + i * PIECE, piece, true);
    return;
  }
#pragma unroll 1
  for (u32 b = 0; b < PIECE; b += 2) {
    const u8* two = piece + b;
    if (two >= from && two < from + bytes) memcpy(room + i * PIECE + b, two, 2);
  }
}

// ---- activations and results -----------------------------------------------------------------------------------------------------
constexpr u32 TOGETHER = 8;  // elements along k that a thread fetches at once
template <typename T> QUERN_INLINE void fetch(float (&into)[TOGETHER], const T* row, u32 k, i64 step, bool aligned) {
  if (aligned) {
    alignas(16) T raw[TOGETHER];
    loadAligned<sizeof(T) * TOGETHER>(raw, row + k);
#pragma unroll
    for (u32 i = 0; i < TOGETHER; i++) into[i] = widen(raw[i]);
  } else {
#pragma unroll
    for (u32 i = 0; i < TOGETHER; i++) into[i] = widen(row[(k + i) * step]);
  }
}
// The left operand of one batch.
struct Activations {
  const void* at;
  i64 row, step;
  int narrow;
  bool aligned;
  QUERN_INLINE Activations(const BlockMatMulParams& p, i64 offset) : row(p.aRow), step(p.aStep), narrow(p.narrow) {
    i64 size = narrow ? 2 : 4;
    at = static_cast<const u8*>(p.a) + offset * size;
    aligned = step == 1 && address(at) % 16 == 0 && row * size % 16 == 0;
  }
  // Elements k to k + 7 of row i; k is a multiple of 8.
  QUERN_INLINE void get(float (&into)[TOGETHER], u32 i, u32 k) const {
    if (narrow) {
      fetch(into, static_cast<const bf16_t*>(at) + i * row, k, step, aligned);
    } else {
      fetch(into, static_cast<const float*>(at) + i * row, k, step, aligned);
    }
  }
};

template <typename T> QUERN_INLINE void finish(const BlockMatMulParams& p, const BlockPart& part, u32 row, u32 column, float v) {
  if (part.bias != nullptr) v += widen(static_cast<const T*>(part.bias)[column * part.biasStep]);
  i64 at = static_cast<i64>(row) * part.n + column;
  T y = narrow<T>(v);
  if (p.residual != nullptr) y = narrow<T>(widen(y) + widen(static_cast<const T*>(p.residual)[at]));
  static_cast<T*>(part.c)[at] = y;
}
// Writes a sum to a row, counted over all batches, and a column of a part.
QUERN_INLINE void finish(const BlockMatMulParams& p, const BlockPart& part, u32 row, u32 column, float v) {
  if (p.narrow) {
    finish<bf16_t>(p, part, row, column, v);
  } else {
    finish<float>(p, part, row, column, v);
  }
}
template <typename T> QUERN_INLINE void finishGated(const BlockMatMulParams& p, u32 row, u32 column, float gate, float up) {
  float g = widen(narrow<T>(gate)), u = widen(narrow<T>(up));
  float f = p.gate == GATE_SWIGLU ? silu(g) : p.gate == GATE_GEGLU ? gelu(g) : geluTanh(g);
  static_cast<T*>(p.parts[0].c)[static_cast<i64>(row) * p.parts[0].n + column] = narrow<T>(f * u);
}
