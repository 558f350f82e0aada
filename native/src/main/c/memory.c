/*
 * Large pages: streams over memory in 4 KiB pages spend up to a fifth of their time on address translation. Linux gives
 * 2 MiB pages to memory that asks for them (transparent huge pages, "madvise" or "always"): at the first touch, and to what
 * was touched before by copying it together, since 6.1.
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "quern.h"

#if defined(__linux__)
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ADVISE_COLLAPSE = 25 }; /* MADV_COLLAPSE, which older headers lack */

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

#else

int32_t quern_large_pages(void *p, int64_t bytes) {
    (void)p;
    (void)bytes;
    return -1;
}

#endif
