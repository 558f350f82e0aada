/* Which keys a query sees: what attention.c and attention_amx.c share. */
#ifndef QUERN_ATTENTION_H
#define QUERN_ATTENTION_H

#include "block.h"
#include "quern.h"

QUERN_INLINE int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/* First key that query t sees, and one past the last. */
QUERN_INLINE int64_t first_key(const quern_attention_args *a, int64_t t) {
    const int64_t first = a->window > 0 ? a->first_position + t - a->window + 1 : 0;
    return first > 0 ? first : 0;
}

QUERN_INLINE int64_t end_key(const quern_attention_args *a, int64_t t) {
    const int64_t end = a->causal ? a->first_position + t + 1 : a->keys;
    return end < a->keys ? end : a->keys;
}

/* Rows of K and V between prefetch and use, where they are converted: rows of one head may lie pages apart. */
enum { ROWS_AHEAD = 16 };

#endif
