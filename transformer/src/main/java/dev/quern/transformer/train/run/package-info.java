/**
 * Whole training runs from a configuration: {@code quern train}, as an API.
 *
 * <p>{@link dev.quern.transformer.train.run.TrainingKeys} declares what a configuration may say,
 * and {@link dev.quern.transformer.train.run.TrainingRun} does it: tokenizer, data, model,
 * optimiser, checkpoints, logs. A run's folder holds all of it:
 *
 * <pre>
 * config.yaml      what is in force, every key explained
 * start/           the model before its first step, a Hugging Face folder
 * checkpoints/     step-00000200/ and so on, each a Hugging Face folder with the optimiser's state
 * model/           the model of the best step, or of the last one (checkpoint.model), with its card
 * steps.csv, evaluations.csv, log.jsonl, events.out.tfevents..., report.html
 * </pre>
 *
 * {@snippet :
 * Config config = Config.read(Path.of("run.yaml"), TrainingKeys.schema(), List.of());
 * RunResult result = new TrainingRun(config, listener).run(false, System.err::println);
 * }
 *
 * <p>Allowed imports: everything below {@code train} in the module's ladder.
 */
@NullMarked
package dev.quern.transformer.train.run;

import org.jspecify.annotations.NullMarked;
