/**
 * What a training run shows and leaves behind: a progress line, TensorBoard files, CSV and JSON
 * logs, and a report.
 *
 * <p>A trainer tells a {@link dev.quern.transformer.train.log.TrainingListener} what happens, in
 * this order: {@code started} once, then {@code step} after each step, {@code evaluated}, {@code
 * values} and {@code text} whenever there is something to tell, {@code finished} if the run comes
 * to an end that can be told, and {@code close} in any case. All on one thread.
 *
 * {@snippet :
 * try (TrainingListener log =
 *     Listeners.of(
 *         new ProgressLine(System.err, true),
 *         new TensorBoardLog(run.resolve("tensorboard")),
 *         new JsonLog(run.resolve("log.jsonl")),
 *         HtmlReport.continuing(run.resolve("report.html"), run.resolve("log.jsonl")))) {
 *   log.started(start);
 *   // ... log.step(report) after each step ...
 *   log.finished(end);
 * }
 * }
 *
 * <p>A resumed run goes on in the same folder: the listeners drop what was logged after the
 * checkpoint that it goes on from, so that each step is told once.
 *
 * <p>Allowed imports: java.base, Jackson, JSpecify, {@code dev.quern.transformer.evaluate} (the
 * confusion matrix), and of the core {@code dev.quern.core.type} (its errors) and {@code
 * dev.quern.core.io.AtomicFile}. The package stands alone: it takes numbers, not trainers.
 */
@NullMarked
package dev.quern.transformer.train.log;

import org.jspecify.annotations.NullMarked;
