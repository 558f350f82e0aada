// What compute capability 9.0 does beside its threads, each instruction in one place: barriers in shared memory that count bytes, the copy
// engine (TMA), named barriers, clusters, and registers that warpgroups hand to one another. Products are in wgmma.cuh.
//
// A copy into shared memory reports its bytes to a barrier; who waits for the barrier's phase may read them. Phases are told apart by their
// parity: the first has parity 0, and waiting for parity 1 of a new barrier returns at once. (PTX ISA: mbarrier, cp.async.bulk.tensor,
// setmaxnreg.)
//
// Blocks of a cluster run together, with the same layout of shared memory. A copy that goes to all of them (multicast) reports to the barrier in
// the same place of each. A block's shared memory must be there while others still reach into it: hence clusterSync at the beginning, after
// barriers were made, and at the end.
#pragma once
#include "quern.cuh"

typedef u64 Barrier;

// A CUtensorMap: where a tensor is, and in which boxes it is copied. Only as a member of a kernel's parameters.
struct alignas(128) TensorMap { u8 bytes[128]; };

constexpr int WARPGROUP = 128;
constexpr u32 SWIZZLE_BYTES = 1024;  // of the pattern of 128-byte swizzle: what tiles are aligned to

// Where an element lies that is `at` bytes into a tile of 128-byte rows.
QUERN_INLINE u32 swizzled(u32 at) { return at ^ (at >> 7 & 7) << 4; }

// A place in a ring of stages: the stage, and the parity of its current phase.
template <int STAGES> struct RingPlace {
  u32 stage = 0, parity = 0;
  QUERN_INLINE void advance() {
    if (++stage == STAGES) {
      stage = 0;
      parity ^= 1;
    }
  }
};

#ifdef QUERN_EMULATED
inline u32 sharedAddress(const void* p) { return emulation::sharedAddress(p); }
inline void barrierInit(Barrier* b, u32 arrivals) { emulation::barrierInit(reinterpret_cast<uint64_t*>(b), arrivals); }
inline void barrierInitEnd() {}
inline void barrierArrive(Barrier* b) { emulation::barrierArrive(reinterpret_cast<uint64_t*>(b)); }
inline void barrierArriveExpecting(Barrier* b, u32 bytes) { emulation::barrierArriveExpecting(reinterpret_cast<uint64_t*>(b), bytes); }
inline void barrierWait(Barrier* b, u32 parity) { emulation::barrierWait(reinterpret_cast<uint64_t*>(b), parity); }
inline void syncNamed(int id, int threads) { emulation::syncNamed(id, threads); }
inline void arriveNamed(int id, int threads) { emulation::arriveNamed(id, threads); }
inline void fenceForCopies() { emulation::fenceProxy(); }
inline u32 clusterRank() { return emulation::clusterRank(); }
inline void clusterSync() { emulation::clusterSync(); }
inline void barrierArriveAt(Barrier* b, u32 rank) { emulation::barrierArriveAt(reinterpret_cast<uint64_t*>(b), rank); }
inline void barrierWaitForCluster(Barrier* b, u32 parity) { emulation::barrierWait(reinterpret_cast<uint64_t*>(b), parity); }
inline void prefetchMap(const TensorMap&) {}
inline void copyIn(void* to, const TensorMap& map, int x, int y, int z, Barrier* b) {
  int at[] = {x, y, z};
  emulation::copyIn(to, &map, at, 3, reinterpret_cast<uint64_t*>(b));
}
inline void copyIn(void* to, const TensorMap& map, int x, int y, int z, int w, Barrier* b) {
  int at[] = {x, y, z, w};
  emulation::copyIn(to, &map, at, 4, reinterpret_cast<uint64_t*>(b));
}
inline void copyInto(u16 ranks, void* to, const TensorMap& map, int x, int y, int z, Barrier* b) {
  int at[] = {x, y, z};
  emulation::copyIn(to, &map, at, 3, reinterpret_cast<uint64_t*>(b), ranks);
}
inline void copyOut(const TensorMap& map, const void* from, int x, int y, int z) {
  int at[] = {x, y, z};
  emulation::copyOut(&map, from, at, 3);
  emulation::copyOutCommit();
}
inline void copyOut(const TensorMap& map, const void* from, int x, int y, int z, int w) {
  int at[] = {x, y, z, w};
  emulation::copyOut(&map, from, at, 4);
  emulation::copyOutCommit();
}
template <int PENDING> inline void copyOutWait() { emulation::copyOutWait(PENDING); }
template <int REGISTERS> inline void giveRegisters() {}
template <int REGISTERS> inline void takeRegisters() {}
#else
// A kernel whose blocks form clusters of so many, neighbours in x.
#define QUERN_KERNEL_CLUSTER(NAME, PARAMS, THREADS, BLOCKS) \
  extern "C" __global__ void __cluster_dims__(BLOCKS, 1, 1) __launch_bounds__(THREADS) quern_##NAME(const __grid_constant__ PARAMS p)

QUERN_INLINE u32 sharedAddress(const void* p) { return static_cast<u32>(__cvta_generic_to_shared(p)); }

// By one thread, before others use it: all barriers, then barrierInitEnd, then __syncthreads.
QUERN_INLINE void barrierInit(Barrier* b, u32 arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(sharedAddress(b)), "r"(arrivals) : "memory");
}
QUERN_INLINE void barrierInitEnd() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
QUERN_INLINE void barrierArrive(Barrier* b) {
  asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(sharedAddress(b)) : "memory");
}
// Arrives, and announces bytes that copies will bring.
QUERN_INLINE void barrierArriveExpecting(Barrier* b, u32 bytes) {
  asm volatile("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(sharedAddress(b)), "r"(bytes) : "memory");
}
// Waits until the phase of a parity is over: all have arrived, and all bytes are there.
QUERN_INLINE void barrierWait(Barrier* b, u32 parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 done, [%0], %1;\n"
      "@done bra over;\n"
      "bra again;\n"
      "over:\n"
      "}\n" ::"r"(sharedAddress(b)),
      "r"(parity)
      : "memory");
}
// This block's number in its cluster.
QUERN_INLINE u32 clusterRank() {
  u32 rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
// Waits for all threads of the cluster.
QUERN_INLINE void clusterSync() {
  asm volatile("barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;" ::: "memory");
}
// Arrives at the barrier in the same place of a block of the cluster.
QUERN_INLINE void barrierArriveAt(Barrier* b, u32 rank) {
  asm volatile(
      "{\n"
      ".reg .b32 there;\n"
      "mapa.shared::cluster.u32 there, %0, %1;\n"
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [there];\n"
      "}\n" ::"r"(sharedAddress(b)),
      "r"(rank)
      : "memory");
}
// barrierWait where threads of other blocks arrive.
QUERN_INLINE void barrierWaitForCluster(Barrier* b, u32 parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, [%0], %1;\n"
      "@done bra over;\n"
      "bra again;\n"
      "over:\n"
      "}\n" ::"r"(sharedAddress(b)),
      "r"(parity)
      : "memory");
}
// Waits for so many threads of the block; 0 is __syncthreads' own barrier.
QUERN_INLINE void syncNamed(int id, int threads) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
// Counts as one of them without waiting.
QUERN_INLINE void arriveNamed(int id, int threads) { asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
// What this thread has written to shared memory becomes visible to copies and products; the others learn of it at the next barrier.
QUERN_INLINE void fenceForCopies() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
QUERN_INLINE void prefetchMap(const TensorMap& map) { asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory"); }
// A box of a tensor, whose first element is (x, y, z) or (x, y, z, w), into shared memory; what lies outside the tensor is 0. By one thread.
QUERN_INLINE void copyIn(void* to, const TensorMap& map, int x, int y, int z, Barrier* b) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];" ::"r"(
          sharedAddress(to)),
      "l"(&map), "r"(sharedAddress(b)), "r"(x), "r"(y), "r"(z)
      : "memory");
}
QUERN_INLINE void copyIn(void* to, const TensorMap& map, int x, int y, int z, int w, Barrier* b) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(
          sharedAddress(to)),
      "l"(&map), "r"(sharedAddress(b)), "r"(x), "r"(y), "r"(z), "r"(w)
      : "memory");
}
// The same into the blocks of the cluster whose bits are set, each in the same place, reported to each one's own barrier.
QUERN_INLINE void copyInto(u16 ranks, void* to, const TensorMap& map, int x, int y, int z, Barrier* b) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, {%3, %4, %5}], [%2], %6;" ::"r"(
          sharedAddress(to)),
      "l"(&map), "r"(sharedAddress(b)), "r"(x), "r"(y), "r"(z), "h"(ranks)
      : "memory");
}
// A box from shared memory into a tensor, as a group of its own; what lies outside the tensor is not written. By one thread.
QUERN_INLINE void copyOut(const TensorMap& map, const void* from, int x, int y, int z) {
  asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(&map), "r"(sharedAddress(from)),
               "r"(x), "r"(y), "r"(z)
               : "memory");
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}
QUERN_INLINE void copyOut(const TensorMap& map, const void* from, int x, int y, int z, int w) {
  asm volatile("cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5}], [%1];" ::"l"(&map),
               "r"(sharedAddress(from)), "r"(x), "r"(y), "r"(z), "r"(w)
               : "memory");
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}
// Until at most PENDING of this thread's copies out have still to read shared memory.
template <int PENDING> QUERN_INLINE void copyOutWait() { asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(PENDING) : "memory"); }
// By all warps of a warpgroup: keeps so many registers a thread, or waits until there are so many.
template <int REGISTERS> QUERN_INLINE void giveRegisters() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(REGISTERS)); }
template <int REGISTERS> QUERN_INLINE void takeRegisters() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(REGISTERS)); }
#endif
