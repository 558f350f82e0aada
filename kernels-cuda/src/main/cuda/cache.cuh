// A cache of keys or values whose sequences get rows from starts[b] on: (B, capacity, H, D), or with pages (pages, size, H, D), where row r of
// sequence b is row r mod size of page pages[b, r / size].
#pragma once
#include "quern.cuh"

struct Cache {
  Complaints complaints;
  const int* starts;
  i64 startsStep, tokenStride;  // of the cache, in elements (Q8_0: in blocks)
  u32 batch, tokens, capacity, size;  // size: rows of a page
  const int* pages;                   // null without pages
  i64 pagesSequence, pagesStep, pageStride;
  u32 pageCount;
  int pagesSite;

  QUERN_INLINE int pageOf(u32 sequence, i64 row) const { return pages[sequence * pagesSequence + row / size * pagesStep]; }
  // Whether all sequences have room for their rows, and pages that there are: else it is reported, and nobody writes. For whole warps.
  QUERN_INLINE bool fits() const {
    bool all = true;
    for (u32 b = threadIdx.x % WARP; b < batch; b += WARP) {
      i64 start = starts[b * startsStep];
      if (start < 0 || start + tokens > capacity) {
        report(complaints, NO_ROOM, b, start, capacity, tokens);
        all = false;
      } else if (pages != nullptr) {
        for (i64 row = start / size * size; row < start + tokens; row += size) {
          int page = pageOf(b, row);
          if (page < 0 || static_cast<u32>(page) >= pageCount) {
            report({complaints.status, pagesSite}, BAD_PAGE, b, page, pageCount, row / size);
            all = false;
          }
        }
      }
    }
    return __all_sync(FULL, all);
  }
  // To a new row, token = t of a sequence of all: from the sequence's row t, or with pages from the pool's beginning.
  QUERN_INLINE i64 skipped(u32 token) const {
    u32 sequence = token / tokens;
    i64 start = starts[sequence * startsStep];
    if (pages == nullptr) return start * tokenStride;
    i64 row = start + token % tokens;
    return pageOf(sequence, row) * pageStride + row % size * tokenStride;
  }
};
