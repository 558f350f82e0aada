// What all matrix products share: c[b, i, j] = Σ_k a[b, i, k] · w[b, j, k] (+ bias[j]). The right operand is stated by its columns, so that
// matmul (K, N) and linear (N, K) are one; any strides, 0 for what a batch shares; c: without gaps.
#pragma once
#include "strided.cuh"

struct MatMulParams {
  const void *a, *w, *bias;  // bias: null if there is none
  void* c;
  i64 aRow, aStep, wColumn, wStep, biasStep;  // in elements
  u32 m, n, k, rank;
  Divisor extents[AXES];  // of the batch, from the inside
  i64 aBatch[AXES], wBatch[AXES];
  u32 firstBatch, unused;  // of this launch

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
