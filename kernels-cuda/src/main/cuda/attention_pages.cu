// Keys and values in pages, put together for the kernels of attention whose tiles don't fit into pages: (B, HKV, TK, D) from (pages, size,
// HKV, D), (B, HKV, TK, DV) from (pages, size, HKV, DV), elements of a row side by side. Only the tiles that some query sees, which the device
// reads from starts and lengths; the rest stays as it is, and what lies in them behind the last key is 0.
//
// Loop nest: a warp for a row of a head, as many bytes at a time as all rows are aligned to.
#include "attention.cuh"

constexpr u32 GATHER_THREADS = 256;
constexpr i64 GATHER_KEYS = 128;  // no kernel's tile has more

struct PageGatherParams {
  AttentionParams a;
  u8 *keys, *values;
  i64 keyStrides[3], valueStrides[3];  // of a page, a row, a head, in bytes
  u32 keyBytes, valueBytes;            // of a row of a head
};

template <typename U> QUERN_INLINE void copyRow(u8* to, const u8* from, u32 bytes) {
  for (u32 i = threadIdx.x % WARP; i < bytes / sizeof(U); i += WARP) {
    reinterpret_cast<U*>(to)[i] = from == nullptr ? U{} : reinterpret_cast<const U*>(from)[i];
  }
}

template <typename U> QUERN_INLINE void gather(const PageGatherParams& p) {
  const AttentionParams& a = p.a;
  checkPages(a);
  u64 i = (static_cast<u64>(blockIdx.x) * GATHER_THREADS + threadIdx.x) / WARP;
  u32 heads = a.heads / a.group, row = static_cast<u32>(i % a.tk), head = static_cast<u32>(i / a.tk % heads);
  u64 b = i / a.tk / heads;
  if (b >= a.batch) return;
  u32 sequence0 = static_cast<u32>(b);
  Sequence seq = sequence(a, sequence0);
  i64 first = firstKey(a, seq.start) / GATHER_KEYS * GATHER_KEYS, end = endKey(a, seq.start + a.tq - 1, seq.length);
  if (!seq.good || row < first || row >= (end + GATHER_KEYS - 1) / GATHER_KEYS * GATHER_KEYS) return;
  u32 page = pageOf(a, sequence0, row / a.pageSize), within = row % a.pageSize;
  auto from = [&](const void* pool, const i64 (&s)[3]) {
    return row < end ? static_cast<const u8*>(pool) + page * s[0] + within * s[1] + head * s[2] : nullptr;
  };
  copyRow<U>(p.keys + i * p.keyBytes, from(a.k, p.keyStrides), p.keyBytes);
  copyRow<U>(p.values + i * p.valueBytes, from(a.v, p.valueStrides), p.valueBytes);
}
QUERN_KERNEL(attention_pages_16, PageGatherParams, GATHER_THREADS) { gather<uint4>(p); }
QUERN_KERNEL(attention_pages_4, PageGatherParams, GATHER_THREADS) { gather<u32>(p); }
QUERN_KERNEL(attention_pages_2, PageGatherParams, GATHER_THREADS) { gather<u16>(p); }
QUERN_KERNEL(attention_pages_1, PageGatherParams, GATHER_THREADS) { gather<u8>(p); }
