// ActivationGradOp: dx = g · f'(x); for gates dGate = g · up · f'(gate) and dUp = g · f(gate). Operands broadcast; any strides; results
// without gaps.
//
// Loop nest: a thread for 16 bytes (strided.cuh), computed in F32 (F64 for F64) and rounded once.
#include "activation.cuh"
#include "strided.cuh"

struct SlopeParams {
  Walk<3> walk;  // dx, g, x
  Activation function;
};
template <typename T> QUERN_INLINE void slopes(const SlopeParams& p) {
  constexpr int V = GROUP<T>;
  Group<3, V> at;
  if (!place(p.walk, at)) return;
  Pack<T, V> g, x;
  load(g, p.walk, at, 1);
  load(x, p.walk, at, 2);
#pragma unroll
  for (int v = 0; v < V; v++) x.v[v] = narrow<T>(widen(g.v[v]) * slope(p.function, widen(x.v[v])));
  store(x, p.walk, at, 0);
}

struct GateParams {
  Walk<5> walk;  // dGate, dUp, g, gate, up
  Activation function;
};
template <typename T> QUERN_INLINE void gates(const GateParams& p) {
  constexpr int V = GROUP<T>;
  Group<5, V> at;
  if (!place(p.walk, at)) return;
  Pack<T, V> g, gate, up;
  load(g, p.walk, at, 2);
  load(gate, p.walk, at, 3);
  load(up, p.walk, at, 4);
#pragma unroll
  for (int v = 0; v < V; v++) {
    wide<T> gv = widen(g.v[v]), x = widen(gate.v[v]);
    gate.v[v] = narrow<T>(gv * widen(up.v[v]) * slope(p.function, x));
    up.v[v] = narrow<T>(gv * value(p.function, x));
  }
  store(gate, p.walk, at, 0);
  store(up, p.walk, at, 1);
}

#define KERNEL(NAME, T)                                                            \
  QUERN_KERNEL(activation_grad_##NAME, SlopeParams, MAP_THREADS) { slopes<T>(p); } \
  QUERN_KERNEL(gate_grad_##NAME, GateParams, MAP_THREADS) { gates<T>(p); }
QUERN_FLOATS(KERNEL)
