// What all of Quern's kernels share: element types and their conversions, the form of a kernel, fast division, reductions over warps
// and blocks, and how a kernel says that a value is wrong.
//
// Plain CUDA C++17 without libraries, so that nvcc, NVRTC and (in tests, with emulation.hpp in CUDA's place) a C++ compiler take the
// same sources. Every kernel takes one struct by value, laid out by its Java binding field by field.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char i8;
typedef long long i64;

#ifndef QUERN_EMULATED
#define QUERN_KERNEL(NAME, PARAMS, THREADS) \
  extern "C" __global__ void __launch_bounds__(THREADS) quern_##NAME(const __grid_constant__ PARAMS p)
// The same, with as many blocks on a multiprocessor as its registers shall allow.
#define QUERN_KERNEL_BLOCKS(NAME, PARAMS, THREADS, BLOCKS) \
  extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) quern_##NAME(const __grid_constant__ PARAMS p)
#define QUERN_DYNAMIC_SHARED(NAME) extern __shared__ __align__(128) unsigned char NAME[]
#endif
#define QUERN_INLINE __device__ __forceinline__

constexpr u32 FULL = 0xffffffffu;  // all lanes of a warp
constexpr int WARP = 32;

// ---- element types -------------------------------------------------------------------------------------------------------------
struct half_t { u16 bits; };  // IEEE 754 binary16
struct bf16_t { u16 bits; };  // the upper half of a binary32
struct e4m3_t { u8 bits; };   // 8 bits: 4 of exponent, 3 of fraction, no infinities; stored, and widened to be computed with
struct bool_t { u8 bits; };   // 0 or 1

// What lies at an address that is aligned to T, whatever it was written as; elsewhere a device faults.
#ifdef QUERN_EMULATED
template <typename T> inline T plainly(const void* p) { return emulation::load<T>(p); }
template <typename T> inline void putPlainly(void* p, T x) { emulation::store(p, x); }
#else
template <typename T> QUERN_INLINE T plainly(const void* p) { return *static_cast<const T*>(p); }
template <typename T> QUERN_INLINE void putPlainly(void* p, T x) { *static_cast<T*>(p) = x; }
#endif

QUERN_INLINE float floatOf(u32 bits) { return __uint_as_float(bits); }
QUERN_INLINE u32 bitsOf(float x) { return __float_as_uint(x); }

#ifdef QUERN_EMULATED
QUERN_INLINE float halfToFloat(u16 h) {
  u32 sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
  if (exponent == 31) return floatOf(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) return floatOf(sign | bitsOf(static_cast<float>(fraction) * 0x1p-24f));
  return floatOf(sign | (exponent + 112) << 23 | fraction << 13);
}
QUERN_INLINE u16 floatToHalf(float x) {
  u32 b = bitsOf(x), sign = b >> 16 & 0x8000u, magnitude = b & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<u16>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<u16>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {  // denormal: adding 1/2 leaves the rounded multiple of 2^-24 in the last bits
    return static_cast<u16>(sign | (bitsOf(floatOf(magnitude) + 0.5f) - 0x3f000000u));
  }
  return static_cast<u16>(sign | ((magnitude + 0xfffu + (magnitude >> 13 & 1) - 0x38000000u) >> 13));
}
QUERN_INLINE u16 floatToBf16(float x) {
  u32 b = bitsOf(x);
  if (x != x) return static_cast<u16>(b >> 16 | 0x40);
  return static_cast<u16>((b + 0x7fffu + (b >> 16 & 1)) >> 16);
}
#else
QUERN_INLINE float halfToFloat(u16 h) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
  return f;
}
QUERN_INLINE u16 floatToHalf(float x) {
  u16 h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
  return x == x ? h : static_cast<u16>(bitsOf(x) >> 16 & 0x8000u | 0x7e00u);  // the NaN that processors make
}
QUERN_INLINE u16 floatToBf16(float x) {
  u16 h;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h) : "f"(x));
  return x == x ? h : static_cast<u16>(bitsOf(x) >> 16 | 0x40);
}
#endif

// One at a time in plain arithmetic, since the instructions for 8-bit floats begin with compute capability 8.9.
QUERN_INLINE float e4m3ToFloat(u8 e) {
  u32 sign = (e & 0x80u) << 24, magnitude = e & 0x7fu;
  if (magnitude == 0x7f) return floatOf(sign | 0x7fc00000u);
  return floatOf(sign | bitsOf(floatOf(magnitude << 20) * floatOf(0x7b800000u)));  // times 2^120: the biases' difference
}
QUERN_INLINE u8 floatToE4m3(float x) {
  u32 b = bitsOf(x), sign = b >> 24 & 0x80u, magnitude = b & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<u8>(sign | 0x7f);
  if (magnitude >= 0x43e00000u) return static_cast<u8>(sign | 0x7e);  // 448, for infinities too
  if (magnitude < 0x3c800000u) {  // denormal: adding 2^14 leaves the rounded multiple of 2^-9 in the last bits
    return static_cast<u8>(sign | (bitsOf(floatOf(magnitude) + 16384.0f) - 0x46800000u));
  }
  return static_cast<u8>(sign | ((magnitude + 0x7ffffu + (magnitude >> 20 & 1) - 0x3c000000u) >> 20));
}

// Two E4M3, as they lie side by side, to two F16, which hold them exactly, and to F32.
#if !defined(QUERN_EMULATED) && __CUDA_ARCH__ >= 890
QUERN_INLINE u32 e4m3PairToHalves(u16 pair) {
  u32 both;
  asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(both) : "h"(pair));
  return both;
}
QUERN_INLINE void e4m3PairToFloats(float* to, u16 pair) {
  u32 both = e4m3PairToHalves(pair);
  to[0] = halfToFloat(static_cast<u16>(both));
  to[1] = halfToFloat(static_cast<u16>(both >> 16));
}
#else
QUERN_INLINE void e4m3PairToFloats(float* to, u16 pair) {
  to[0] = e4m3ToFloat(static_cast<u8>(pair));
  to[1] = e4m3ToFloat(static_cast<u8>(pair >> 8));
}
QUERN_INLINE u32 e4m3PairToHalves(u16 pair) {
  float x[2];
  e4m3PairToFloats(x, pair);
  return floatToHalf(x[0]) | static_cast<u32>(floatToHalf(x[1])) << 16;
}
#endif

// Rounds towards zero and sets the last bit if anything was cut off: a second rounding, to fewer bits, is then right (Boldo and
// Melquiond 2008).
QUERN_INLINE float toOdd(double x) {
  float f = static_cast<float>(x);
  if (x != x || static_cast<double>(f) == x) return f;
  u32 b = bitsOf(f);
  if (fabs(static_cast<double>(f)) > fabs(x)) b--;
  return floatOf(b | 1);
}
QUERN_INLINE float toOdd(i64 x) {
  u64 magnitude = x < 0 ? 0 - static_cast<u64>(x) : static_cast<u64>(x);
  int cut = 0;
  u64 kept = magnitude, lost = 0;
  while (kept >> 24) {
    lost |= kept & 1;
    kept >>= 1;
    cut++;
  }
  float f = static_cast<float>(static_cast<u32>(kept | (lost != 0))) * floatOf(static_cast<u32>(127 + cut) << 23);
  return x < 0 ? -f : f;
}

// What an element is computed in: F32 for narrower floats, 64 bits for integers.
template <typename T> struct Wide { typedef i64 type; };
template <> struct Wide<float> { typedef float type; };
template <> struct Wide<half_t> { typedef float type; };
template <> struct Wide<bf16_t> { typedef float type; };
template <> struct Wide<e4m3_t> { typedef float type; };
template <> struct Wide<double> { typedef double type; };
template <typename T> using wide = typename Wide<T>::type;

template <typename T> QUERN_INLINE wide<T> widen(T x) { return static_cast<wide<T>>(x); }
template <> QUERN_INLINE float widen(half_t x) { return halfToFloat(x.bits); }
template <> QUERN_INLINE float widen(bf16_t x) { return floatOf(static_cast<u32>(x.bits) << 16); }
template <> QUERN_INLINE float widen(e4m3_t x) { return e4m3ToFloat(x.bits); }
template <> QUERN_INLINE i64 widen(bool_t x) { return x.bits != 0; }

QUERN_INLINE i64 clampTo(i64 x, i64 low, i64 high) { return x < low ? low : x > high ? high : x; }
// Towards zero; what lies outside becomes the nearest there is, NaN becomes 0.
QUERN_INLINE i64 saturate(double x) {
  if (x != x) return 0;
  if (x >= 9223372036854775808.0) return 0x7fffffffffffffffll;
  if (x <= -9223372036854775808.0) return -0x7fffffffffffffffll - 1;
  return static_cast<i64>(x);
}

// Rounds once to an element's type: floats to nearest even; floats to integers towards zero with saturation; integers wrap around.
template <typename T> struct Narrow;
template <> struct Narrow<double> {
  static QUERN_INLINE double of(double x) { return x; }
  static QUERN_INLINE double of(float x) { return x; }
  static QUERN_INLINE double of(i64 x) { return static_cast<double>(x); }
};
template <> struct Narrow<float> {
  static QUERN_INLINE float of(double x) { return static_cast<float>(x); }
  static QUERN_INLINE float of(float x) { return x; }
  static QUERN_INLINE float of(i64 x) { return static_cast<float>(x); }
};
template <> struct Narrow<half_t> {
  static QUERN_INLINE half_t of(double x) { return {floatToHalf(toOdd(x))}; }
  static QUERN_INLINE half_t of(float x) { return {floatToHalf(x)}; }
  static QUERN_INLINE half_t of(i64 x) { return {floatToHalf(toOdd(x))}; }
};
template <> struct Narrow<bf16_t> {
  static QUERN_INLINE bf16_t of(double x) { return {floatToBf16(toOdd(x))}; }
  static QUERN_INLINE bf16_t of(float x) { return {floatToBf16(x)}; }
  static QUERN_INLINE bf16_t of(i64 x) { return {floatToBf16(toOdd(x))}; }
};
template <> struct Narrow<e4m3_t> {
  static QUERN_INLINE e4m3_t of(double x) { return {floatToE4m3(toOdd(x))}; }
  static QUERN_INLINE e4m3_t of(float x) { return {floatToE4m3(x)}; }
  static QUERN_INLINE e4m3_t of(i64 x) { return {floatToE4m3(toOdd(x))}; }
};
template <> struct Narrow<bool_t> {
  static QUERN_INLINE bool_t of(double x) { return {static_cast<u8>(x != 0)}; }
  static QUERN_INLINE bool_t of(float x) { return {static_cast<u8>(x != 0)}; }
  static QUERN_INLINE bool_t of(i64 x) { return {static_cast<u8>(x != 0)}; }
};
template <typename T, i64 LOW, i64 HIGH> struct NarrowInteger {
  static QUERN_INLINE T of(double x) { return static_cast<T>(clampTo(saturate(x), LOW, HIGH)); }
  static QUERN_INLINE T of(float x) { return of(static_cast<double>(x)); }
  static QUERN_INLINE T of(i64 x) { return static_cast<T>(x); }
};
constexpr i64 LOWEST_I64 = -0x7fffffffffffffffll - 1;
template <> struct Narrow<i64> : NarrowInteger<i64, LOWEST_I64, 0x7fffffffffffffffll> {};
template <> struct Narrow<int> : NarrowInteger<int, -2147483648ll, 2147483647ll> {};
template <> struct Narrow<short> : NarrowInteger<short, -32768, 32767> {};
template <> struct Narrow<i8> : NarrowInteger<i8, -128, 127> {};
template <> struct Narrow<u8> : NarrowInteger<u8, 0, 255> {};
template <typename T, typename W> QUERN_INLINE T narrow(W x) { return Narrow<T>::of(x); }

// Lists of types: X(name in a kernel's name, C++ type).
#define QUERN_FLOATS(X) X(f64, double) X(f32, float) X(f16, half_t) X(bf16, bf16_t)
#define QUERN_INTEGERS(X) X(i64, i64) X(i32, int) X(i16, short) X(i8, i8) X(u8, u8)
#define QUERN_NUMBERS(X) QUERN_FLOATS(X) QUERN_INTEGERS(X)

// ---- arithmetic ----------------------------------------------------------------------------------------------------------------
// n / d for n < 2^31 by a multiplication (Granlund and Montgomery 1994); Java's Divisor finds magic and shift.
struct Divisor {
  u32 value, magic, shift;
  QUERN_INLINE u32 divide(u32 n) const { return (__umulhi(n, magic) + n) >> shift; }
};

template <typename T> QUERN_INLINE T larger(T a, T b) { return a > b || a != a ? a : b; }    // NaN if there is one
template <typename T> QUERN_INLINE T smaller(T a, T b) { return a < b || a != a ? a : b; }
QUERN_INLINE float exponential(float x) { return expf(x); }
QUERN_INLINE double exponential(double x) { return exp(x); }
QUERN_INLINE float logarithm(float x) { return logf(x); }
QUERN_INLINE double logarithm(double x) { return log(x); }
QUERN_INLINE float root(float x) { return sqrtf(x); }
QUERN_INLINE double root(double x) { return sqrt(x); }
QUERN_INLINE float reciprocalRoot(float x) { return rsqrtf(x); }
QUERN_INLINE double reciprocalRoot(double x) { return rsqrt(x); }
QUERN_INLINE float hyperbolicTangent(float x) { return tanhf(x); }
QUERN_INLINE double hyperbolicTangent(double x) { return tanh(x); }
QUERN_INLINE float multiplyAdd(float a, float b, float c) { return fmaf(a, b, c); }
QUERN_INLINE double multiplyAdd(double a, double b, double c) { return fma(a, b, c); }
template <typename T> QUERN_INLINE T infinity() { return static_cast<T>(floatOf(0x7f800000u)); }

// ---- reductions ----------------------------------------------------------------------------------------------------------------
// Each combines in one order that depends on nothing but the number of threads, so the bits are the same on every run.
struct Plus {
  template <typename T> QUERN_INLINE T operator()(T a, T b) const { return a + b; }
};
struct Largest {
  template <typename T> QUERN_INLINE T operator()(T a, T b) const { return larger(a, b); }
};

// All lanes get the result.
template <typename T, typename F> QUERN_INLINE T warpReduce(T x, F f) {
#pragma unroll
  for (int by = WARP / 2; by > 0; by /= 2) x = f(x, __shfl_xor_sync(FULL, x, by));
  return x;
}
// All threads get the result. `space` is shared memory for one value per warp; it may be used again at once.
template <typename T, typename F> QUERN_INLINE T blockReduce(T x, F f, T* space) {
  int warps = static_cast<int>(blockDim.x) / WARP, warp = static_cast<int>(threadIdx.x) / WARP;
  x = warpReduce(x, f);
  if (warps == 1) return x;
  if (threadIdx.x % WARP == 0) space[warp] = x;
  __syncthreads();
  T all = space[0];
  for (int w = 1; w < warps; w++) all = f(all, space[w]);
  __syncthreads();
  return all;
}

// ---- wrong values --------------------------------------------------------------------------------------------------------------
// One per engine, in pinned host memory: the first wrong value that a kernel met. Java's launch.Status makes an exception of it, and
// says how the numbers of records keep host and device apart.
struct Status {
  int wanted, claimed, done, code, site, unused;
  i64 index, value, bound, extra;
};
enum { BAD_INDEX = 1, BAD_SIGNED_INDEX = 2, BAD_LENGTH = 3, NO_ROOM = 4, BAD_PAGE = 5 };
// Where a kernel complains, and the number of what it complains about.
struct Complaints {
  Status* status;
  int site;
};
QUERN_INLINE void report(const Complaints& to, int code, i64 index, i64 value, i64 bound, i64 extra = 0) {
  Status* s = to.status;
  int number = *static_cast<volatile int*>(&s->wanted);
  if (atomicCAS_system(&s->claimed, number - 1, number) != number - 1) return;
  s->code = code;
  s->site = to.site;
  s->index = index;
  s->value = value;
  s->bound = bound;
  s->extra = extra;
  __threadfence_system();
  *static_cast<volatile int*>(&s->done) = number;
}

// An index that came as a value: I64 or I32.
QUERN_INLINE i64 indexAt(const void* indices, i64 at, int wideIndices) {
  return wideIndices ? static_cast<const i64*>(indices)[at] : static_cast<const int*>(indices)[at];
}

// ---- chance --------------------------------------------------------------------------------------------------------------------
// Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011): four words of a key and a counter.
struct Words { u32 w[4]; };
QUERN_INLINE Words philox(u64 key, u64 counter) {
  u32 k0 = static_cast<u32>(key), k1 = static_cast<u32>(key >> 32);
  u32 c0 = static_cast<u32>(counter), c1 = static_cast<u32>(counter >> 32), c2 = 0, c3 = 0;
#pragma unroll
  for (int round = 0; round < 10; round++) {
    u32 h0 = __umulhi(0xD2511F53u, c0), l0 = 0xD2511F53u * c0;
    u32 h1 = __umulhi(0xCD9E8D57u, c2), l1 = 0xCD9E8D57u * c2;
    c0 = h1 ^ c1 ^ k0;
    c2 = h0 ^ c3 ^ k1;
    c1 = l1;
    c3 = l0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}
QUERN_INLINE float uniform(u32 word) { return static_cast<float>(word >> 8) * floatOf(0x33800000u); }  // times 2^-24
