// A cache of keys or values, (B, capacity, H, D), whose sequences get rows from starts[b] on.
#pragma once
#include "quern.cuh"

struct Cache {
  Complaints complaints;
  const int* starts;
  i64 startsStep, tokenStride;  // of the cache, in elements (Q8_0: in blocks)
  u32 batch, tokens, capacity, unused;

  // Whether all sequences have room for their rows: else it is reported, and nobody writes. For whole warps.
  QUERN_INLINE bool fits() const {
    bool all = true;
    for (u32 b = threadIdx.x % WARP; b < batch; b += WARP) {
      i64 start = starts[b * startsStep];
      if (start < 0 || start + tokens > capacity) {
        report(complaints, NO_ROOM, b, start, capacity, tokens);
        all = false;
      }
    }
    return __all_sync(FULL, all);
  }
  // From a sequence's token 0 to its first new one.
  QUERN_INLINE i64 skipped(u32 sequence) const { return starts[sequence * startsStep] * tokenStride; }
};
