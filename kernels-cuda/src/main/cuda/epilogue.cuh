// What a matrix product does with its results before they reach memory: h is a product, with its bias, rounded to the result's type as an
// operation of its own would have it; what is made of h is rounded again. So a fused operation has the bits of its parts.
#pragma once
#include "activation.cuh"
#include "strided.cuh"

// The order is that of Java's Epilogue. SLOPE kinds write f'(h) as the result and f(h) as `second`; others, if there is a `second`, the result
// rounded to BF16 there, in the place of c: what the next product would round.
enum : u32 { PLAIN, ADD_OTHER, TIMES_OTHER, SILU_GATE, GELU_GATE, GELU_TANH_GATE, SILU_SLOPE, GELU_SLOPE, GELU_TANH_SLOPE };

struct Epilogue {
  const void* other;  // shaped like the result, without gaps: what is added or multiplied, or the gate; null if there is none
  void* second;       // the second result, or null
  u32 kind, unused;

  // Whether results go to c.
  QUERN_INLINE bool keeps() const { return second == nullptr || kind >= SILU_SLOPE; }
};

// Makes the result of V neighbours h of a row, the first of which is element `at` of the result; V > 1 only where that is aligned.
template <typename T, int V> QUERN_INLINE void finish(Pack<T, V>& h, i64 at, const Epilogue& e) {
  Pack<T, V> other;
  if (e.kind >= SILU_SLOPE) {
    Activation f = static_cast<Activation>(e.kind - SILU_SLOPE);
#pragma unroll
    for (int v = 0; v < V; v++) {
      wide<T> x = widen(h.v[v]);
      other.v[v] = narrow<T>(value(f, x));
      h.v[v] = narrow<T>(slope(f, x));
    }
    storeAligned<sizeof(T) * V>(static_cast<T*>(e.second) + at, &other);
    return;
  }
  loadAligned<sizeof(T) * V>(&other, static_cast<const T*>(e.other) + at);
#pragma unroll
  for (int v = 0; v < V; v++) {
    wide<T> x = widen(h.v[v]), o = widen(other.v[v]), y = x;
    if (e.kind == ADD_OTHER) y = x + o;
    if (e.kind == TIMES_OTHER) y = x * o;
    if (e.kind >= SILU_GATE) y = value(static_cast<Activation>(e.kind - SILU_GATE), o) * x;
    h.v[v] = narrow<T>(y);
  }
  if (!e.keeps()) {
    Pack<bf16_t, V> rounded;
#pragma unroll
    for (int v = 0; v < V; v++) rounded.v[v] = narrow<bf16_t>(widen(h.v[v]));
    storeAligned<sizeof(bf16_t) * V>(static_cast<bf16_t*>(e.second) + at, &rounded);
  }
}
