package dev.quern.core.spi;

/**
 * Memory that a later call will read first. Threads of a {@link TaskPool} that wait have it brought
 * into their caches, so that reading goes on while other threads end a call, or while one thread
 * alone does the small calls between two large ones.
 *
 * <p>Any thread may call, several at once, and also after the memory's owner has ended: an
 * implementation gives hints to the processor, it never loads.
 */
public interface ReadAhead {
  /** Starts again from the beginning. */
  void begin();

  /**
   * Asks for the next few KiB; returns in less than a microsecond or so.
   *
   * @return false if nothing is left
   */
  boolean fetch();
}
