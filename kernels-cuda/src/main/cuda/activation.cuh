// Activations and their derivatives, for F32 and F64.
#pragma once
#include "quern.cuh"

QUERN_INLINE float complementaryError(float x) { return erfcf(x); }
QUERN_INLINE double complementaryError(double x) { return erfc(x); }

// 1 / (1 + e^-x). With e^-|x| nothing overflows, and the small side keeps its digits.
template <typename W> QUERN_INLINE W sigmoid(W x) {
  W e = exponential(x < 0 ? x : -x);
  return (x < 0 ? e : W(1)) / (W(1) + e);
}
template <typename W> QUERN_INLINE W silu(W x) { return x * sigmoid(x); }
// x·Φ(x) with Φ(x) = erfc(-x/√2)/2, which keeps its digits for negative x.
template <typename W> QUERN_INLINE W gelu(W x) { return W(0.5) * x * complementaryError(-x * W(0.70710678118654752440)); }
// The tanh formula with 0.5·(1 + tanh u) written as sigmoid(2u).
template <typename W> QUERN_INLINE W geluTanh(W x) {
  return x * sigmoid(W(2 * 0.79788456080286535588) * (x + W(0.044715) * x * x * x));
}

// Activations that have a gradient of their own, in the order of Java's ElementKernels.
enum class Activation : int { SILU, GELU, GELU_TANH };

template <typename W> QUERN_INLINE W value(Activation f, W x) {
  return f == Activation::SILU ? silu(x) : f == Activation::GELU ? gelu(x) : geluTanh(x);
}
template <typename W> QUERN_INLINE W slope(Activation f, W x) {
  if (f == Activation::SILU) {
    W s = sigmoid(x);
    return s * (W(1) + x * (W(1) - s));
  }
  if (f == Activation::GELU) {
    W density = W(0.39894228040143267794) * exponential(W(-0.5) * x * x);
    return W(0.5) * complementaryError(-x * W(0.70710678118654752440)) + x * density;
  }
  constexpr double SCALE = 2 * 0.79788456080286535588;
  W s = sigmoid(W(SCALE) * (x + W(0.044715) * x * x * x));
  return s + x * s * (W(1) - s) * W(SCALE) * (W(1) + W(3 * 0.044715) * x * x);
}
