// DataOp.Cast between scalar types: y[i] = x[i], rounded once. x: any strides; y: any strides.
//
// Loop nest: a thread for 8 neighbours (strided.cuh): 16 bytes of a 16-bit type, which most casts have on one side. The source type
// is the kernel's, the target type a uniform branch. Floats become integers towards zero with saturation, NaN becomes 0; integers
// wrap around; BOOL is x ≠ 0.
#include "strided.cuh"

// The order is that of ScalarType.
enum { F64, F32, F16, BF16, F8_E4M3, I64, I32, I16, I8, U8, BOOL };

struct CastParams {
  Walk<2> walk;  // y, x
  int to;
};

constexpr int CAST_GROUP = 8;

template <typename T, typename Y> QUERN_INLINE void cast(const CastParams& p) {
  Group<2, CAST_GROUP> g;
  if (!place(p.walk, g)) return;
  Pack<T, CAST_GROUP> x;
  Pack<Y, CAST_GROUP> y;
  load(x, p.walk, g, 1);
#pragma unroll
  for (int v = 0; v < CAST_GROUP; v++) y.v[v] = narrow<Y>(widen(x.v[v]));
  store(y, p.walk, g, 0);
}
template <typename T> QUERN_INLINE void from(const CastParams& p) {
  switch (p.to) {
    case F64: return cast<T, double>(p);
    case F32: return cast<T, float>(p);
    case F16: return cast<T, half_t>(p);
    case BF16: return cast<T, bf16_t>(p);
    case F8_E4M3: return cast<T, e4m3_t>(p);
    case I64: return cast<T, i64>(p);
    case I32: return cast<T, int>(p);
    case I16: return cast<T, short>(p);
    case I8: return cast<T, i8>(p);
    case U8: return cast<T, u8>(p);
    case BOOL: return cast<T, bool_t>(p);
  }
}

#define KERNEL(NAME, T) \
  QUERN_KERNEL(cast_##NAME, CastParams, MAP_THREADS) { from<T>(p); }
QUERN_NUMBERS(KERNEL)
KERNEL(f8_e4m3, e4m3_t)
KERNEL(bool, bool_t)
