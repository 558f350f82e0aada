/*
 * Whole tensors of F32, F16 or BF16 element by element, in a stream: n elements without gaps, computed in F32, rounded once.
 *
 *   map_exp, map_sigmoid, map_silu, map_gelu_tanh, map_gelu_erf     y = f(x)
 *   zip_add, zip_mul                                                y = a + b, a b
 *   zip_swiglu, zip_geglu_tanh, zip_geglu_erf                       y = f(gate) up
 *
 * y may be an input. Formulas: elementwise.c, vmath.h. flow says how large the whole is of which this is a slice:
 *   QUERN_NEAR     small enough to be in a core's cache
 *   QUERN_FAR      inputs, and the lines of the result, are asked for AHEAD bytes before their turn, over the ends of pages,
 *                  where the processor's own prefetcher stops
 *   QUERN_THROUGH  inputs likewise, and the result is stored past the caches: without reading its lines first
 *
 * Two vectors at a time: BF16 is widened and narrowed in place then, even and odd elements apart, without a permutation.
 */
#include "maps.h"
#include "vmath.h"

MAP(exp, v_exp)
MAP(sigmoid, v_sigmoid)
MAP(silu, v_silu)
MAP(gelu_tanh, v_gelu_tanh)
MAP(gelu_erf, v_gelu_erf)

ZIP(add, u.a + v.a, u.b + v.b)
ZIP(mul, u.a * v.a, u.b * v.b)
ZIP(swiglu, v_silu(u.a) * v.a, v_silu(u.b) * v.b)
ZIP(geglu_tanh, v_gelu_tanh(u.a) * v.a, v_gelu_tanh(u.b) * v.b)
ZIP(geglu_erf, v_gelu_erf(u.a) * v.a, v_gelu_erf(u.b) * v.b)
