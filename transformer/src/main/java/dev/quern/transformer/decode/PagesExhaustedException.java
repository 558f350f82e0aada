package dev.quern.transformer.decode;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** A pool has fewer free pages than sequences need to grow. Nothing was taken, nothing changed. */
public final class PagesExhaustedException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  private final int needed;
  private final int free;

  /**
   * An error.
   *
   * @param needed pages that were asked for
   * @param free pages that there are
   * @param pool what they were asked of
   */
  PagesExhaustedException(int needed, int free, PagePool pool) {
    super(
        "[pagePool] "
            + needed
            + " more pages of "
            + pool.pageSize()
            + " tokens are needed, "
            + (pool.pages() - free)
            + " of "
            + pool.pages()
            + " are held and "
            + free
            + " are free; truncate or close sessions that share the pool, or make it larger");
    this.needed = needed;
    this.free = free;
  }

  /**
   * How many pages were asked for at once.
   *
   * @return pages
   */
  public int needed() {
    return needed;
  }

  /**
   * How many of them there were.
   *
   * @return pages
   */
  public int free() {
    return free;
  }
}
