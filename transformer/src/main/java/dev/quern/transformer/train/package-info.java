/**
 * Training: a model, data, a loss and an optimiser become a better model.
 *
 * <p>{@link dev.quern.transformer.train.Trainer} is the loop. What it works on is open: {@link
 * dev.quern.transformer.train.TrainableModel} (with {@link dev.quern.transformer.train.FamilyModel}
 * for the families there are), {@link dev.quern.transformer.data.Dataset}, {@link
 * dev.quern.transformer.train.loss.Loss}, {@link dev.quern.transformer.train.optimizer.Optimizer},
 * {@link dev.quern.transformer.train.schedule.Schedule}, {@link
 * dev.quern.transformer.train.Evaluation} and {@link
 * dev.quern.transformer.train.log.TrainingListener} are interfaces to implement. {@link
 * dev.quern.transformer.train.run.TrainingRun} puts them together as a configuration says.
 *
 * {@snippet :
 * Loss loss = new CrossEntropy().on(TrainableModel.LOGITS, Batch.LABELS);
 * try (Engine engine = Engine.create();
 *     FamilyModel model = FamilyModel.open(engine, folder);
 *     ParameterUpdates updates =
 *         ParameterUpdates.of(engine, Optimizers.of("adamw", Map.of()), model.parameters()).build();
 *     Trainer trainer =
 *         new Trainer(
 *             engine, model, loss, updates, new Constant(1e-3), batches, new TrainingOptions(100))) {
 *   trainer.run();
 * }
 * }
 *
 * <p>Allowed imports: java.base, Jackson, JSpecify, the core, and {@code families}, {@code layers},
 * {@code data}, {@code evaluate} and the packages below {@code train}.
 */
@NullMarked
package dev.quern.transformer.train;

import org.jspecify.annotations.NullMarked;
