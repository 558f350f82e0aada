/**
 * Metrics: how good predictions are, and how sure one may be of that.
 *
 * <p>{@link dev.quern.transformer.evaluate.ClassificationReport} has accuracy, precision, recall
 * and F1 from a {@link dev.quern.transformer.evaluate.ConfusionMatrix}; {@link
 * dev.quern.transformer.evaluate.RocAuc} ranks scores; {@link
 * dev.quern.transformer.evaluate.LanguageModelScore} is perplexity and bits per byte. Results are
 * immutable, print as Markdown, and have a JSON form in which an undefined number is null.
 *
 * {@snippet :
 * ConfusionMatrix matrix = ConfusionMatrix.of(expected, predicted, 3);
 * System.out.println(ClassificationReport.of(matrix, List.of("no", "maybe", "yes")));
 * ConfidenceInterval accuracy =
 *     new Bootstrap(1000, 0.95, 1)
 *         .interval(
 *             expected.length,
 *             drawn -> ConfusionMatrix.of(expected, predicted, drawn, 3).accuracy());
 * }
 *
 * <p>Allowed imports: java.base, Jackson, JSpecify, and of the core {@code dev.quern.core.type}
 * (its errors) and {@code dev.quern.core.op.Philox}. The package stands alone: it takes numbers,
 * not models.
 */
@NullMarked
package dev.quern.transformer.evaluate;

import org.jspecify.annotations.NullMarked;
