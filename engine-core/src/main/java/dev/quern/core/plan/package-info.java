/**
 * How a call runs: at once ({@link dev.quern.core.plan.Eager}), or recorded and replayed ({@link
 * dev.quern.core.plan.Plan}).
 *
 * <p>A plan is a flat list of bound kernels over one workspace whose offsets come from liveness.
 * Replaying it allocates nothing and looks nothing up.
 *
 * <p>Allowed imports: {@code spi}, {@code op}, {@code memory}, {@code type}.
 *
 * {@snippet :
 * try (Plan plan = engine.record("step", r -> {
 *       Tensor x = r.slot("x", TensorSpec.of(F32, 1, 64));
 *       r.output("y", x.linear(weight).silu());
 *     })) {
 *   plan.slot("x").set(values);
 *   plan.run();
 *   float[] y = plan.output("y").toFloats();
 * }
 * }
 */
@NullMarked
package dev.quern.core.plan;

import org.jspecify.annotations.NullMarked;
