// Elements to blocks of 32 by one warp, a lane an element, to the bytes that the processors' kernels write: all arithmetic in F32 in
// their order. Largest elements are found in any order, as the first one wins where two are equal.
#pragma once
#include "quern.cuh"

// A scale as F16, with one NaN.
QUERN_INLINE u16 scaleBits(float d) { return d == d ? floatToHalf(d) : static_cast<u16>(0x7e00); }
QUERN_INLINE void storeHalf(u8* to, u16 bits) {
  to[0] = static_cast<u8>(bits);
  to[1] = static_cast<u8>(bits >> 8);
}
QUERN_INLINE float inverseOf(float d) { return d == 0 ? 0.0f : 1.0f / d; }

// Q8_0: d = max|x| / 127, then round(x / d), ties away from zero.
QUERN_INLINE void quantizeQ8_0(float x, u8* block, u32 lane) {
  float d = warpReduce(fabsf(x), Largest()) / 127.0f;
  double scaled = static_cast<double>(x * inverseOf(d));
  double rounded = copysign(floor(fabs(scaled) + 0.5), scaled);
  if (lane == 0) storeHalf(block, scaleBits(d));
  block[2 + lane] = static_cast<u8>(clampTo(saturate(rounded), -128, 127));
}

// The element of largest magnitude with its sign, the first of several; NaN is none, and 0 if there is no other.
QUERN_INLINE float extreme(float x, u32 lane) {
  float magnitude = x == x ? fabsf(x) : 0.0f;
  float value = magnitude > 0 ? x : 0.0f;
#pragma unroll
  for (int by = WARP / 2; by > 0; by /= 2) {
    float otherMagnitude = __shfl_xor_sync(FULL, magnitude, by), otherValue = __shfl_xor_sync(FULL, value, by);
    u32 otherLane = __shfl_xor_sync(FULL, lane, by);
    if (otherMagnitude > magnitude || (otherMagnitude == magnitude && otherLane < lane)) {
      magnitude = otherMagnitude;
      value = otherValue;
      lane = otherLane;
    }
  }
  return value;
}
struct Least {
  QUERN_INLINE float operator()(float a, float b) const { return a < b ? a : b; }
};
struct Greatest {
  QUERN_INLINE float operator()(float a, float b) const { return a > b ? a : b; }
};

// Q4_0, Q4_1, Q5_0 and Q5_1: the extreme becomes the lowest level, or with a minimum the levels reach from the least to the greatest.
template <u32 BITS, bool MINIMUM> QUERN_INLINE void quantizeLevels(float x, u8* block, u32 lane) {
  constexpr float LARGEST = 3.40282346638528859812e38f;
  constexpr u32 UPPER = MINIMUM ? 4 : 2, LEVELS = UPPER + (BITS == 5 ? 4 : 0);
  constexpr int TOP = (1 << BITS) - 1, MIDDLE = 1 << (BITS - 1);
  float low = 0, d;
  if (MINIMUM) {
    low = warpReduce(x == x && x < LARGEST ? x : LARGEST, Least());
    u32 zeros = __ballot_sync(FULL, x == 0);
    if (low == 0) low = __shfl_sync(FULL, x, 31 - __clz(static_cast<int>(zeros & (0 - zeros))));  // the first one's sign
    d = (warpReduce(x == x && x > -LARGEST ? x : -LARGEST, Greatest()) - low) / static_cast<float>(TOP);
  } else {
    d = extreme(x, lane) / static_cast<float>(-MIDDLE);
  }
  float inverse = inverseOf(d);
  float place = MINIMUM ? (x - low) * inverse + 0.5f : x * inverse + (static_cast<float>(MIDDLE) + 0.5f);
  u32 level = static_cast<u32>(clampTo(saturate(place), 0, TOP));
  u32 fifth = __ballot_sync(FULL, static_cast<int>(level >> 4)), second = __shfl_down_sync(FULL, level, 16);
  if (lane < 16) block[LEVELS + lane] = static_cast<u8>((level & 15) | (second & 15) << 4);
  if (lane == 0) {
    storeHalf(block, scaleBits(d));
    if (MINIMUM) storeHalf(block + 2, scaleBits(low));
    if (BITS == 5) {
      storeHalf(block + UPPER, static_cast<u16>(fifth));
      storeHalf(block + UPPER + 2, static_cast<u16>(fifth >> 16));
    }
  }
}
