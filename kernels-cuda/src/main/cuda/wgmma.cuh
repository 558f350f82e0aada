// The product of a warpgroup on compute capability 9.0: d (64, N) = a (64, K) · b (N, K)ᵀ (+ d), BF16 or F16 with K = 16 or, K-major alone,
// E4M3 with K = 32 in, F32 out, b in shared memory, a there or (16 bits) in registers (wgmma.mma_async). With g = lane / 4 and t = lane % 4,
// thread (warp, lane) holds in d[4j + 2r + e] row 16 · warp + g + 8r, column 8j + 2t + e. Of a in registers it holds rows as mma.cuh says, so
// sums of one product, rounded, are factors of the next.
//
// A factor lies there as the copy engine leaves it with 128-byte swizzle, at a multiple of 1024: K-major as rows of 128 bytes of k; or
// MN-major, one piece of 64 rows after the other, each as 64 lines, one for an element of k, of 64 rows. (PTX ISA, matrix descriptors: bits
// 0-13 address, 16-29 leading byte offset, 32-45 stride byte offset, all without their last four bits; 62-63 swizzle, 1 for 128 bytes. The
// stride is between groups of 8 rows, or of 8 elements of k if MN-major; the leading offset is between pieces of 64 rows, and unused if
// K-major.)
#pragma once
#include "hopper.cuh"

template <typename H> constexpr int TILE_K = 128 / sizeof(H);    // elements of k in a line of 128 bytes
template <typename H> constexpr int PRODUCT_K = 32 / sizeof(H);  // of one instruction
constexpr u32 PIECE_BYTES = 64 * 128;  // 64 rows by a line of k, or 64 elements of k by 64 rows of 16 bits

// The descriptor of a factor at the tile's first k; row: a multiple of 64; LINES: of a piece, if MN-major elements of k.
template <bool MN, int LINES = 64> QUERN_INLINE u64 describe(const void* tile, u32 row) {
  constexpr u32 BYTES = LINES * 128;
  u32 at = sharedAddress(tile) + row / 64 * BYTES;
  return (at & 0x3ffffu) >> 4 | static_cast<u64>((MN ? BYTES : 16) >> 4) << 16 | static_cast<u64>(SWIZZLE_BYTES >> 4) << 32 | 1ull << 62;
}
// What is added to a descriptor for each PRODUCT_K of k.
template <bool MN> QUERN_INLINE constexpr u64 descriptorStep() { return (MN ? 16 * 128 : 32) >> 4; }

#ifdef QUERN_EMULATED
template <typename H> inline float valueAt(const unsigned char* at) {
  H h;
  memcpy(&h, at, sizeof h);
  return widen(h);
}
template <typename H, int N, bool A_MN, bool B_MN> inline void multiply(float (&d)[N / 2], u64 a, u64 b, bool accumulate) {
  emulation::multiply(d, {a, b, nullptr, N, PRODUCT_K<H>, sizeof(H), accumulate, A_MN, B_MN, valueAt<H>});
}
template <typename H, int N, bool B_MN> inline void multiplyFromRegisters(float (&d)[N / 2], const u32 (&a)[4], u64 b) {
  emulation::multiply(d, {0, b, a, N, PRODUCT_K<H>, sizeof(H), true, false, B_MN, valueAt<H>});
}
template <int N> inline void settle(float (&)[N]) {}
inline void multiplyFence() { emulation::multiplyFence(); }
inline void multiplyCommit() { emulation::multiplyCommit(); }
template <int PENDING> inline void multiplyWait() { emulation::multiplyWait(PENDING); }
#else
// Before the first product, and after registers of d were in other use.
QUERN_INLINE void multiplyFence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
QUERN_INLINE void multiplyCommit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Until at most PENDING of the groups that were committed are under way.
template <int PENDING> QUERN_INLINE void multiplyWait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory"); }
// After a wait: the compiler takes the sums for changed by it, so that what uses them stays behind.
template <int N> QUERN_INLINE void settle(float (&d)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) asm volatile("" : "+f"(d[i])::"memory");
}

template <typename H, int N, bool A_MN, bool B_MN> struct Product;
template <typename H, int N, bool A_MN, bool B_MN> QUERN_INLINE void multiply(float (&d)[N / 2], u64 a, u64 b, bool accumulate) {
  Product<H, N, A_MN, B_MN>::run(d, a, b, accumulate);
}
// d += a · bᵀ. The registers of a stay as they are until the product was waited for.
template <typename H, int N, bool B_MN> struct RegisterProduct;
template <typename H, int N, bool B_MN> QUERN_INLINE void multiplyFromRegisters(float (&d)[N / 2], const u32 (&a)[4], u64 b) {
  RegisterProduct<H, N, B_MN>::run(d, a, b);
}

#define QUERN_D4(I) "+f"(d[I]), "+f"(d[I + 1]), "+f"(d[I + 2]), "+f"(d[I + 3])
#define QUERN_D16(I) QUERN_D4(I), QUERN_D4(I + 4), QUERN_D4(I + 8), QUERN_D4(I + 12)
#define QUERN_D32(I) QUERN_D16(I), QUERN_D16(I + 16)
#define QUERN_D64(I) QUERN_D32(I), QUERN_D32(I + 32)
#define QUERN_D128(I) QUERN_D64(I), QUERN_D64(I + 64)
#define QUERN_REGISTERS_16 \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define QUERN_REGISTERS_32 \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define QUERN_REGISTERS_64 \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define QUERN_REGISTERS_128 \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, " \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, " \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"

// One instruction shape and type; A, B, P, T, U: numbers of the operands after N / 2 registers.
#define QUERN_WGMMA(TYPE, NAME, N, D, REGISTERS, A, B, P, T, U)                                                              \
  template <bool A_MN, bool B_MN> struct Product<TYPE, N, A_MN, B_MN> {                                                       \
    static QUERN_INLINE void run(float (&d)[N / 2], u64 a, u64 b, bool accumulate) {                                           \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" P ", 0;\nwgmma.mma_async.sync.aligned.m64n" #N "k16.f32." NAME "." NAME \
                   " {" REGISTERS "}, %" A ", %" B ", p, 1, 1, %" T ", %" U ";\n}"                                            \
                   : D                                                                                                        \
                   : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)), "n"(A_MN ? 1 : 0), "n"(B_MN ? 1 : 0));                \
    }                                                                                                                         \
  };
#define QUERN_WGMMAS(TYPE, NAME) \
  QUERN_WGMMA(TYPE, NAME, 32, QUERN_D16(0), QUERN_REGISTERS_16, "16", "17", "18", "19", "20") \
  QUERN_WGMMA(TYPE, NAME, 64, QUERN_D32(0), QUERN_REGISTERS_32, "32", "33", "34", "35", "36") \
  QUERN_WGMMA(TYPE, NAME, 128, QUERN_D64(0), QUERN_REGISTERS_64, "64", "65", "66", "67", "68") \
  QUERN_WGMMA(TYPE, NAME, 256, QUERN_D128(0), QUERN_REGISTERS_128, "128", "129", "130", "131", "132")
// 8-bit factors: K-major, which the instruction doesn't ask for.
template <> struct Product<e4m3_t, 128, false, false> {
  static QUERN_INLINE void run(float (&d)[64], u64 a, u64 b, bool accumulate) {
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\nwgmma.mma_async.sync.aligned.m64n128k32.f32.e4m3.e4m3"
                 " {" QUERN_REGISTERS_64 "}, %64, %65, p, 1, 1;\n}"
                 : QUERN_D64(0)
                 : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)));
  }
};
// A0 to A3, B, P, T: numbers of the operands after N / 2 registers.
#define QUERN_WGMMA_REGISTERS(TYPE, NAME, N, D, REGISTERS, A0, A1, A2, A3, B, P, T)                                            \
  template <bool B_MN> struct RegisterProduct<TYPE, N, B_MN> {                                                                \
    static QUERN_INLINE void run(float (&d)[N / 2], const u32 (&a)[4], u64 b) {                                               \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" P ", 0;\nwgmma.mma_async.sync.aligned.m64n" #N "k16.f32." NAME "." NAME \
                   " {" REGISTERS "}, {%" A0 ", %" A1 ", %" A2 ", %" A3 "}, %" B ", p, 1, 1, %" T ";\n}"                      \
                   : D                                                                                                        \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(1), "n"(B_MN ? 1 : 0));                          \
    }                                                                                                                         \
  };
#define QUERN_WGMMAS_REGISTERS(TYPE, NAME) \
  QUERN_WGMMA_REGISTERS(TYPE, NAME, 64, QUERN_D32(0), QUERN_REGISTERS_32, "32", "33", "34", "35", "36", "37", "38") \
  QUERN_WGMMA_REGISTERS(TYPE, NAME, 128, QUERN_D64(0), QUERN_REGISTERS_64, "64", "65", "66", "67", "68", "69", "70")
QUERN_WGMMAS_REGISTERS(bf16_t, "bf16")
QUERN_WGMMAS_REGISTERS(half_t, "f16")
QUERN_WGMMAS(bf16_t, "bf16")
QUERN_WGMMAS(half_t, "f16")
#endif
