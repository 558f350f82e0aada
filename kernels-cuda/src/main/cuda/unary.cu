// UnaryOp: y[i] = f(x[i]). x, y: any shape, x any strides, y without gaps.
//
// Loop nest: a thread for 16 bytes of x (strided.cuh); which f is decided once per thread, uniformly, before the elements. 16-bit
// floats are computed in F32, integers in 64 bits, and rounded once.
#include "strided.cuh"

// The order is that of Java's UnaryKernel.
enum { NEG, ABS, EXP, LOG, SQRT, RSQRT, RECIPROCAL, TANH, ERF, SIGMOID, SIN, COS, RELU, GELU, GELU_TANH, SILU, CLIP, NOT };

struct UnaryParams {
  Walk<2> walk;  // y, x
  double low, high;
  int op;
};

#include "activation.cuh"

template <typename T, typename F> QUERN_INLINE void map(const UnaryParams& p, F f) {
  constexpr int V = GROUP<T>;
  Group<2, V> g;
  if (!place(p.walk, g)) return;
  Pack<T, V> x, y;
  load(x, p.walk, g, 1);
#pragma unroll
  for (int v = 0; v < V; v++) y.v[v] = narrow<T>(f(widen(x.v[v])));
  store(y, p.walk, g, 0);
}

QUERN_INLINE float magnitude(float x) { return fabsf(x); }
QUERN_INLINE double magnitude(double x) { return fabs(x); }
QUERN_INLINE float sine(float x) { return sinf(x); }
QUERN_INLINE double sine(double x) { return sin(x); }
QUERN_INLINE float cosine(float x) { return cosf(x); }
QUERN_INLINE double cosine(double x) { return cos(x); }
QUERN_INLINE float errorFunction(float x) { return erff(x); }
QUERN_INLINE double errorFunction(double x) { return erf(x); }

template <typename T> QUERN_INLINE void floating(const UnaryParams& p) {
  typedef wide<T> W;
  switch (p.op) {
    case NEG: return map<T>(p, [](W x) { return -x; });
    case ABS: return map<T>(p, [](W x) { return magnitude(x); });
    case EXP: return map<T>(p, [](W x) { return exponential(x); });
    case LOG: return map<T>(p, [](W x) { return logarithm(x); });
    case SQRT: return map<T>(p, [](W x) { return root(x); });
    case RSQRT: return map<T>(p, [](W x) { return reciprocalRoot(x); });
    case RECIPROCAL: return map<T>(p, [](W x) { return W(1) / x; });
    case TANH: return map<T>(p, [](W x) { return hyperbolicTangent(x); });
    case ERF: return map<T>(p, [](W x) { return errorFunction(x); });
    case SIGMOID: return map<T>(p, [](W x) { return sigmoid(x); });
    case SIN: return map<T>(p, [](W x) { return sine(x); });
    case COS: return map<T>(p, [](W x) { return cosine(x); });
    case RELU: return map<T>(p, [](W x) { return x < 0 ? W(0) : x; });
    case GELU: return map<T>(p, [](W x) { return gelu(x); });
    case GELU_TANH: return map<T>(p, [](W x) { return geluTanh(x); });
    case SILU: return map<T>(p, [](W x) { return silu(x); });
    case CLIP: {
      // rounding is monotonic, so limits rounded first give what rounding last would
      W low = widen(narrow<T>(p.low)), high = widen(narrow<T>(p.high));
      return map<T>(p, [low, high](W x) { return smaller(larger(x, low), high); });
    }
  }
}
template <typename T> QUERN_INLINE void integral(const UnaryParams& p) {
  switch (p.op) {
    case NEG: return map<T>(p, [](i64 x) { return static_cast<i64>(0 - static_cast<u64>(x)); });
    case ABS: return map<T>(p, [](i64 x) { return x < 0 ? static_cast<i64>(0 - static_cast<u64>(x)) : x; });
    case CLIP: {
      i64 low = saturate(p.low), high = saturate(p.high);
      return map<T>(p, [low, high](i64 x) { return smaller(larger(x, low), high); });
    }
  }
}

#define FLOATING(NAME, T) \
  QUERN_KERNEL(unary_##NAME, UnaryParams, MAP_THREADS) { floating<T>(p); }
#define INTEGRAL(NAME, T) \
  QUERN_KERNEL(unary_##NAME, UnaryParams, MAP_THREADS) { integral<T>(p); }
QUERN_FLOATS(FLOATING)
QUERN_INTEGERS(INTEGRAL)
QUERN_KERNEL(unary_bool, UnaryParams, MAP_THREADS) {
  map<bool_t>(p, [](i64 x) { return 1 - x; });
}
