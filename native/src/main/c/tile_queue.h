/*
 * Tile products that wait for time: a product is begun and done a step at a time, wherever vector code calls advance(), so that the
 * tile unit and the vector units, which take about as long, work at once. A step is four tile instructions of 16 cycles; the
 * processor's own window is too short to find the next tile instruction behind hundreds of vector ones.
 *
 * Urgent products overtake those that wait, never the one that is begun, whose sums are in the tiles.
 */
#ifndef QUERN_TILE_QUEUE_H
#define QUERN_TILE_QUEUE_H

#include "tiles.h"

enum { URGENT = 2, WAITING = 64 };

/*
 * 2 x 2 tiles of sums at `to` = those at `from` (null: zeros) + two tiles of rows, `below` bytes apart, times two of columns, one
 * after the other, over `steps` such tiles, at least 1.
 */
typedef struct tile_product {
    const uint8_t *left;
    int64_t below;
    const uint8_t *right;
    int64_t steps;
    const float *from;
    float *to;
} tile_product;

typedef struct tile_queue {
    tile_product begun; /* steps left; 0: none is */
    int urgent_from;
    int urgent_to;
    int waiting_from;
    int waiting_to;
    tile_product urgent[URGENT];
    tile_product waiting[WAITING];
} tile_queue;

QUERN_INLINE int is_empty(const tile_queue *x) {
    return x->begun.steps == 0 && x->urgent_from == x->urgent_to && x->waiting_from == x->waiting_to;
}

/* The next product, whose sums so far are loaded. */
QUERN_INLINE void begin(tile_queue *x) {
    if (x->urgent_from < x->urgent_to) {
        x->begun = x->urgent[x->urgent_from++];
    } else {
        x->begun = x->waiting[x->waiting_from++];
    }
    if (x->begun.from) {
        _tile_loadd(0, x->begun.from, TILE_BYTES);
        _tile_loadd(1, x->begun.from + 256, TILE_BYTES);
        _tile_loadd(2, x->begun.from + 512, TILE_BYTES);
        _tile_loadd(3, x->begun.from + 768, TILE_BYTES);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
}

/* A step of the product that is begun, or of the next. */
QUERN_INLINE void advance(tile_queue *x) {
    if (is_empty(x)) {
        return;
    }
    fence();
    if (x->begun.steps == 0) {
        begin(x);
    }
    _tile_loadd(4, x->begun.left, TILE_BYTES);
    _tile_loadd(6, x->begun.right, TILE_BYTES);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, x->begun.right + TILE_SIZE, TILE_BYTES);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, x->begun.left + x->begun.below, TILE_BYTES);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    x->begun.left += TILE_SIZE;
    x->begun.right += 2 * TILE_SIZE;
    x->begun.steps--;
    if (x->begun.steps == 0) {
        _tile_stored(0, x->begun.to, TILE_BYTES);
        _tile_stored(1, x->begun.to + 256, TILE_BYTES);
        _tile_stored(2, x->begun.to + 512, TILE_BYTES);
        _tile_stored(3, x->begun.to + 768, TILE_BYTES);
    }
    fence();
}

static void drain(tile_queue *x) {
    while (!is_empty(x)) {
        advance(x);
    }
}

/* Until all urgent products are done. */
static void finish_urgent(tile_queue *x) {
    while (x->urgent_from < x->urgent_to) {
        advance(x);
    }
    while (x->begun.steps > 0) {
        advance(x);
    }
}

/* Two urgent products; those before must be done. */
QUERN_INLINE void push_urgent(tile_queue *x, tile_product first, tile_product second) {
    x->urgent[0] = first;
    x->urgent[1] = second;
    x->urgent_from = 0;
    x->urgent_to = 2;
}

static void push(tile_queue *x, tile_product p) {
    if (x->waiting_to == WAITING) {
        drain(x);
    }
    if (x->waiting_from == x->waiting_to) {
        x->waiting_from = 0;
        x->waiting_to = 0;
    }
    x->waiting[x->waiting_to++] = p;
}

#endif
