// MatMulOp with weights in blocks under EXACT: activations stay F32, weights are widened exactly. Up to 8 rows at a time, more by further
// blocks, which read the weights again. The loop nest is block_rows.cuh's.
#include "block_rows.cuh"

// A row's chunk, 20 words for each 16, so that 8 lanes' vectors meet 32 banks.
template <u32 N> struct alignas(16) FloatRow {
  static constexpr u32 PITCH = 20;
  float v[N / RUN * PITCH];

  QUERN_INLINE void put(u32 k, const float (&x)[TOGETHER]) { storeAligned<sizeof(x)>(v + k / RUN * PITCH + k % RUN, x); }
  template <typename F> QUERN_INLINE void add(float& a, float& b, const Run (&w)[OWN], u32 r) const {
#pragma unroll
    for (u32 i = 0; i < RUN; i += 4) {
      float x[4];
      loadAligned<16>(x, v + r * PITCH + i);
#pragma unroll
      for (u32 j = 0; j < 4; j++) {
        a = multiplyAdd(element<F>(w[0], i + j), x[j], a);
        b = multiplyAdd(element<F>(w[1], i + j), x[j], b);
      }
    }
  }
};
template <u32 M> struct Whole {
  static constexpr u32 ROWS = M, CHUNK = M > 1 ? 512 : 2048;
  typedef FloatRow<CHUNK> Converted;
};

#define KERNEL(NAME, F)                                                                                                          \
  QUERN_KERNEL_BLOCKS(block_exact_##NAME##_1, BlockMatMulParams, ROW_THREADS, 2) { productOfRows<F, Whole<1>>(p); }              \
  QUERN_KERNEL_BLOCKS(block_exact_##NAME##_8, BlockMatMulParams, ROW_THREADS, 2) { productOfRows<F, Whole<8>>(p); }
QUERN_BLOCKS(KERNEL)
