/**
 * Losses: what training makes small.
 *
 * <p>A {@link dev.quern.transformer.train.loss.Loss} is a scalar from a model's outputs and a
 * batch's fields; most are a {@link dev.quern.transformer.train.loss.Criterion} of one prediction
 * and one target, bound to names. All are made of tensor operations, so that gradients exist and
 * plans can hold them. {@link dev.quern.transformer.train.loss.Losses} makes them from the names
 * and settings of a configuration.
 *
 * {@snippet :
 * Loss loss = Losses.of("cross_entropy", Map.of("label_smoothing", 0.1)).on("logits", "labels");
 * Tensor value = loss.of(Map.of("logits", logits), Map.of("labels", labels));
 * }
 *
 * <p>Allowed imports: {@code dev.quern.core.op}, {@code dev.quern.core.type}, JSpecify, and the
 * module's settings.
 */
@NullMarked
package dev.quern.transformer.train.loss;

import org.jspecify.annotations.NullMarked;
