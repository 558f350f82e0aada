// CreateOp: Full y[i] = value; Arange y[i] = start + i · step; RandomUniform, RandomNormal from Philox words of a seed (key, counter):
// element i has word i mod 4 of counter + i / 4. y: without gaps.
//
// Loop nest: a thread for 4 neighbours, which share a counter; normal numbers are computed in F64 (Box and Muller), for F32 would not
// tell a logarithm near 0 from 0.
#include "strided.cuh"

struct CreateParams {
  void* y;
  u64 n;
  double start, step;
  i64 startInteger, stepInteger;
  int exact;  // whether integers say it exactly
};

constexpr int QUAD = 4;

QUERN_INLINE u64 quad() { return (static_cast<u64>(blockIdx.x) * MAP_THREADS + threadIdx.x) * QUAD; }

template <typename T> QUERN_INLINE void sequence(const CreateParams& p) {
  T* y = static_cast<T*>(p.y);
  u64 first = quad();
  for (u64 i = first; i < first + QUAD && i < p.n; i++) {
    if (p.exact) {
      y[i] = narrow<T>(static_cast<i64>(static_cast<u64>(p.startInteger) + i * static_cast<u64>(p.stepInteger)));
    } else {
      double by = static_cast<double>(i) * p.step;
      y[i] = narrow<T>(p.start + by);
    }
  }
}
#define SEQUENCE(NAME, T) \
  QUERN_KERNEL(create_##NAME, CreateParams, MAP_THREADS) { sequence<T>(p); }
QUERN_NUMBERS(SEQUENCE)
SEQUENCE(f8_e4m3, e4m3_t)
SEQUENCE(bool, bool_t)

struct RandomParams {
  void* y;
  const void* seed;  // (2) I64: key, counter
  i64 seedStep;
  u64 n;
  int normal;
};

template <typename T> QUERN_INLINE void chance(const RandomParams& p) {
  T* y = static_cast<T*>(p.y);
  const u64* seed = static_cast<const u64*>(p.seed);
  u64 first = quad();
  if (first >= p.n) return;
  Words w = philox(seed[0], seed[p.seedStep] + first / QUAD);
  T out[QUAD];
  if (p.normal) {
#pragma unroll
    for (int i = 0; i < QUAD; i += 2) {
      double r = sqrt(-2 * log((static_cast<double>(w.w[i]) + 1) * (1.0 / 4294967296.0))), s, c;
      sincospi(2 * static_cast<double>(w.w[i + 1]) * (1.0 / 4294967296.0), &s, &c);
      out[i] = narrow<T>(r * c);
      out[i + 1] = narrow<T>(r * s);
    }
  } else {
#pragma unroll
    for (int i = 0; i < QUAD; i++) out[i] = uniform(w.w[i]);
  }
#pragma unroll
  for (int i = 0; i < QUAD; i++) {
    if (first + i < p.n) y[first + i] = out[i];
  }
}
QUERN_KERNEL(random_f32, RandomParams, MAP_THREADS) { chance<float>(p); }
QUERN_KERNEL(random_f64, RandomParams, MAP_THREADS) { chance<double>(p); }
