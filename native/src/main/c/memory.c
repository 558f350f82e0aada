/*
 * Memory as the processor and the system manage it: lines fetched ahead, and pages.
 *
 * Large pages: streams over memory in 4 KiB pages spend up to a fifth of their time on address translation. Linux gives
 * 2 MiB pages to memory that asks for them (transparent huge pages, "madvise" or "always"): at the first touch, and to what
 * was touched before by copying it together, since 6.1. Pages of most file systems stay small whatever is asked; their
 * contents can be copied to large pages, and these put in their place: addresses and bytes stay, threads that read
 * meanwhile see one or the other. (Two cores reading a model: 21 to 23 GB/s before, 26 after; copying takes 15 ms a
 * 64 MiB.)
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "quern.h"

void quern_fetch(int64_t address, int64_t bytes) {
    const uint8_t *p = (const uint8_t *)(uintptr_t)address;
    for (int64_t line = 0; line < bytes; line += 64) {
        __builtin_prefetch(p + line, 0, 2);
    }
}

#if defined(__linux__)
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    ADVISE_COLLAPSE = 25, /* MADV_COLLAPSE, which older headers lack */
    LARGE_PAGE = 2 << 20
};

int32_t quern_large_pages(void *p, int64_t bytes) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = ((uintptr_t)p + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)p + (uintptr_t)bytes) / page * page;
    if (begin >= end) {
        return 0;
    }
    if (madvise((void *)begin, end - begin, MADV_HUGEPAGE) != 0) {
        return errno;
    }
    (void)madvise((void *)begin, end - begin, ADVISE_COLLAPSE); /* an older kernel refuses, and collapses in its own time */
    return 0;
}

/* An unused range of `bytes` whose beginning is a multiple of a large page, or null. */
static uint8_t *aligned_range(size_t bytes) {
    uint8_t *range = mmap(NULL, bytes + LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (range == MAP_FAILED) {
        return NULL;
    }
    uint8_t *begin = (uint8_t *)(((uintptr_t)range + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE);
    if (begin > range) {
        (void)munmap(range, (size_t)(begin - range));
    }
    (void)munmap(begin + bytes, (size_t)(range + LARGE_PAGE - begin));
    return begin;
}

/* Whether asking helps: madvise says yes even where large pages are switched off. */
static int are_enabled(void) {
    char text[64] = "";
    const int file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return 0;
    }
    const ssize_t n = read(file, text, sizeof text - 1);
    (void)close(file);
    return n > 0 && !strstr(text, "[never]") && prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 0;
}

/* A failed move may have unmapped where it was to go: then the bytes come back there, in pages of any size. */
static void put_back(uint8_t *to, const uint8_t *copy, size_t size) {
    if (msync(to, size, MS_ASYNC) == 0 || errno != ENOMEM) {
        return; /* all is mapped still */
    }
    void *again = mmap(to, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (again != MAP_FAILED) {
        memcpy(again, copy, size);
        (void)mprotect(again, size, PROT_READ);
    }
}

/* Moves the whole large pages within; what is left at either end stays where it is. */
int32_t quern_move_to_large_pages(void *p, int64_t bytes) {
    if (!are_enabled()) {
        return ENOTSUP;
    }
    uint8_t *begin = (uint8_t *)(((uintptr_t)p + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE);
    uint8_t *end = (uint8_t *)(((uintptr_t)p + (uintptr_t)bytes) / LARGE_PAGE * LARGE_PAGE);
    if (begin >= end) {
        return 0;
    }
    const size_t size = (size_t)(end - begin);
    uint8_t *copy = aligned_range(size);
    if (!copy) {
        return errno;
    }
    if (madvise(copy, size, MADV_HUGEPAGE) == 0) {
        memcpy(copy, begin, size);
        if (mprotect(copy, size, PROT_READ) == 0 &&
            mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, begin) != MAP_FAILED) {
            return 0;
        }
        const int32_t failed = errno;
        put_back(begin, copy, size);
        errno = failed;
    }
    const int32_t error = errno;
    (void)munmap(copy, size);
    return error;
}

#else

int32_t quern_move_to_large_pages(void *p, int64_t bytes) {
    (void)p;
    (void)bytes;
    return -1;
}

int32_t quern_large_pages(void *p, int64_t bytes) {
    (void)p;
    (void)bytes;
    return -1;
}

#endif
