package dev.quern.core.memory;

import org.jspecify.annotations.Nullable;

/**
 * Frees several things of which each may fail, so that none is left behind because of another.
 *
 * {@snippet :
 * Cleanup cleanup = new Cleanup();
 * cleanup.run(replay::close);
 * cleanup.run(workspace::give);
 * cleanup.done(); // throws what was thrown
 * }
 */
public final class Cleanup {
  private @Nullable RuntimeException first;

  /** Nothing has failed yet. */
  public Cleanup() {}

  /**
   * Frees one thing.
   *
   * @param step what it throws waits until {@link #done}
   */
  public void run(Runnable step) {
    try {
      step.run();
    } catch (RuntimeException e) {
      if (first == null) {
        first = e;
      } else if (!first.equals(e)) {
        first.addSuppressed(e);
      }
    }
  }

  /** Throws the first of what the steps threw, with the others as suppressed ones. */
  public void done() {
    if (first != null) {
      throw first;
    }
  }
}
