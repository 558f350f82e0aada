package dev.quern.core.spi;

import org.jspecify.annotations.Nullable;

/**
 * A bound call whose time goes into reading much memory once, as a product of one row and a matrix
 * does. A plan tells each of its streaming calls which one follows.
 */
public interface StreamingCall extends Runnable {
  /**
   * What the call reads first.
   *
   * @return null if it isn't worth fetching
   */
  @Nullable ReadAhead first();

  /**
   * What to fetch when threads have nothing left to do in this call.
   *
   * @param next {@link #first} of the streaming call that follows
   */
  void then(ReadAhead next);
}
