// BinaryOp: y[i] = f(a[i], b[i]), operands broadcast. a, b: any strides; y without gaps.
//
// Loop nest: a thread for 16 bytes of y (strided.cuh). 16-bit floats are computed in F32, integers in 64 bits, and rounded once.
#include "strided.cuh"
#include "activation.cuh"

// The order is that of Java's BinaryKernel.
enum { ADD, SUB, MUL, DIV, POW, MAXIMUM, MINIMUM, SWIGLU, GEGLU, GEGLU_TANH };

struct BinaryParams {
  Walk<3> walk;  // y, a, b
  int op;
};

template <typename T, typename F> QUERN_INLINE void map(const BinaryParams& p, F f) {
  constexpr int V = GROUP<T>;
  Group<3, V> g;
  if (!place(p.walk, g)) return;
  Pack<T, V> a, b, y;
  load(a, p.walk, g, 1);
  load(b, p.walk, g, 2);
#pragma unroll
  for (int v = 0; v < V; v++) y.v[v] = narrow<T>(f(widen(a.v[v]), widen(b.v[v])));
  store(y, p.walk, g, 0);
}

QUERN_INLINE float power(float a, float b) { return powf(a, b); }
QUERN_INLINE double power(double a, double b) { return pow(a, b); }
QUERN_INLINE i64 power(i64 a, i64 b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
  u64 result = 1, square = static_cast<u64>(a);
  for (; b > 0; b >>= 1) {
    if (b & 1) result *= square;
    square *= square;
  }
  return static_cast<i64>(result);
}

template <typename T> QUERN_INLINE void floating(const BinaryParams& p) {
  typedef wide<T> W;
  switch (p.op) {
    case ADD: return map<T>(p, [](W a, W b) { return a + b; });
    case SUB: return map<T>(p, [](W a, W b) { return a - b; });
    case MUL: return map<T>(p, [](W a, W b) { return a * b; });
    case DIV: return map<T>(p, [](W a, W b) { return a / b; });
    case POW: return map<T>(p, [](W a, W b) { return power(a, b); });
    case MAXIMUM: return map<T>(p, [](W a, W b) { return larger(a, b); });
    case MINIMUM: return map<T>(p, [](W a, W b) { return smaller(a, b); });
    case SWIGLU: return map<T>(p, [](W gate, W up) { return silu(gate) * up; });
    case GEGLU: return map<T>(p, [](W gate, W up) { return gelu(gate) * up; });
    case GEGLU_TANH: return map<T>(p, [](W gate, W up) { return geluTanh(gate) * up; });
  }
}
// Unsigned, where sums and products may wrap around.
QUERN_INLINE u64 bitsOf(i64 x) { return static_cast<u64>(x); }
template <typename T> QUERN_INLINE void integral(const BinaryParams& p) {
  switch (p.op) {
    case ADD: return map<T>(p, [](i64 a, i64 b) { return static_cast<i64>(bitsOf(a) + bitsOf(b)); });
    case SUB: return map<T>(p, [](i64 a, i64 b) { return static_cast<i64>(bitsOf(a) - bitsOf(b)); });
    case MUL: return map<T>(p, [](i64 a, i64 b) { return static_cast<i64>(bitsOf(a) * bitsOf(b)); });
    case DIV:
      return map<T>(p, [](i64 a, i64 b) {
        return b == 0 ? 0 : b == -1 ? static_cast<i64>(0 - bitsOf(a)) : a / b;
      });
    case POW: return map<T>(p, [](i64 a, i64 b) { return power(a, b); });
    case MAXIMUM: return map<T>(p, [](i64 a, i64 b) { return larger(a, b); });
    case MINIMUM: return map<T>(p, [](i64 a, i64 b) { return smaller(a, b); });
  }
}

#define FLOATING(NAME, T) \
  QUERN_KERNEL(binary_##NAME, BinaryParams, MAP_THREADS) { floating<T>(p); }
#define INTEGRAL(NAME, T) \
  QUERN_KERNEL(binary_##NAME, BinaryParams, MAP_THREADS) { integral<T>(p); }
QUERN_FLOATS(FLOATING)
QUERN_INTEGERS(INTEGRAL)
