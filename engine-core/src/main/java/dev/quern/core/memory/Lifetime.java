package dev.quern.core.memory;

import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;
import java.lang.System.Logger.Level;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Until when a piece of memory may be used: one object per owner (a scope, a model's file, a plan),
 * shared by all storages of that owner, so that "is it still open?" is one volatile read.
 *
 * <p>It also counts the running operations that use the memory. Closing refuses new uses at once;
 * what the owner has to free is freed when the last use has ended, by the thread that ends it. So
 * an owner that is closed too early on one thread never pulls memory from under another.
 */
public final class Lifetime {
  private static final System.Logger LOG = System.getLogger("dev.quern.memory");
  private static final VarHandle STATE;

  /** The sign of {@link #state}: closed. The other bits count the uses. */
  private static final int CLOSED = Integer.MIN_VALUE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(Lifetime.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final String owner;
  private final boolean endless;
  private volatile int state;
  private @Nullable Runnable free; // written before the state becomes CLOSED

  /**
   * An open lifetime.
   *
   * @param owner what the errors call it, for example {@code scope 'step'}
   */
  public Lifetime(String owner) {
    this(owner, false);
  }

  private Lifetime(String owner, boolean endless) {
    this.owner = owner;
    this.endless = endless;
  }

  /** A lifetime that is never closed, whose uses need no counting. */
  static Lifetime endless(String owner) {
    return new Lifetime(owner, true);
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
   * @return false after {@link #close}
   */
  public boolean isOpen() {
    return state >= 0;
  }

  /**
   * Whether a running operation uses the memory.
   *
   * @return true between {@link #acquire} and {@link #release}
   */
  public boolean isInUse() {
    return (state & ~CLOSED) != 0;
  }

  /**
   * Begins a use: until {@link #release}, closing frees nothing. One atomic operation.
   *
   * @param spec the tensor that is about to be used
   * @throws ScopeClosedException if closed; names the tensor and the owner
   */
  public void acquire(TensorSpec spec) {
    if (endless) {
      return;
    }
    int s = state;
    while (s >= 0) {
      if (STATE.compareAndSet(this, s, s + 1)) {
        return;
      }
      s = state;
    }
    throw closed(spec);
  }

  /** Ends a use. The last one after {@link #close} frees what was to be freed. */
  public void release() {
    if (endless) {
      return;
    }
    int before = (int) STATE.getAndAdd(this, -1);
    if (before == CLOSED + 1) {
      freeLate();
    }
  }

  /** An operation must not fail because somebody closed what it had used. */
  private void freeLate() {
    Runnable f = free;
    if (f != null) {
      try {
        f.run();
      } catch (RuntimeException e) {
        LOG.log(Level.WARNING, "what " + owner + " held could not be freed", e);
      }
    }
  }

  /**
   * Ends it. For owners that have nothing to free.
   *
   * @return true the first time, false when it had ended before
   */
  public boolean close() {
    return close(() -> {});
  }

  /**
   * Ends it: refuses new uses from now on, and frees once the last running one has ended.
   *
   * @param whenUnused frees what the owner holds; runs here if there is no use, else on the thread
   *     that ends the last one. Not called if this had been closed before
   * @return true the first time, false when it had ended before
   */
  public boolean close(Runnable whenUnused) {
    int before;
    synchronized (this) {
      if (!isOpen()) {
        return false;
      }
      free = whenUnused;
      before = (int) STATE.getAndBitwiseOr(this, CLOSED);
    }
    if (before == 0) {
      whenUnused.run();
    }
    return true;
  }

  /**
   * Refuses a use after the end.
   *
   * @param spec the tensor that is about to be used
   * @throws ScopeClosedException if closed; names the tensor and the owner
   */
  public void check(TensorSpec spec) {
    if (!isOpen()) {
      throw closed(spec);
    }
  }

  private ScopeClosedException closed(TensorSpec spec) {
    return new ScopeClosedException(
        "tensor "
            + spec
            + " was used after its owner, "
            + owner
            + ", was closed; keep the owner open, or scope.promote(tensor) before closing it");
  }
}
