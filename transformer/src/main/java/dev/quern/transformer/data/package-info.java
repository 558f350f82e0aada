/**
 * Training data: from files to batches.
 *
 * <p>What can be had by its index is a {@link dev.quern.transformer.data.Dataset}; what can only be
 * read through is an {@link dev.quern.transformer.data.ExampleSource}. Batches are a {@code
 * Dataset} too: batch number n is a function of n and a seed alone. So there is no generator whose
 * state would have to be saved, a {@link dev.quern.transformer.data.LoaderState} is a number, and a
 * {@link dev.quern.transformer.data.Loader} may prepare batches on as many threads as it likes.
 *
 * {@snippet :
 * try (TokenFile tokens = TokenFile.open(Path.of("corpus.tokens"))) {
 *   Split<TokenSequence> split = Splits.contiguous(tokens, new SplitRatio(0.9, 0.1, 0));
 *   Dataset<Batch> batches = new RandomWindows(split.train(), 64, 12, 1337);
 *   try (Loader<Batch> loader = Loader.of(batches, 4, LoaderState.start("windows 64x12"))) {
 *     Batch batch = loader.next();
 *   }
 * }
 * }
 *
 * <p>Rows of JSON Lines ({@link dev.quern.transformer.data.JsonLines}) and of Arrow files ({@link
 * dev.quern.transformer.data.ArrowRows}) are read alike, as {@link dev.quern.transformer.data.Row}.
 * Another kind of file is another {@code Dataset}: nothing else changes.
 *
 * <p>Allowed imports: java.base, Jackson, JSpecify, and of the core {@code dev.quern.core.type}
 * (its errors), {@code dev.quern.core.io} (atomic files, Arrow), {@code
 * dev.quern.core.memory.MappedFile} and {@code dev.quern.core.op.Philox}. The package stands alone:
 * texts become ids by a function that the caller gives, such as a tokenizer's {@code encode}.
 */
@NullMarked
package dev.quern.transformer.data;

import org.jspecify.annotations.NullMarked;
