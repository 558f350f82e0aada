package dev.quern.transformer.data;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Examples that can only be read one after another: decompressed, received, or made on the way.
 * Each reading gives the same ones in the same order.
 *
 * @param <E> an example
 */
@FunctionalInterface
public interface ExampleSource<E> {
  /**
   * Begins to read.
   *
   * @param position how many examples to pass over; sources that can't jump read them
   * @return the rest of the examples, none if there are not so many
   */
  ExampleStream<E> open(long position);

  /**
   * Fills batches.
   *
   * @param batchSize examples in each, at least 1
   * @param collate makes a batch of them; the last one may have fewer
   * @param <B> a batch
   * @return the batches; position n is batch n
   * @throws DataException if the size is below 1
   */
  default <B> ExampleSource<B> batched(
      int batchSize, Function<? super List<E>, ? extends B> collate) {
    DataException.atLeast("batched", "batchSize", batchSize, 1);
    return position ->
        new BatchedStream<>(
            open(Math.multiplyExact(position, batchSize)), position, batchSize, collate);
  }

  /**
   * Reads all that is left.
   *
   * @param stream is closed
   * @param <E> an example
   * @return the examples
   */
  static <E> List<E> drain(ExampleStream<E> stream) {
    List<E> all = new ArrayList<>();
    try (stream) {
      for (E e = stream.next(); e != null; e = stream.next()) {
        all.add(e);
      }
    }
    return all;
  }
}
