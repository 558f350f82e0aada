/* What the C tests share: checks, seeded numbers, guarded memory, tiers. */
#ifndef QUERN_TEST_SUPPORT_H
#define QUERN_TEST_SUPPORT_H

#include "quern.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* A failed check prints where and what and ends the program with status 1. */
#define CHECK(condition, ...)                                                  \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);    \
            fprintf(stderr, __VA_ARGS__);                                      \
            fputc('\n', stderr);                                               \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

/* Uniform numbers from a seed (splitmix64). */
typedef struct random_source {
    uint64_t state;
} random_source;

uint64_t next_bits(random_source *r);

/* Roughly normal, mean 0, deviation 1. */
float next_float(random_source *r);

void fill_floats(random_source *r, float *x, int64_t n);

/*
 * Memory that ends (at_end) or begins exactly at a page that may not be touched: one byte too far kills the test.
 * Freed all at once by release_guarded.
 */
void *guarded(int64_t bytes, int at_end);
void release_guarded(void);

/* 64-byte aligned scratch that ends at a forbidden page. bytes: a multiple of 64. */
void *scratch_memory(int64_t bytes);

int has(uint64_t cap);

/* Prints how many cases a program ran; call it last. */
int finished(const char *program, int64_t cases);

#endif
