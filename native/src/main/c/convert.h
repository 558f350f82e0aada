/* What the row conversions of convert.c and quantize.c share. */
#ifndef QUERN_CONVERT_H
#define QUERN_CONVERT_H

#include "dequant.h"
#include "quern.h"

/* A conversion of quern.h; body makes one row of k elements: in -> out. */
#define ROWS(name, body)                                                                                         \
    void QN(convert_##name)(const void *x, int64_t ldx, void *y, int64_t ldy, int64_t rows, int64_t k) {         \
        for (int64_t row = 0; row < rows; row++) {                                                               \
            const uint8_t *in = (const uint8_t *)x + row * ldx;                                                  \
            uint8_t *out = (uint8_t *)y + row * ldy;                                                             \
            body                                                                                                 \
        }                                                                                                        \
    }

#endif
