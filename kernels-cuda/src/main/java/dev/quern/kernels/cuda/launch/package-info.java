/**
 * Kernels as they are called: parameters, modules, launches, and what kernels say of wrong values.
 *
 * <p>Every kernel is {@code extern "C" __global__ void quern_NAME(const __grid_constant__
 * NameParams p)}: one struct by value, laid out by {@link dev.quern.kernels.cuda.launch.Params}.
 *
 * <p>Allowed imports: {@code driver}, {@code memory}; {@code dev.quern.core.type}.
 *
 * {@snippet :
 * Runnable call = device.call("unary", "quern_exp_f32", Grid.over(n, 256), params);
 * call.run();
 * device.synchronize();
 * }
 */
@NullMarked
package dev.quern.kernels.cuda.launch;

import org.jspecify.annotations.NullMarked;
