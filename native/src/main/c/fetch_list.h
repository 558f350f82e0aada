/*
 * Rows of memory that will be read or written soon, fetched a few at a time while something else is computed. Attention finds the
 * rows of one head pages apart, where no processor guesses the next: a training step's activations come from memory, and waiting
 * for them took as long as computing with them.
 *
 * A hint: what doesn't fit into the list is left out, and addresses may be anything.
 */
#ifndef QUERN_FETCH_LIST_H
#define QUERN_FETCH_LIST_H

#include "simd.h"

enum {
    FETCHES = 64,
    FETCH_LINE = 64,
    FETCH_FROM = 1 << 14 /* floats read by a call: fewer are near anyway, and asking takes time */
};

typedef struct fetch_rows {
    const char *row;
    int64_t stride; /* bytes */
    int64_t bytes;  /* of a row */
    int64_t rows;
    int write;
} fetch_rows;

typedef struct fetch_list {
    int from;
    int to;
    int most; /* FETCHES, or 0: nothing is fetched */
    fetch_rows rows[FETCHES];
} fetch_list;

/* n: how many floats will be read. */
QUERN_INLINE void fetch_begin(fetch_list *x, int64_t n) {
    x->from = 0;
    x->to = 0;
    x->most = n < FETCH_FROM ? 0 : FETCHES;
}

/* `rows` rows of `width` floats, `stride` floats apart. */
QUERN_INLINE void fetch_later(fetch_list *x, const float *first, int64_t stride, int64_t width, int64_t rows, int write) {
    if (x->from == x->to) {
        x->from = 0;
        x->to = 0;
    }
    if (x->to < x->most && rows > 0) {
        x->rows[x->to++] = (fetch_rows){(const char *)first, 4 * stride, 4 * width, rows, write};
    }
}

/* Fetches n rows. */
QUERN_INLINE void fetch_some(fetch_list *x, int64_t n) {
    for (int64_t i = 0; i < n && x->from < x->to; i++) {
        fetch_rows *rows = x->rows + x->from;
        if (rows->write) {
            for (int64_t b = 0; b < rows->bytes; b += FETCH_LINE) {
                __builtin_prefetch(rows->row + b, 1, 3);
            }
        } else {
            for (int64_t b = 0; b < rows->bytes; b += FETCH_LINE) {
                __builtin_prefetch(rows->row + b, 0, 2);
            }
        }
        rows->row += rows->stride;
        rows->rows--;
        x->from += rows->rows == 0;
    }
}

#endif
