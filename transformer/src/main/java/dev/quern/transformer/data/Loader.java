package dev.quern.transformer.data;

import org.jspecify.annotations.Nullable;

/**
 * Hands out batches in their order while the next ones are prepared on virtual threads. How many
 * are prepared ahead changes nothing but the speed. For one thread.
 *
 * <p>What goes wrong in preparing batch n is thrown when batch n is asked for, again each time;
 * {@link #state} then still names batch n.
 *
 * @param <B> a batch
 */
public sealed interface Loader<B> extends AutoCloseable permits ParallelLoader, StreamLoader {
  /**
   * A loader of batches that can be prepared in any order, several at once.
   *
   * @param batches safe to share between threads
   * @param ahead how many are prepared before they are asked for; 0 prepares them when they are, on
   *     the caller's thread
   * @param from where to begin
   * @param <B> a batch
   * @return the loader, to be closed before what it reads
   * @throws DataException if {@code ahead} is negative
   */
  static <B> Loader<B> of(Dataset<B> batches, int ahead, LoaderState from) {
    DataException.atLeast("loader", "ahead", ahead, 0);
    return new ParallelLoader<>(batches, ahead, from);
  }

  /**
   * A loader of batches that can only be prepared one after another.
   *
   * @param batches are read on one virtual thread
   * @param ahead how many are prepared before they are asked for, at least 1
   * @param from where to begin
   * @param <B> a batch
   * @return the loader, to be closed before what it reads
   * @throws DataException if {@code ahead} is below 1
   */
  static <B> Loader<B> of(ExampleSource<B> batches, int ahead, LoaderState from) {
    DataException.atLeast("loader", "ahead", ahead, 1);
    return new StreamLoader<>(batches, ahead, from);
  }

  /**
   * The next batch.
   *
   * @return null at the end, also when asked again
   * @throws DataException if the thread is interrupted while it waits, or the loader is closed
   */
  @Nullable B next();

  /**
   * Where the run is: the batches handed out so far lie behind.
   *
   * @return to be saved with the run's weights
   */
  LoaderState state();

  /** Stops preparing and waits until that has stopped. Closing twice does nothing. */
  @Override
  void close();
}
