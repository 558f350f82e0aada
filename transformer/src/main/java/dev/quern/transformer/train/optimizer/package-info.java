/**
 * Optimisers: what moves parameters against their gradients.
 *
 * <p>An {@link dev.quern.transformer.train.optimizer.Optimizer} is a rule for one parameter, {@link
 * dev.quern.transformer.train.optimizer.ParameterUpdates} applies it to all of a model's, with
 * parameter groups, clipping and skipped steps. Everything is in tensor operations, eagerly or as
 * part of a recorded plan with the same bits; numbers that change from step to step are read from a
 * small vector. {@link dev.quern.transformer.train.optimizer.Optimizers} makes optimisers from the
 * names and settings of a configuration. Beside it: {@link
 * dev.quern.transformer.train.optimizer.GradientAccumulator}, {@link
 * dev.quern.transformer.train.optimizer.LossScale}, {@link
 * dev.quern.transformer.train.optimizer.Ema}.
 *
 * {@snippet :
 * Optimizer rule = Optimizers.of("adamw", Map.of("beta2", 0.95, "weight_decay", 0.1));
 * ParameterUpdates updates =
 *     ParameterUpdates.of(engine, rule, parameters).clipping(GradientClipping.byNorm(1)).build();
 * double norm = updates.step(updates.of(gradients), new StepSettings(1, 3e-4));
 * }
 *
 * <p>Allowed imports: {@code dev.quern.core}, JSpecify, and the module's settings.
 */
@NullMarked
package dev.quern.transformer.train.optimizer;

import org.jspecify.annotations.NullMarked;
