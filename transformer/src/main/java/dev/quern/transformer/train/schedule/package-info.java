/**
 * Learning-rate schedules: the rate of each step of a training run.
 *
 * <p>A {@link dev.quern.transformer.train.schedule.Schedule} is a function of the step, without
 * state, so a resumed run only needs to know its step. {@link
 * dev.quern.transformer.train.schedule.Schedules} makes them from the names and settings of a
 * configuration.
 *
 * {@snippet :
 * Schedule schedule = new Warmup(100, 0, new Cosine(1e-3, 1e-4, 1900));
 * double rate = schedule.rate(step);
 * Schedule same = Schedules.of("cosine", Map.of("peak", 1e-3, "floor", 1e-4, "warmup", 100.0,
 *     "steps", 2000.0));
 * }
 *
 * <p>Allowed imports: java.base, JSpecify, the module's settings, and of the core {@code
 * dev.quern.core.type} (its errors).
 */
@NullMarked
package dev.quern.transformer.train.schedule;

import org.jspecify.annotations.NullMarked;
