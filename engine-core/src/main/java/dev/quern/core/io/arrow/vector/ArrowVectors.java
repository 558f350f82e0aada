package dev.quern.core.io.arrow.vector;

import dev.quern.core.io.arrow.ArrowFile;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.NotSupportedException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;

/**
 * Converts batches to arrow-vector's objects and back, with everything in them: nulls, lists,
 * structs, dictionaries, extension types. Both ways copy, so that neither side's memory outlives
 * its owner in the other's hands.
 */
@SuppressWarnings("exports") // who calls this has arrow-vector in its own module descriptor
public final class ArrowVectors {
  private ArrowVectors() {}

  /**
   * An allocator of arrow-vector's memory.
   *
   * @return a root allocator, to be closed after all that it allocated
   * @throws NotSupportedException if the library or the JVM flag is missing
   */
  public static BufferAllocator allocator() {
    VectorLibrary.check();
    return Conversion.allocator();
  }

  /**
   * Converts one batch to vectors.
   *
   * @param file holds it
   * @param batch from 0
   * @param allocator of the vectors' memory
   * @return the vectors, to be closed; they are independent of the file
   * @throws IndexException if there is no such batch
   * @throws FormatException if it is damaged
   * @throws NotSupportedException if the library or the JVM flag is missing, or the batch's buffers
   *     are compressed
   */
  public static LoadedVectors load(ArrowFile file, int batch, BufferAllocator allocator) {
    VectorLibrary.check();
    return Conversion.load(file, batch, allocator);
  }

  /**
   * Converts vectors to a file in memory of one batch.
   *
   * @param name what errors call it
   * @param root the vectors; they stay as they are
   * @param dictionaries of the dictionary-encoded ones; a {@code
   *     DictionaryProvider.MapDictionaryProvider()} if there are none
   * @return the file, to be closed; it is independent of the vectors
   * @throws NotSupportedException if the library or the JVM flag is missing
   */
  public static ArrowFile read(
      String name, VectorSchemaRoot root, DictionaryProvider dictionaries) {
    VectorLibrary.check();
    return Conversion.read(name, root, dictionaries);
  }
}
