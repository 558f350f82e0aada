// CompareOp: y[i] = a[i] ⋈ b[i] as BOOL, operands broadcast. a, b: any strides; y without gaps.
//
// Loop nest: a thread for 16 bytes of an operand (strided.cuh). Comparisons with NaN are false, but for ≠.
#include "strided.cuh"

// The order is that of Java's CompareKernel.
enum { EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, AND, OR, XOR };

struct CompareParams {
  Walk<3> walk;  // y (BOOL), a, b
  int op;
};

template <typename W> QUERN_INLINE bool holds(int op, W a, W b) {
  switch (op) {
    case EQUAL: return a == b;
    case NOT_EQUAL: return a != b;
    case LESS: return a < b;
    case LESS_EQUAL: return a <= b;
    case GREATER: return a > b;
    case GREATER_EQUAL: return a >= b;
    case AND: return a != 0 && b != 0;
    case OR: return a != 0 || b != 0;
    default: return (a != 0) != (b != 0);
  }
}

template <typename T> QUERN_INLINE void compare(const CompareParams& p) {
  constexpr int V = GROUP<T>;
  Group<3, V> g;
  if (!place(p.walk, g)) return;
  Pack<T, V> a, b;
  Pack<bool_t, V> y;
  load(a, p.walk, g, 1);
  load(b, p.walk, g, 2);
#pragma unroll
  for (int v = 0; v < V; v++) y.v[v].bits = holds(p.op, widen(a.v[v]), widen(b.v[v]));
  store(y, p.walk, g, 0);
}

#define KERNEL(NAME, T) \
  QUERN_KERNEL(compare_##NAME, CompareParams, MAP_THREADS) { compare<T>(p); }
QUERN_NUMBERS(KERNEL)
KERNEL(bool, bool_t)
