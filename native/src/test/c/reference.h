/* Formats and products written a second time, plainly and in F64, to hold the kernels against. */
#ifndef QUERN_TEST_REFERENCE_H
#define QUERN_TEST_REFERENCE_H

#include "support.h"

typedef enum format { F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q6_K, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q5_K, IQ4_NL, IQ4_XS, Q8_K } format;

const char *format_name(format f);
int64_t block_length(format f);
int64_t row_bytes(format f, int64_t k);

double half_value(uint16_t h);
double bf16_value(uint16_t h);
uint16_t bf16_of(float x);

/* Random stored row of k elements; wild: extreme scales (zero, denormal, largest finite). */
void random_row(random_source *r, format f, int wild, uint8_t *row, int64_t k);

/* The row's values; exact, but formats of 256 elements round as they say (F32). */
void row_values(format f, const uint8_t *row, int64_t k, double *values);

#endif
