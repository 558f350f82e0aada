// The one loop of all elementwise kernels: y[i] = f(a[i], b[i], ...) over operands of any strides, broadcast ones included.
//
// Java (kernel.Walk) drops axes of extent 1 and merges axes that all operands cross evenly, so a call without gaps has one axis
// left. Each thread takes V neighbours of the innermost axis, V·size = 16 bytes: one load where an operand's neighbours are
// neighbours in memory and aligned, a single element where the operand repeats, V loads otherwise. Where a group begins is found by
// multiplications (Divisor). A launch has fewer than 2^31 groups; Java cuts larger calls along outer axes.
// 256 threads: enough warps to hide latency at any register count that these kernels have (to be measured).
#pragma once
#include "quern.cuh"

constexpr int AXES = 8;
constexpr int MAP_THREADS = 256;

enum Access : u32 { STRIDED = 0, VECTOR = 1, SPLAT = 2 };

// How to find the elements of N operands; laid out as Java's Walk writes it.
template <int N> struct Walk {
  u32 groups;             // of all rows
  u32 inner;              // extent of the innermost axis
  u32 rank;               // axes beside it
  Divisor perRow;         // groups in a row
  Divisor extents[AXES];  // of the other axes, from the inside
  u32 access[N];
  i64 step[N];            // between neighbours, in elements
  i64 strides[N][AXES];
  void* base[N];          // each operand's first element
};

// A thread's place: V neighbours, of which `count` are there.
template <int N, int V> struct Group {
  i64 at[N];
  u32 count;
  u64 linear;  // index of the first of them among all elements of this launch
};

template <int V, int N> QUERN_INLINE bool place(const Walk<N>& w, Group<N, V>& g) {
  u32 i = blockIdx.x * MAP_THREADS + threadIdx.x;
  if (i >= w.groups) return false;
  u32 row = w.perRow.divide(i);
  u32 first = (i - row * w.perRow.value) * V;
  g.count = w.inner - first < V ? w.inner - first : V;
  g.linear = static_cast<u64>(row) * w.inner + first;
#pragma unroll
  for (int n = 0; n < N; n++) g.at[n] = first * w.step[n];
  for (u32 a = 0; a < w.rank; a++) {
    u32 rest = w.extents[a].divide(row);
    u32 index = row - rest * w.extents[a].value;
    row = rest;
#pragma unroll
    for (int n = 0; n < N; n++) g.at[n] += index * w.strides[n][a];
  }
  return true;
}

// BYTES between registers and memory that is aligned to them (or to 16), in the widest pieces.
template <typename P, int BYTES> QUERN_INLINE void loadPieces(void* into, const void* from) {
#pragma unroll
  for (int i = 0; i < BYTES / static_cast<int>(sizeof(P)); i++) {
    P piece = plainly<P>(static_cast<const P*>(from) + i);
    memcpy(static_cast<u8*>(into) + i * sizeof(P), &piece, sizeof(P));
  }
}
template <typename P, int BYTES> QUERN_INLINE void storePieces(void* to, const void* from) {
#pragma unroll
  for (int i = 0; i < BYTES / static_cast<int>(sizeof(P)); i++) {
    P piece;
    memcpy(&piece, static_cast<const u8*>(from) + i * sizeof(P), sizeof(P));
    putPlainly(static_cast<P*>(to) + i, piece);
  }
}
template <int BYTES> struct PieceOf { typedef uint4 type; };
template <> struct PieceOf<8> { typedef uint2 type; };
template <> struct PieceOf<4> { typedef u32 type; };
template <> struct PieceOf<2> { typedef u16 type; };
template <> struct PieceOf<1> { typedef u8 type; };
template <int BYTES> QUERN_INLINE void loadAligned(void* into, const void* from) {
  loadPieces<typename PieceOf<BYTES>::type, BYTES>(into, from);
}
template <int BYTES> QUERN_INLINE void storeAligned(void* to, const void* from) {
  storePieces<typename PieceOf<BYTES>::type, BYTES>(to, from);
}
template <typename T, int V> struct alignas(sizeof(T) * V >= 16 ? 16 : sizeof(T) * V) Pack {
  T v[V];
};

template <typename T, int V, int N> QUERN_INLINE void load(Pack<T, V>& into, const Walk<N>& w, const Group<N, V>& g, int n) {
  const T* x = static_cast<const T*>(w.base[n]) + g.at[n];
  if (w.access[n] == VECTOR && g.count == V) {
    loadAligned<sizeof(T) * V>(&into, x);
  } else if (w.access[n] == SPLAT) {
    T one = *x;
#pragma unroll
    for (int v = 0; v < V; v++) into.v[v] = one;
  } else {
#pragma unroll
    for (int v = 0; v < V; v++) into.v[v] = x[(v < static_cast<int>(g.count) ? v : 0) * w.step[n]];
  }
}
template <typename T, int V, int N> QUERN_INLINE void store(const Pack<T, V>& from, const Walk<N>& w, const Group<N, V>& g, int n) {
  T* y = static_cast<T*>(w.base[n]) + g.at[n];
  if (w.access[n] == VECTOR && g.count == V) {
    storeAligned<sizeof(T) * V>(y, &from);
  } else {
#pragma unroll
    for (int v = 0; v < V; v++) {
      if (v < static_cast<int>(g.count)) y[v * w.step[n]] = from.v[v];
    }
  }
}
// Elements per thread for a type: 16 bytes.
template <typename T> constexpr int GROUP = 16 / static_cast<int>(sizeof(T));
