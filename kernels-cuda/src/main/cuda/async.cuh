// Copies from global to shared memory that go on while the thread computes (cp.async, Ampere and later). A thread's copies since its last
// commit are a group; groups are done in order, and what other threads copied is there after a barrier.
#pragma once
#include "quern.cuh"

#ifdef QUERN_EMULATED
// As late as a device may: when the thread waits for the group.
template <int BYTES> inline void copyAsync(void* shared, const void* global, bool present) {
  emulation::copyLater(shared, global, BYTES, present);
}
inline void commitCopies() { emulation::commitCopies(); }
template <int LEFT> inline void waitForCopies() { emulation::waitForCopies(LEFT); }
#else
// 4, 8 or 16 bytes, aligned on both sides; zeros, and nothing read, if they are not present.
template <int BYTES> QUERN_INLINE void copyAsync(void* shared, const void* global, bool present) {
  u32 to = static_cast<u32>(__cvta_generic_to_shared(shared)), bytes = present ? BYTES : 0;
  if constexpr (BYTES == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(global), "n"(BYTES), "r"(bytes) : "memory");
  }
}
QUERN_INLINE void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Until all but the last LEFT groups are done.
template <int LEFT> QUERN_INLINE void waitForCopies() { asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory"); }
#endif
