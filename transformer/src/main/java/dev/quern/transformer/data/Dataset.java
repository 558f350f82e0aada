package dev.quern.transformer.data;

import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.LongUnaryOperator;

/**
 * Examples in a known number, any of which can be had at any time, from any thread, and is the same
 * each time. Implement it for data of one's own.
 *
 * @param <E> an example
 */
public interface Dataset<E> {
  /**
   * Number of examples.
   *
   * @return at least 0; {@link Long#MAX_VALUE} if they never end
   */
  long size();

  /**
   * An example.
   *
   * @param index 0 to {@code size() - 1}
   * @return the example
   * @throws IndexOutOfBoundsException for another index
   */
  E get(long index);

  /**
   * The examples of a list.
   *
   * @param examples are copied
   * @param <E> an example
   * @return a dataset in their order
   */
  static <E> Dataset<E> of(List<E> examples) {
    List<E> copy = List.copyOf(examples);
    return new Selection<>(copy.size(), index -> copy.get(Math.toIntExact(index)));
  }

  /**
   * What a function makes of each example, computed each time it is asked for.
   *
   * @param function without state
   * @param <R> what it makes
   * @return as many examples
   */
  default <R> Dataset<R> map(Function<? super E, ? extends R> function) {
    return new Selection<>(size(), index -> function.apply(get(index)));
  }

  /**
   * Other examples in another order, each named by its index here.
   *
   * @param count how many
   * @param indices from 0 to {@code count - 1} to an index here; without state
   * @return a view
   */
  default Dataset<E> select(long count, LongUnaryOperator indices) {
    return new Selection<>(count, index -> get(indices.applyAsLong(index)));
  }

  /**
   * Some examples next to each other.
   *
   * @param from index of the first
   * @param to index after the last
   * @return a view
   * @throws IndexOutOfBoundsException if they aren't all here
   */
  default Dataset<E> slice(long from, long to) {
    Objects.checkFromToIndex(from, to, size());
    return select(to - from, index -> from + index);
  }

  /**
   * The examples one after another.
   *
   * @return a source that can begin anywhere without reading what is before
   */
  default ExampleSource<E> inOrder() {
    return position -> new DatasetStream<>(this, position);
  }
}
