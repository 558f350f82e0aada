// MatMulOp of up to 8 rows with weights in blocks under FAST: activations are rounded to signed bytes, 32 of them to a scale of their
// largest / 127 (F32), and met by the weights' levels in integers, four products an instruction; scales are applied to the sums of 16.
// Of formats with a minimum the levels are met centred, Σ s·(q − TOP/2)·x̂, and what is in the centre meets Σ x, which is not rounded:
// so rounding costs no more than with formats without one, however large the minimum. The loop nest is block_rows.cuh's.
#include "block_rows.cuh"

// A row's chunk in bytes, with the scale of each 32 and, for formats with a minimum, the sums of each 16 as rounded and as they were.
template <u32 N> struct alignas(16) RoundedRow {
  u32 q[N / 4];
  float scale[N / 32], sums[N / 16], totals[N / 16];

  // Four threads, lanes beside each other, round 32 elements.
  QUERN_INLINE void put(u32 k, const float (&v)[TOGETHER]) {
    float largest = 0;
#pragma unroll
    for (u32 i = 0; i < TOGETHER; i++) largest = larger(largest, fabsf(v[i]));
    largest = larger(largest, __shfl_xor_sync(FULL, largest, 1));
    largest = larger(largest, __shfl_xor_sync(FULL, largest, 2));
    float d = largest / 127.0f, inverse = 1.0f / d;
    if (!(inverse < infinity<float>())) inverse = 0;  // of nothing, of what is too small to count, of NaN, which the scale keeps
    u32 packed[2] = {};
    int sum = 0;
    float total = 0;
#pragma unroll
    for (u32 i = 0; i < TOGETHER; i++) {
      int level = __float2int_rn(v[i] * inverse);
      packed[i / 4] |= (static_cast<u32>(level) & 0xff) << i % 4 * 8;
      sum += level;
      total += v[i];
    }
    sum += __shfl_xor_sync(FULL, sum, 1);
    total += __shfl_xor_sync(FULL, total, 1);
    q[k / 4] = packed[0];
    q[k / 4 + 1] = packed[1];
    if (k % 32 == 0) scale[k / 32] = d;
    if (k % 16 == 0) {
      sums[k / 16] = d * static_cast<float>(sum);
      totals[k / 16] = total;
    }
  }
  template <typename F> QUERN_INLINE void add(float& a, float& b, const Run (&w)[OWN], u32 r) const {
    u32 x[4];
    loadAligned<16>(x, q + r * 4);
    float d = scale[r / 2];
#pragma unroll
    for (u32 o = 0; o < OWN; o++) {
      int dot = 0;
#pragma unroll
      for (int i = 0; i < 4; i++) dot = __dp4a(static_cast<int>(w[o].q[i]), static_cast<int>(x[i]), dot);
      float& sum = o == 0 ? a : b;
      if constexpr (F::MINIMUM) {
        constexpr float CENTRE = F::TOP / 2.0f;
        float centre = multiplyAdd(w[o].scale, CENTRE, w[o].offset);
        sum = multiplyAdd(w[o].scale, multiplyAdd(-CENTRE, sums[r], d * static_cast<float>(dot)), sum);
        sum = multiplyAdd(centre, totals[r], sum) + (centre - centre);  // weights that are not finite make NaN
      } else {
        sum = multiplyAdd(w[o].scale * d, static_cast<float>(dot), sum);
      }
    }
  }
};
template <u32 M> struct Rounded {
  static constexpr u32 ROWS = M, CHUNK = M > 1 ? 1024 : 2048;
  typedef RoundedRow<CHUNK> Converted;
};

#define KERNEL(NAME, F)                                                                                                          \
  QUERN_KERNEL_BLOCKS(block_dot_##NAME##_1, BlockMatMulParams, ROW_THREADS, 2) { productOfRows<F, Rounded<1>>(p); }              \
  QUERN_KERNEL_BLOCKS(block_dot_##NAME##_4, BlockMatMulParams, ROW_THREADS, 2) { productOfRows<F, Rounded<4>>(p); }              \
  QUERN_KERNEL_BLOCKS(block_dot_##NAME##_8, BlockMatMulParams, ROW_THREADS, 2) { productOfRows<F, Rounded<8>>(p); }
QUERN_BLOCKS(KERNEL)
