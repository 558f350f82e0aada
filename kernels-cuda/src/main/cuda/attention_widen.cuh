// Tiles of keys or values of 8 bits for the tensor cores: copied to shared memory as they are stored, and widened to F16 there, where the
// tile before lay. F16 holds every F8_E4M3. Of Q8_0's elements, scale · level, it keeps 11 bits; those beyond its range become infinite, as
// they would in a cache of F16.
#pragma once
#include "attention_tiles.cuh"
#include "strided.cuh"

// What keys and values of a type are to the tensor cores.
template <typename K> struct Factor {
  typedef K type;
  static constexpr bool WIDENED = false;
};

// A row as it is stored. Where it lies is row's and unit's to say, what it holds widen's. Unit: what is copied at once of a row that isn't
// whole or aligned; zeros behind its end.
template <typename K> struct Packed8;
template <> struct Packed8<e4m3_t> {
  typedef u8 Unit;
  template <int D> static constexpr u32 PITCH = D;  // bytes between rows of up to D elements in shared memory
  static QUERN_INLINE u32 bytes(u32 d) { return (d + 7) / 8 * 8; }
  static QUERN_INLINE const u8* row(const Rows<e4m3_t>& rows, u32 j) { return reinterpret_cast<const u8*>(rows.base + j * rows.time); }
  static QUERN_INLINE bool whole(const Rows<e4m3_t>& rows, u32 d) { return rows.step == 1 && d % 8 == 0; }
  static QUERN_INLINE u8 unit(const Rows<e4m3_t>& rows, u32 j, u32 i, u32 d) {
    return i < d ? rows.base[j * rows.time + i * rows.step].bits : u8{0};
  }
  // Eight elements from column c, a multiple of 8.
  static QUERN_INLINE void widen(u32 (&to)[4], const u8* row, u32 c) {
    u16 pairs[4];
    loadAligned<8>(pairs, row + c);
#pragma unroll
    for (int i = 0; i < 4; i++) to[i] = e4m3PairToHalves(pairs[i]);
  }
};
template <> struct Packed8<q8_0> {
  typedef u16 Unit;
  template <int D> static constexpr u32 PITCH = (D / 32 * 34 + 15) / 16 * 16;
  static QUERN_INLINE u32 bytes(u32 d) { return d / 32 * 34; }
  static QUERN_INLINE const u8* row(const Rows<q8_0>& rows, u32 j) { return rows.base + (rows.first + j * rows.time) / 32 * 34; }
  static QUERN_INLINE bool whole(const Rows<q8_0>&, u32) { return true; }
  static QUERN_INLINE u16 unit(const Rows<q8_0>& rows, u32 j, u32 i, u32) { return reinterpret_cast<const u16*>(row(rows, j))[i]; }
  static QUERN_INLINE void widen(u32 (&to)[4], const u8* row, u32 c) {
    const u16* block = reinterpret_cast<const u16*>(row + c / 32 * 34);
    float scale = halfToFloat(block[0]);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      u16 pair = block[1 + c % 32 / 2 + i];
      float low = static_cast<float>(static_cast<i8>(pair & 0xff)), high = static_cast<float>(static_cast<i8>(pair >> 8));
      to[i] = packed<half_t>(scale * low, scale * high);
    }
  }
};
template <> struct Factor<e4m3_t> {
  typedef half_t type;
  static constexpr bool WIDENED = true;
};
template <> struct Factor<q8_0> {
  typedef half_t type;
  static constexpr bool WIDENED = true;
};

// How many bytes of rows can be copied at once: 16, 8 or 4, or 0 if they have to be read by units.
template <typename K> QUERN_INLINE u32 piecesOf(const Rows<K>& rows, u32 d) {
  const u8* first = Packed8<K>::row(rows, 0);
  size_t aligned = reinterpret_cast<size_t>(first) | static_cast<size_t>(Packed8<K>::row(rows, 1) - first) | Packed8<K>::bytes(d);
  if (!Packed8<K>::whole(rows, d)) return 0;
  return aligned % 16 == 0 ? 16 : aligned % 8 == 0 ? 8 : aligned % 4 == 0 ? 4 : 0;
}

template <int COUNT, int D, int BYTES, typename K> QUERN_INLINE void copyPacked(u8* to, const Rows<K>& rows, u32 row0, u32 end, u32 d) {
  u32 pieces = Packed8<K>::bytes(d) / BYTES;
  for (u32 i = threadIdx.x; i < COUNT * pieces; i += MMA_THREADS) {
    u32 r = i / pieces, at = i % pieces * BYTES;
    bool present = row0 + r < end;
    copyAsync<BYTES>(to + r * Packed8<K>::template PITCH<D> + at, Packed8<K>::row(rows, present ? row0 + r : 0) + at, present);
  }
}
// COUNT rows from row0 on, on their way to shared memory; zeros from row `end` on.
template <int COUNT, int D, typename K> QUERN_INLINE void fetchPacked(u8* to, const Rows<K>& rows, u32 piece, u32 row0, u32 end, u32 d) {
  typedef typename Packed8<K>::Unit Unit;
  if (piece == 16) {
    copyPacked<COUNT, D, 16>(to, rows, row0, end, d);
  } else if (piece == 8) {
    copyPacked<COUNT, D, 8>(to, rows, row0, end, d);
  } else if (piece == 4) {
    copyPacked<COUNT, D, 4>(to, rows, row0, end, d);
  } else {
    u32 units = Packed8<K>::bytes(d) / sizeof(Unit);
    for (u32 i = threadIdx.x; i < COUNT * units; i += MMA_THREADS) {
      u32 r = i / units, u = i % units;
      Unit x = row0 + r < end ? Packed8<K>::unit(rows, row0 + r, u, d) : Unit{0};
      reinterpret_cast<Unit*>(to + r * Packed8<K>::template PITCH<D>)[u] = x;
    }
  }
}
// COUNT rows of D columns as factors, as fetchTile has them.
template <int COUNT, int D, typename K> QUERN_INLINE void widenTile(u16* to, const u8* from, u32 d) {
#pragma unroll 2
  for (u32 i = threadIdx.x; i < COUNT * (D / 8); i += MMA_THREADS) {
    u32 row = i / (D / 8), c = i % (D / 8) * 8, x[4] = {};
    if (c < d) Packed8<K>::widen(x, from + row * Packed8<K>::template PITCH<D>, c);
    storeAligned<16>(to + row * (D + PADDING) + c, x);
  }
}

// Keys or values on their way, in two places of COUNT rows of D factors: a tile in one of them; one that is widened in the second as it is
// stored, and then in the first.
template <typename K, int COUNT, int D> struct Arriving {
  static constexpr u32 PLACE = COUNT * (D + PADDING);
  const AttentionParams& p;
  const void* base;
  const i64 (&strides)[4];
  u32 b, head, d;
  u16* places;
  QUERN_INLINE Arriving(const AttentionParams& p, const void* base, const i64 (&strides)[4], u32 b, u32 head, u32 d, u16* places)
      : p(p), base(base), strides(strides), b(b), head(head), d(d), places(places) {}
  // Rows from row0 on, for place 0 or 1; zeros from row `end` on.
  QUERN_INLINE void fetch(u32 place, u32 row0, u32 end) const {
    Rows<K> rows = tileOf<K>(p, base, strides, b, head, row0);
    if constexpr (Factor<K>::WIDENED) {
      fetchPacked<COUNT, D>(reinterpret_cast<u8*>(places + PLACE), rows, piecesOf(rows, d), row0, end, d);
    } else {
      fetchTile<COUNT, D>(places + place * PLACE, rows, alignedRows(rows, d), row0, end, d);
    }
  }
  // The tile that has arrived for a place, after a barrier. By all threads: if it is widened, there is a barrier more.
  QUERN_INLINE const u16* tile(u32 place) const {
    if constexpr (Factor<K>::WIDENED) {
      widenTile<COUNT, D, K>(places, reinterpret_cast<const u8*>(places + PLACE), d);
      __syncthreads();
      return places;
    } else {
      return places + place * PLACE;
    }
  }
};
