/*
 * The ceilings of the tile unit; ceilings.h says what each loop computes. Four tiles of sums, products of two left and two
 * right operands, as in matmul_tiles.c: enough for the unit's latency, and four loads feed four products.
 */
#include "ceilings.h"
#include "tiles.h"

enum { GROUP = 4 * TILE_SIZE };

QUERN_INLINE void load_operands(const uint8_t *x) {
    _tile_loadd(4, x, TILE_BYTES);
    _tile_loadd(5, x + TILE_SIZE, TILE_BYTES);
    _tile_loadd(6, x + 2 * TILE_SIZE, TILE_BYTES);
    _tile_loadd(7, x + 3 * TILE_SIZE, TILE_BYTES);
}

static void begin(void) {
    configure();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

static void end(uint8_t *sink) {
    _tile_stored(0, sink, TILE_BYTES);
    _tile_stored(1, sink + TILE_SIZE, TILE_BYTES);
    _tile_stored(2, sink + 2 * TILE_SIZE, TILE_BYTES);
    _tile_stored(3, sink + 3 * TILE_SIZE, TILE_BYTES);
    _tile_release();
}

/* One function of each kind for each data type: the instruction is a macro that wants its tiles as literals. */
#define CEILING_TILES(type, product, depth)                                                                       \
    QUERN_INLINE void products_##type(void) {                                                                     \
        product(0, 4, 6);                                                                                         \
        product(1, 4, 7);                                                                                         \
        product(2, 5, 6);                                                                                         \
        product(3, 5, 7);                                                                                         \
    }                                                                                                             \
                                                                                                                  \
    int64_t QN(ceiling_tiles_##type)(const void *x, int64_t bytes, int64_t rounds, void *sink) {                  \
        (void)bytes;                                                                                              \
        begin();                                                                                                  \
        fence();                                                                                                  \
        load_operands(x);                                                                                         \
        for (int64_t r = 0; r < rounds * QUERN_CEILING_STEPS; r++) {                                              \
            products_##type();                                                                                    \
        }                                                                                                         \
        end(sink);                                                                                                \
        return rounds * QUERN_CEILING_STEPS * 4 * (TILE * TILE * (depth) * 2);                                    \
    }                                                                                                             \
                                                                                                                  \
    int64_t QN(ceiling_tiles_##type##_memory)(const void *x, int64_t bytes, int64_t rounds, void *sink) {         \
        const int64_t groups = bytes / GROUP;                                                                     \
        begin();                                                                                                  \
        fence();                                                                                                  \
        for (int64_t r = 0; r < rounds; r++) {                                                                    \
            for (int64_t g = 0; g < groups; g++) {                                                                \
                load_operands((const uint8_t *)x + g * GROUP);                                                    \
                products_##type();                                                                                \
            }                                                                                                     \
        }                                                                                                         \
        end(sink);                                                                                                \
        return rounds * groups * 4 * (TILE * TILE * (depth) * 2);                                                 \
    }

CEILING_TILES(bf16, _tile_dpbf16ps, 32)
CEILING_TILES(i8, _tile_dpbssd, 64)
