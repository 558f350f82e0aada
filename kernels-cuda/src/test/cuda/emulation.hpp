// Runs Quern's CUDA sources on the processor, so that machines without a GPU can test what they compute.
//
// Each .cu is compiled as C++17 with this header in CUDA's place. The threads of a block are fibers: each runs until it meets a
// barrier, a shuffle or a vote, and lets the others catch up; a thread that meets none never needs a stack of its own, so elementwise
// kernels run at nearly native speed. Blocks run one after another, those of a cluster together. Blocks and threads run forwards in one launch and
// backwards in the next, and a warp runs as far as it can before another does, which shows in other bits where a barrier is missing. Dynamic
// shared memory is poisoned before each block, declared arrays keep what the last block left, and are one for a cluster's blocks; a barrier
// that not everybody reaches is an error instead of a hang.
//
// What compute capability 9.0 does beside its threads is in async.hpp.
//
// What it does not show: timing, memory models, and what nvcc makes of the code.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#define QUERN_EMULATED 1
#define __device__
#define __host__
#define __global__
#define __forceinline__ inline __attribute__((always_inline))
#define __shared__ static
#define __constant__ static const
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

struct uint3 { unsigned x, y, z; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };

namespace emulation {
constexpr int MAX_THREADS = 1024;
constexpr int MOST_BLOCKS = 2;  // of a cluster
constexpr int WARP = 32;
constexpr int WORDS = 8;  // that a lane shows its warp at once

// One kernel of the library, linked into a list by a static object.
struct Entry {
  const char* name;
  size_t paramsSize;
  int maxThreads, blocks;  // of a block; of a cluster
  void (*body)(const void* params);
  Entry* next;
  Entry(const char* name, size_t paramsSize, int maxThreads, int blocks, void (*body)(const void*));
};

// What the running thread sees; the scheduler sets it at every switch.
extern uint3 threadIndex, blockIndex, blockExtent, gridExtent;
extern unsigned char* dynamicShared;

void syncBlock();
// Waits for the lanes of the mask.
void syncWarp(unsigned mask);
// Shows the lanes of the mask up to WORDS words and waits for theirs; what comes back lies still until this thread's next but one call.
const uint64_t (*exchange(unsigned mask, const uint64_t* mine, int words))[WORDS];

// The same, but what comes back is what `together` made of it, once for the warp.
typedef uint64_t Slots[WARP][WORDS];
const uint64_t (*combine(const uint64_t* mine, int words, void (*together)(const Slots& in, Slots& out)))[WORDS];

// Copies that the running thread makes when it waits for the group they are in; zeros if nothing is present. In every second pair of
// launches they are made at once: that shows what is overwritten while others still read it.
void copyLater(void* to, const void* from, int bytes, bool present);
void commitCopies();
void waitForCopies(int left);
// Lets the others run until something is so.
void waitUntil(bool (*ready)(const void* at, uint32_t value), const void* at, uint32_t value);
// Ends the launch with a message, at the running thread's next wait.
void complain(const char* what);
// Address 0 of the block's shared memory, and of another one's in its cluster.
unsigned char* sharedBase();
unsigned char* sharedOf(uint32_t block);
// The running thread's number among those of its cluster, how many blocks that has, and whether one of them has threads left.
int currentThread();
uint32_t clusterBlocks();
bool runs(uint32_t block);

template <typename T> uint64_t bits(T v) {
  uint64_t b = 0;
  std::memcpy(&b, &v, sizeof(T));
  return b;
}
template <typename T> T value(uint64_t b) {
  T v;
  std::memcpy(&v, &b, sizeof(T));
  return v;
}
template <typename T> T shuffle(unsigned mask, T v, int from) {
  uint64_t mine = bits(v);
  const auto all = exchange(mask, &mine, 1);
  return value<T>(all[from & (WARP - 1)][0]);
}
inline int lane() { return static_cast<int>(threadIndex.x) & (WARP - 1); }

// Complains unless an address is aligned to so many bytes.
inline void requireAligned(const void* p, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(p) % bytes != 0) complain("reads or writes what is not aligned to the access");
}
template <typename T> T load(const void* p) {
  requireAligned(p, sizeof(T));
  T x;
  std::memcpy(&x, p, sizeof(T));
  return x;
}
template <typename T> void store(void* p, T x) {
  requireAligned(p, sizeof(T));
  std::memcpy(p, &x, sizeof(T));
}
}  // namespace emulation

#define threadIdx emulation::threadIndex
#define blockIdx emulation::blockIndex
#define blockDim emulation::blockExtent
#define gridDim emulation::gridExtent

inline void __syncthreads() { emulation::syncBlock(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { emulation::syncWarp(mask); }
template <typename T> T __shfl_sync(unsigned mask, T v, int from) { return emulation::shuffle(mask, v, from); }
template <typename T> T __shfl_xor_sync(unsigned mask, T v, int by) {
  return emulation::shuffle(mask, v, emulation::lane() ^ by);
}
template <typename T> T __shfl_down_sync(unsigned mask, T v, int by) {
  int from = emulation::lane() + by;
  return emulation::shuffle(mask, v, from < emulation::WARP ? from : emulation::lane());
}
template <typename T> T __shfl_up_sync(unsigned mask, T v, int by) {
  int from = emulation::lane() - by;
  return emulation::shuffle(mask, v, from >= 0 ? from : emulation::lane());
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  uint64_t mine = predicate != 0;
  const auto all = emulation::exchange(mask, &mine, 1);
  unsigned votes = 0;
  for (int i = 0; i < emulation::WARP; i++) {
    if ((mask >> i & 1) && all[i][0]) votes |= 1u << i;
  }
  return votes;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == mask; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>((uint64_t{a} * b) >> 32); }
inline int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; i++) c += static_cast<int8_t>(a >> 8 * i) * static_cast<int8_t>(b >> 8 * i);
  return c;
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned choice) {
  uint64_t both = static_cast<uint64_t>(b) << 32 | a;
  unsigned r = 0;
  for (int i = 0; i < 4; i++) r |= static_cast<unsigned>(both >> 8 * (choice >> 4 * i & 7) & 0xff) << 8 * i;
  return r;
}
inline int __float2int_rn(float x) { return x != x ? 0 : static_cast<int>(std::nearbyint(x)); }
inline int atomicCAS(int* at, int expected, int desired) {
  int old = *at;
  if (old == expected) *at = desired;
  return old;
}
inline int atomicCAS_system(int* at, int expected, int desired) { return atomicCAS(at, expected, desired); }
template <typename T> T atomicAdd(T* at, T by) {
  T old = *at;
  *at = old + by;
  return old;
}
inline void __threadfence() {}
inline void __threadfence_system() {}
template <typename T> T __ldg(const T* p) { return *p; }
inline float __uint_as_float(unsigned x) { return emulation::value<float>(x); }
inline unsigned __float_as_uint(float x) { return static_cast<unsigned>(emulation::bits(x)); }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline void sincospi(double x, double* s, double* c) {
  *s = std::sin(M_PI * x);
  *c = std::cos(M_PI * x);
}
using std::isfinite;
using std::isinf;
using std::isnan;

// One kernel: its name, the struct that it takes by value, and how many threads a block has at most.
#define QUERN_KERNEL_CLUSTER(NAME, PARAMS, THREADS, BLOCKS)                                                  \
  static void quern_##NAME(const PARAMS& p);                                                               \
  static emulation::Entry entry_##NAME("quern_" #NAME, sizeof(PARAMS), THREADS, BLOCKS, [](const void* p) { \
    quern_##NAME(*static_cast<const PARAMS*>(p));                                                          \
  });                                                                                                      \
  static void quern_##NAME(const PARAMS& p)
#define QUERN_KERNEL(NAME, PARAMS, THREADS) QUERN_KERNEL_CLUSTER(NAME, PARAMS, THREADS, 1)
#define QUERN_KERNEL_BLOCKS(NAME, PARAMS, THREADS, BLOCKS) QUERN_KERNEL(NAME, PARAMS, THREADS)
// Shared memory whose size the launch says.
#define QUERN_DYNAMIC_SHARED(NAME) unsigned char* NAME = emulation::dynamicShared
#include "async.hpp"
