/*
 * What this processor and operating system let us run. CPUID says what the processor has, XGETBV what the operating
 * system saves on a context switch; AMX tiles must also be asked for, once per process (Linux, arch_prctl).
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "quern.h"

#if defined(__x86_64__)
#include <cpuid.h>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

enum { ARCH_REQ_XCOMP_PERM_CODE = 0x1023, XFEATURE_TILE_DATA = 18 };

static int amx_permitted(void) { return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM_CODE, XFEATURE_TILE_DATA) == 0; }
#else
static int amx_permitted(void) { return 0; }
#endif

static uint64_t xgetbv0(void) {
    uint32_t low;
    uint32_t high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static int bit(uint32_t word, int n) { return (int)(word >> n & 1u); }

uint64_t quern_caps(void) {
    uint64_t caps = QUERN_CAP_BASELINE;
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !bit(c, 27)) { /* OSXSAVE: without it XGETBV faults */
        return caps;
    }
    const int fma = bit(c, 12);
    const int f16c = bit(c, 29);
    const uint64_t saved = xgetbv0();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        return caps;
    }
    const uint32_t b7 = b;
    const uint32_t c7 = c;
    const uint32_t d7 = d;
    const int avx2 = bit(b7, 5) && fma && f16c && (saved & 0x6) == 0x6;
    if (!avx2) {
        return caps;
    }
    caps |= QUERN_CAP_AVX2;
    uint32_t a71 = 0;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) {
        a71 = a;
    }
    const int f_dq_bw_vl = bit(b7, 16) && bit(b7, 17) && bit(b7, 30) && bit(b7, 31);
    const int vnni = bit(c7, 11);
    const int bf16 = bit(a71, 5);
    if (!(f_dq_bw_vl && vnni && bf16 && (saved & 0xe6) == 0xe6)) {
        return caps;
    }
    caps |= QUERN_CAP_AVX512;
    const int amx = bit(d7, 22) && bit(d7, 24) && bit(d7, 25);
    if (amx && (saved & 0x60000) == 0x60000 && amx_permitted()) {
        caps |= QUERN_CAP_AMX;
    }
    return caps;
}

#else

uint64_t quern_caps(void) { return QUERN_CAP_BASELINE; }

#endif

int32_t quern_abi_version(void) { return QUERN_ABI_VERSION; }

/*
 * matmul_f32.c and gemm.c: NC x KC panels and NR rows of KC, at most (256 + 32) * 256 floats = 288 KiB.
 * matmul_tiles.c: 256 x 256 BF16 weights and 512 x 256 F32 sums = 640 KiB.
 * split_product.h: twice 32 x 128 x 3 BF16 terms, the same sums and k floats: 560 KiB and 4 k.
 * gemm_bf16.c: twice 32 x 1,536 BF16 and 128 x 512 F32 sums, or twice 32 x 384 and 256 x 512: 560 KiB.
 * gemm_outer.c: 256 x 1,152 BF16: 576 KiB.
 */
int64_t quern_scratch_bytes(int64_t k) { return 640 * 1024 + (k + 31) / 32 * 32 * (int64_t)sizeof(float); }

/*
 * The larger of two. attention.c, with the largest NR (32) and MR (12) of the tiers and 128 keys at a time.
 * attention_amx.c: BF16 tiles of 512 keys (two terms) and values, 128 keys' exponentials (BF16) and scores
 * of 32 rows, rows up to 32 with queries in two terms.
 */
int64_t quern_attention_scratch_bytes(int64_t rows, int64_t head_dim, int64_t value_dim) {
    const int64_t d = (head_dim + 15) / 16 * 16;
    const int64_t dv = (value_dim + 31) / 32 * 32;
    const int64_t widest = d > dv ? d : dv;
    const int64_t floats = 128 * (d + dv) + 32 * widest + 12 * 128 + rows * (d + dv) + 2 * ((rows + 15) / 16 * 16);
    const int64_t panels = floats * (int64_t)sizeof(float);
    const int64_t d32 = (head_dim + 31) / 32 * 32;
    const int64_t rows32 = (rows + 31) / 32 * 32;
    const int64_t tiles = 512 * 2 * (2 * d32 + dv) + 128 * 32 * (2 + 4) + rows32 * (4 * d32 + 4 * dv + 8);
    return ((panels > tiles ? panels : tiles) + 4095) / 4096 * 4096;
}

/*
 * The larger of two. attention_grad.c, with the largest NR (32) of the tiers: panels of 96 keys and values, twice and once;
 * queries and gradients of 48 rows, as rows and as panels; 48 x 96 probabilities and their gradients; lines for a panel's end;
 * two floats a row.
 * attention_grad_pack.h: BF16 tiles of 256 keys (K twice) and values, of 128 rows of q and g (twice), twice of the exponentials of
 * 32 keys and of the gradients of their scores, of which there are those of all keys as well; sums of 256 keys and of 128 rows; five
 * times 32 x 32 floats, and two a row.
 */
int64_t quern_attention_grad_scratch_bytes(int64_t rows, int64_t head_dim, int64_t value_dim) {
    const int64_t d = (head_dim + 31) / 32 * 32;
    const int64_t dv = (value_dim + 31) / 32 * 32;
    const int64_t floats = 96 * (2 * d + dv) + 2 * 48 * (d + dv) + 2 * 48 * 96 + 32 * (d > dv ? d : dv) + 2 * ((rows + 15) / 16 * 16);
    const int64_t panels = floats * (int64_t)sizeof(float);
    const int64_t halves = 256 * (2 * d + dv) + 2 * 128 * (d + dv) + 4 * 32 * 128 + 256 * 128;
    const int64_t tiles = 2 * halves + 4 * (256 * (d + dv) + 128 * d + 5 * 32 * 32 + 2 * 128);
    return ((panels > tiles ? panels : tiles) + 4095) / 4096 * 4096;
}
