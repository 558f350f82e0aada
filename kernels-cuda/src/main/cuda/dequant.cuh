// The block formats of GGUF, one struct each: how a run of 16 elements is read from a block.
//
// Every format is x = scale · q (+ offset) with a signed byte q: levels that the format centres are centred, indices of a codebook are
// looked up. So a run is 16 bytes, a scale and, where the format has a minimum, an offset, whatever the format: products of integers,
// products of floats, casts and look-ups are written once. scale and offset are exact; scale · q is too, except with a codebook, so an
// element is rounded once, as by the processors' kernels. Formats with a minimum have levels from 0 to TOP.
#pragma once
#include "quern.cuh"

constexpr u32 RUN = 16;  // elements

struct Run {
  u32 q[4];  // signed bytes, in order
  float scale, offset;
  // Element i, unless it has an offset.
  QUERN_INLINE float level(u32 i) const { return static_cast<float>(static_cast<i8>(q[i / 4] >> i % 4 * 8)); }
};

// ---- pieces of blocks, which lie at even addresses -------------------------------------------------------------------------------
QUERN_INLINE u32 address(const void* p) { return static_cast<u32>(reinterpret_cast<size_t>(p)); }
QUERN_INLINE float halfAt(const u8* p) { return halfToFloat(plainly<u16>(p)); }
// 4 bytes.
QUERN_INLINE u32 word(const u8* p) { return plainly<u16>(p) | static_cast<u32>(plainly<u16>(p + 2)) << 16; }
// 16 bytes, by aligned words; of the first and the last one, half may be what lies beside them.
QUERN_INLINE void words(u32 (&w)[4], const u8* p) {
  u32 skew = address(p) & 2;
  const u8* from = p - skew;
  u32 all[5];
#pragma unroll
  for (int i = 0; i < 4; i++) all[i] = plainly<u32>(from + 4 * i);
  all[4] = skew ? plainly<u32>(from + 16) : 0;
#pragma unroll
  for (int i = 0; i < 4; i++) w[i] = static_cast<u32>((static_cast<u64>(all[i + 1]) << 32 | all[i]) >> 8 * skew);
}

// ---- arithmetic on four bytes ----------------------------------------------------------------------------------------------------
constexpr u32 ONES = 0x01010101u;
// Each minus c; they are below 128.
QUERN_INLINE u32 minus(u32 bytes, u32 c) { return ((bytes | 0x80 * ONES) - c * ONES) ^ 0x80 * ONES; }
// Bit i of four as bit 0 of byte i.
QUERN_INLINE u32 spread(u32 bits) { return (bits & 15) * 0x00204081u & ONES; }
// The values that four nibbles, one in each byte, stand for in the formats with a codebook.
QUERN_INLINE u32 lookedUp(u32 nibbles) {
  constexpr u32 T0 = 0xbfad9881u, T1 = 0xf6eaddcfu, T2 = 0x26190d01u, T3 = 0x71594535u;
  u32 chosen = __byte_perm(nibbles | nibbles >> 4, 0, 0x20);
  u32 low = __byte_perm(T0, T1, chosen & 0x7777), high = __byte_perm(T2, T3, chosen & 0x7777);
  return __byte_perm(low, high, 0x3210 | (chosen & 0x8888) >> 1);
}

// ---- blocks of 32 ----------------------------------------------------------------------------------------------------------------
struct Q8_0 {
  static constexpr u32 LENGTH = 32, BYTES = 34;
  static constexpr bool MINIMUM = false;
  static QUERN_INLINE void unpack(Run& x, const u8* b, u32 r) {
    words(x.q, b + 2 + RUN * r);
    x.scale = halfAt(b);
  }
};

// The 16 nibbles of a run of a block of 32, whose bytes hold both runs.
QUERN_INLINE void nibbles(u32 (&q)[4], const u8* p, u32 r) {
  words(q, p);
#pragma unroll
  for (int i = 0; i < 4; i++) q[i] = q[i] >> 4 * r & 15 * ONES;
}

template <u32 BITS, bool WITH_MINIMUM> struct Block32 {
  static constexpr bool MINIMUM = WITH_MINIMUM;
  static constexpr u32 TOP = (1 << BITS) - 1;
  static constexpr u32 LENGTH = 32, UPPER = MINIMUM ? 4 : 2, LEVELS = UPPER + (BITS == 5 ? 4 : 0), BYTES = LEVELS + 16;
  static QUERN_INLINE void unpack(Run& x, const u8* b, u32 r) {
    nibbles(x.q, b + LEVELS, r);
    u32 upper = BITS == 5 ? word(b + UPPER) >> 16 * r : 0;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (BITS == 5) x.q[i] |= spread(upper >> 4 * i) << 4;
      if (!MINIMUM) x.q[i] = minus(x.q[i], 1u << (BITS - 1));
    }
    x.scale = halfAt(b);
    if (MINIMUM) x.offset = halfAt(b + 2);
  }
};
typedef Block32<4, false> Q4_0;
typedef Block32<4, true> Q4_1;
typedef Block32<5, false> Q5_0;
typedef Block32<5, true> Q5_1;

struct IQ4_NL {
  static constexpr u32 LENGTH = 32, BYTES = 18;
  static constexpr bool MINIMUM = false;
  static QUERN_INLINE void unpack(Run& x, const u8* b, u32 r) {
    nibbles(x.q, b + 2, r);
#pragma unroll
    for (int i = 0; i < 4; i++) x.q[i] = lookedUp(x.q[i]);
    x.scale = halfAt(b);
  }
};

// ---- blocks of 256 ---------------------------------------------------------------------------------------------------------------
struct Q2_K {
  static constexpr u32 LENGTH = 256, BYTES = 84, TOP = 3;
  static constexpr bool MINIMUM = true;
  static QUERN_INLINE void unpack(Run& x, const u8* b, u32 r) {
    words(x.q, b + 16 + r / 8 * 32 + r % 2 * 16);
#pragma unroll
    for (int i = 0; i < 4; i++) x.q[i] = x.q[i] >> r % 8 / 2 * 2 & 3 * ONES;
    x.scale = halfAt(b + 80) * static_cast<float>(b[r] & 15);
    x.offset = -(halfAt(b + 82) * static_cast<float>(b[r] >> 4));
  }
};
struct Q3_K {
  static constexpr u32 LENGTH = 256, BYTES = 110;
  static constexpr bool MINIMUM = false;
  static QUERN_INLINE void unpack(Run& x, const u8* b, u32 r) {
    u32 upper[4];
    words(upper, b + r % 2 * 16);
    words(x.q, b + 32 + r / 8 * 32 + r % 2 * 16);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      x.q[i] = minus((x.q[i] >> r % 8 / 2 * 2 & 3 * ONES) | (upper[i] >> r / 2 & ONES) << 2, 4);
    }
    int scale = (b[96 + r % 8] >> r / 8 * 4 & 15) | (b[104 + r % 4] >> r / 4 * 2 & 3) << 4;
    x.scale = halfAt(b + 108) * static_cast<float>(scale - 32);
  }
};
// Scale and minimum of sub-block s, 6 bits each, of the 12 bytes that Q4_K and Q5_K have for 8 of them.
QUERN_INLINE void scaleAndMinimum(const u8* p, u32 s, u32& scale, u32& minimum) {
  if (s < 4) {
    scale = p[s] & 63;
    minimum = p[s + 4] & 63;
  } else {
    scale = (p[s + 4] & 15) | (p[s - 4] & 0xc0) >> 2;
    minimum = p[s + 4] >> 4 | (p[s] & 0xc0) >> 2;
  }
}
template <u32 BITS> struct OffsetK {
  static constexpr u32 LENGTH = 256, UPPER = 16, LEVELS = BITS == 5 ? 48 : 16, BYTES = LEVELS + 128;
  static constexpr u32 TOP = (1 << BITS) - 1;
  static constexpr bool MINIMUM = true;
  static QUERN_INLINE void unpack(Run& x, const u8* b, u32 r) {
    u32 s = r / 2, scale, minimum, upper[4] = {};
    words(x.q, b + LEVELS + s / 2 * 32 + r % 2 * 16);
    if (BITS == 5) words(upper, b + UPPER + r % 2 * 16);
#pragma unroll
    for (int i = 0; i < 4; i++) x.q[i] = (x.q[i] >> s % 2 * 4 & 15 * ONES) | (upper[i] >> s & ONES) << 4;
    scaleAndMinimum(b + 4, s, scale, minimum);
    x.scale = halfAt(b) * static_cast<float>(scale);
    x.offset = -(halfAt(b + 2) * static_cast<float>(minimum));
  }
};
typedef OffsetK<4> Q4_K;
typedef OffsetK<5> Q5_K;
struct Q6_K {
  static constexpr u32 LENGTH = 256, BYTES = 210;
  static constexpr bool MINIMUM = false;
  static QUERN_INLINE void unpack(Run& x, const u8* b, u32 r) {
    u32 upper[4];
    words(x.q, b + r / 8 * 64 + r % 4 * 16);
    words(upper, b + 128 + r / 8 * 32 + r % 2 * 16);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      x.q[i] = minus((x.q[i] >> r % 8 / 4 * 4 & 15 * ONES) | (upper[i] >> r % 8 / 2 * 2 & 3 * ONES) << 4, 32);
    }
    x.scale = halfAt(b + 208) * static_cast<float>(static_cast<i8>(b[192 + r]));
  }
};
struct IQ4_XS {
  static constexpr u32 LENGTH = 256, BYTES = 136;
  static constexpr bool MINIMUM = false;
  static QUERN_INLINE void unpack(Run& x, const u8* b, u32 r) {
    u32 s = r / 2;
    nibbles(x.q, b + 8 + s * 16, r % 2);
#pragma unroll
    for (int i = 0; i < 4; i++) x.q[i] = lookedUp(x.q[i]);
    int scale = (b[4 + s / 2] >> s % 2 * 4 & 15) | (plainly<u16>(b + 2) >> 2 * s & 3) << 4;
    x.scale = halfAt(b) * static_cast<float>(scale - 32);
  }
};

// Element i of a run.
template <typename F> QUERN_INLINE float element(const Run& x, u32 i) {
  float y = x.scale * x.level(i);
  return F::MINIMUM ? y + x.offset : y;
}
// Run r of those that a row has from a block on.
template <typename F> QUERN_INLINE void unpack(Run& x, const u8* blocks, u32 r) {
  constexpr u32 EACH = F::LENGTH / RUN;
  F::unpack(x, blocks + r / EACH * F::BYTES, r % EACH);
}

// X(name in a kernel's name, format)
#define QUERN_BLOCKS(X)                                                                                            \
  X(q8_0, Q8_0) X(q4_0, Q4_0) X(q4_1, Q4_1) X(q5_0, Q5_0) X(q5_1, Q5_1) X(iq4_nl, IQ4_NL) X(q2_k, Q2_K) X(q3_k, Q3_K) \
  X(q4_k, Q4_K) X(q5_k, Q5_K) X(q6_k, Q6_K) X(iq4_xs, IQ4_XS)
