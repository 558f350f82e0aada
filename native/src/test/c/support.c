#define _GNU_SOURCE
#include "support.h"

#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 256 };

static struct {
    void *base;
    size_t bytes;
} mapped[MOST];
static int mapped_count;

uint64_t next_bits(random_source *r) {
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

float next_float(random_source *r) {
    float sum = 0.0f;
    uint64_t bits = next_bits(r);
    for (int i = 0; i < 4; i++) {
        sum += (float)(bits >> (16 * i) & 0xffff) / 65536.0f - 0.5f;
    }
    return sum * 1.7320508f;
}

void fill_floats(random_source *r, float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        x[i] = next_float(r);
    }
}

void *guarded(int64_t bytes, int at_end) {
    const int64_t page = sysconf(_SC_PAGESIZE);
    const int64_t body = (bytes + page - 1) / page * page;
    CHECK(mapped_count < MOST, "too many guarded blocks");
    uint8_t *base = mmap(NULL, (size_t)(body + 2 * page), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(base != MAP_FAILED, "mmap of %lld bytes", (long long)bytes);
    CHECK(body == 0 || mprotect(base + page, (size_t)body, PROT_READ | PROT_WRITE) == 0, "mprotect");
    mapped[mapped_count].base = base;
    mapped[mapped_count++].bytes = (size_t)(body + 2 * page);
    return at_end ? base + page + body - bytes : base + page;
}

void release_guarded(void) {
    while (mapped_count > 0) {
        mapped_count--;
        munmap(mapped[mapped_count].base, mapped[mapped_count].bytes);
    }
}

void *scratch_memory(int64_t bytes) {
    CHECK(bytes % 64 == 0, "scratch of %lld bytes", (long long)bytes);
    return guarded(bytes, 1);
}

int has(uint64_t cap) {
    static uint64_t caps;
    if (!caps) {
        caps = quern_caps();
    }
    return (caps & cap) == cap;
}

int finished(const char *program, int64_t cases) {
    const uint64_t caps = quern_caps();
    CHECK(cases > 0, "%s ran nothing", program);
    printf("%s: %lld cases on tiers baseline%s%s%s\n", program, (long long)cases, caps & QUERN_CAP_AVX2 ? " avx2" : "",
           caps & QUERN_CAP_AVX512 ? " avx512" : "", caps & QUERN_CAP_AMX ? " amx" : "");
    return 0;
}
