package dev.quern.core.memory;

import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;

/**
 * Until when a piece of memory may be used: one object per owner (a scope, a model's file, a plan),
 * shared by all storages of that owner, so that "is it still open?" is one volatile read.
 */
public final class Lifetime {
  private final String owner;
  private volatile boolean open = true;

  /**
   * An open lifetime.
   *
   * @param owner what the errors call it, for example {@code scope 'step'}
   */
  public Lifetime(String owner) {
    this.owner = owner;
  }

  /**
   * What the errors call the owner.
   *
   * @return for example {@code scope 'step'}
   */
  public String owner() {
    return owner;
  }

  /**
   * Whether memory of this owner may be used.
   *
   * @return false after {@link #close()}
   */
  public boolean isOpen() {
    return open;
  }

  /**
   * Ends it.
   *
   * @return true the first time, false when it had ended before
   */
  public synchronized boolean close() {
    boolean was = open;
    open = false;
    return was;
  }

  /**
   * Refuses a use after the end.
   *
   * @param spec the tensor that is about to be used
   * @throws ScopeClosedException if closed; names the tensor and the owner
   */
  public void check(TensorSpec spec) {
    if (!open) {
      throw new ScopeClosedException(
          "tensor "
              + spec
              + " was used after its owner, "
              + owner
              + ", was closed; keep the owner open, or scope.promote(tensor) before closing it");
    }
  }
}
