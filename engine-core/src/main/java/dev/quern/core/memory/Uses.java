package dev.quern.core.memory;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What a running operation or plan uses: each owner is kept from freeing until {@link #release}.
 * For one thread; reusable, and then without allocation.
 *
 * {@snippet :
 * uses.acquire(x.storage());
 * try {
 *   kernel.run(args);
 * } finally {
 *   uses.release();
 * }
 * }
 */
public final class Uses {
  private @Nullable Lifetime[] held;
  private int count;

  /**
   * Nothing yet.
   *
   * @param capacity how many storages to expect; more are fine
   */
  public Uses(int capacity) {
    held = new @Nullable Lifetime[Math.max(1, capacity)];
  }

  /**
   * Begins to use a storage. Neighbours of one owner cost one atomic operation together.
   *
   * @param storage what is about to be read or written
   * @throws dev.quern.core.type.ScopeClosedException if its owner was closed; names tensor and
   *     owner. What was acquired before stays so until {@link #release}
   */
  public void acquire(Storage storage) {
    if (count > 0 && storage.lifetime() == held[count - 1]) {
      return;
    }
    if (count == held.length) {
      held = Arrays.copyOf(held, 2 * count);
    }
    held[count] = storage.acquire();
    count++;
  }

  /** Ends all uses. */
  public void release() {
    while (count > 0) {
      count--;
      Lifetime l = held[count];
      held[count] = null;
      if (l != null) {
        l.release();
      }
    }
  }
}
