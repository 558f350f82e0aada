// What compute capability 9.0 does beside its threads, emulated: barriers in shared memory that count bytes, the copy engine (TMA), and
// the products of warpgroups (wgmma).
//
// All of it is as late as a device may be: a copy into shared memory is made when no thread can go on without it (the newest first in every
// second such launch, since copies keep no order), a copy out of it when somebody waits for it, a product when its warp waits. In every
// second pair of launches copies into shared memory are made at once instead, while products stay late: that shows a stage that is filled
// again while products read it. Copies swizzle and fill, products read through their descriptors with the same swizzle, so a wrong box,
// address or descriptor gives wrong results. Misuse that a device answers with a hang or with nonsense ends the launch with a message: so does
// reaching into a block of the cluster that has ended, or into one whose barriers are not made.
#pragma once

namespace emulation {
// What EmulatedDriver writes in the place of a CUtensorMap.
struct TensorMap {
  uint32_t mark;
  uint8_t type, rank, swizzle, unused;
  uint64_t address, extents[5], strides[4];  // strides in bytes, of axes 1 to 4
  uint32_t box[5];
};
constexpr uint32_t TENSOR_MAP = 0x70616d71;

// An address in the block's shared memory, as instructions take it.
uint32_t sharedAddress(const void* p);

void barrierInit(uint64_t* barrier, uint32_t arrivals);
void barrierArrive(uint64_t* barrier);
// Arrives, and announces bytes that copies will bring.
void barrierArriveExpecting(uint64_t* barrier, uint32_t bytes);
// Waits until the phase of a parity is over.
void barrierWait(const uint64_t* barrier, uint32_t parity);
// bar.sync: waits for so many threads.
void syncNamed(int id, int threads);
// bar.arrive: counts as one of them.
void arriveNamed(int id, int threads);

// A block's number in its cluster.
uint32_t clusterRank();
// Waits for all threads of the cluster.
void clusterSync();
// Arrives at the barrier in the same place of a block of the cluster.
void barrierArriveAt(const uint64_t* barrier, uint32_t rank);

// ranks: bits of the blocks of the cluster that it goes to, each in the same place; 0 for the thread's own.
void copyIn(void* to, const void* map, const int* at, int rank, uint64_t* barrier, uint32_t ranks = 0);
void copyOut(const void* map, const void* from, const int* at, int rank);
void copyOutCommit();
// Until at most `pending` groups have still to read shared memory.
void copyOutWait(int pending);
// What this thread wrote to shared memory becomes visible to copies.
void fenceProxy();

// d (64, n) = a (64, k) · b (n, k)ᵀ (+ d) by the four warps of a warpgroup: elements of `bytes` bytes, whose values `widen` says. a is where
// its descriptor says, or in four registers of each lane, which are read as late as the rest.
struct Product {
  uint64_t a, b;
  const uint32_t* registers;
  int n, k, bytes;
  bool accumulate, aTransposed, bTransposed;
  float (*widen)(const unsigned char*);
};
void multiply(float* d, const Product& p);
void multiplyFence();
void multiplyCommit();
void multiplyWait(int pending);

// For the scheduler.
void asyncBegin(bool eager, bool newestFirst);
// Completes a copy that somebody may wait for, the oldest or the newest; false if there is none.
bool asyncStep();
// Completes what a block's end waits for; null, or what was left undone.
const char* asyncEnd();
void asyncLeave(int thread);
}  // namespace emulation
