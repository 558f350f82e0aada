/**
 * Arrow's columnar files and streams, read over mapped memory and written: text, token lists,
 * labels and numbers for training, with numbers and {@code arrow.fixed_shape_tensor}s as tensors
 * that are not copied.
 *
 * <p>{@link dev.quern.core.io.arrow.ArrowFile} reads both layouts; {@link
 * dev.quern.core.io.arrow.ArrowWriter} writes both. Source: Arrow's columnar format, its IPC part
 * and its canonical extension types (arrow.apache.org/docs/format). Its metadata are flatbuffers,
 * read with the classes of arrow-format.
 *
 * <p>Allowed imports: {@code dev.quern.core.io}, {@code dev.quern.core.memory}, {@code
 * dev.quern.core.type}, {@code org.apache.arrow.flatbuf}, {@code com.google.flatbuffers}.
 *
 * {@snippet :
 * try (ArrowFile file = ArrowFile.open(path)) {
 *   for (int b = 0; b < file.batches(); b++) {
 *     ArrowBatch batch = file.batch(b);
 *     TextColumn text = batch.texts("text");
 *     for (long row = 0; row < batch.rows(); row++) {
 *       learn(text.text(row));
 *     }
 *   }
 * }
 * }
 */
@NullMarked
package dev.quern.core.io.arrow;

import org.jspecify.annotations.NullMarked;
