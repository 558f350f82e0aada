package dev.quern.transformer.data;

import org.jspecify.annotations.Nullable;

/**
 * A reading of an {@link ExampleSource}, for one thread at a time.
 *
 * @param <E> an example
 */
public interface ExampleStream<E> extends AutoCloseable {
  /**
   * The next example.
   *
   * @return null at the end, also when asked again
   */
  @Nullable E next();

  /**
   * Where the reading is: a reading that is opened there goes on with the same example.
   *
   * @return how many examples lie behind
   */
  long position();

  /** Lets go of files and the like. Closing twice does nothing. */
  @Override
  void close();
}
