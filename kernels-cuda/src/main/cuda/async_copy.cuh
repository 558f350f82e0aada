// Copies from global to shared memory that threads don't wait for (PTX cp.async, Ampere and later). The emulation copies at once.
#pragma once
#include "quern.cuh"

#ifdef QUERN_EMULATED
inline void copyAsync16(void* shared, const void* global) { std::memcpy(shared, global, 16); }
inline void commitCopies() {}
template <int LEFT> inline void awaitCopies() {}
#else
// 16 bytes at aligned addresses, past the first-level cache.
QUERN_INLINE void copyAsync16(void* shared, const void* global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
               :
               : "r"(static_cast<u32>(__cvta_generic_to_shared(shared))), "l"(global)
               : "memory");
}
// What this thread has asked for since the last time becomes a group.
QUERN_INLINE void commitCopies() { asm volatile("cp.async.commit_group;" : : : "memory"); }
// Waits until at most LEFT of this thread's groups are under way.
template <int LEFT> QUERN_INLINE void awaitCopies() { asm volatile("cp.async.wait_group %0;" : : "n"(LEFT) : "memory"); }
#endif
