package dev.quern.core.memory;

import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The owner of the results computed while it is the innermost open scope of its thread.
 *
 * <p>Open it in try-with-resources. Closing gives all its memory back at once; what must outlive it
 * is {@linkplain #promote promoted} to the scope around it. Without any scope, results belong to
 * {@link AutomaticMemory}.
 *
 * <p>Other threads may read its tensors while it is open. If it is closed while an operation of
 * another thread still uses one, the memory is recycled when that operation has ended; the next use
 * throws.
 */
public final class TensorScope implements AutoCloseable {
  private static final ThreadLocal<@Nullable TensorScope> INNERMOST = new ThreadLocal<>();

  private final @Nullable TensorScope outer;
  private final Thread thread = Thread.currentThread();
  private final Lifetime lifetime;
  private final List<Storage> owned = new ArrayList<>();
  private final LeakReport leak;

  private TensorScope(String name, @Nullable TensorScope outer) {
    this.outer = outer;
    this.lifetime = new Lifetime("scope '" + name + "'");
    this.leak = LeakReport.watch(this, lifetime, owned);
  }

  /**
   * Opens a scope inside the innermost one of this thread.
   *
   * @return the scope, to be closed by this thread
   */
  public static TensorScope open() {
    return open("unnamed");
  }

  /**
   * Opens a named scope inside the innermost one of this thread.
   *
   * @param name what errors and leak reports call it
   * @return the scope, to be closed by this thread
   */
  public static TensorScope open(String name) {
    TensorScope scope = new TensorScope(name, INNERMOST.get());
    INNERMOST.set(scope);
    return scope;
  }

  /**
   * Memory for a new result, owned by this thread's innermost scope, or automatic if there is none.
   *
   * @param spec what it is for
   * @return a storage with arbitrary contents
   * @throws IllegalStateException on a thread of the kernel pool
   */
  public static Storage allocate(TensorSpec spec) {
    return allocate(spec, HostMemory.shared());
  }

  /**
   * Memory of a device for a new result, owned by this thread's innermost scope, or automatic if
   * there is none.
   *
   * @param spec what it is for
   * @param memory the device's
   * @return a storage with arbitrary contents
   * @throws IllegalStateException on a thread of the kernel pool
   * @throws dev.quern.core.type.DeviceException if there is no more memory
   */
  public static Storage allocate(TensorSpec spec, DeviceMemory memory) {
    if (Thread.currentThread() instanceof KernelThread) {
      throw new IllegalStateException(
          "tensor "
              + spec
              + " was requested on a kernel thread; kernels get their memory passed in");
    }
    TensorScope scope = INNERMOST.get();
    if (scope == null) {
      return AutomaticMemory.allocate(spec, memory);
    }
    Storage storage = Storage.allocate(memory, spec, scope.lifetime, false);
    scope.owned.add(storage);
    return storage;
  }

  /**
   * Hands a value to the scope around this one (or to automatic memory, if this is the outermost),
   * so that it outlives this scope.
   *
   * @param value a tensor of this scope; one owned elsewhere is returned as it is
   * @param <T> its type
   * @return the same value
   * @throws ScopeClosedException if this scope is closed or belongs to another thread
   */
  public <T extends Stored> T promote(T value) {
    checkThread("promote");
    Storage storage = value.storage();
    lifetime.check(storage.spec());
    if (storage.lifetime() == lifetime && owned.remove(storage)) {
      if (outer == null) {
        AutomaticMemory.adopt(storage);
      } else {
        storage.moveTo(outer.lifetime);
        outer.owned.add(storage);
      }
    }
    return value;
  }

  /**
   * Number of results that it owns.
   *
   * @return how many storages; 0 once closed
   */
  public int size() {
    return lifetime.isOpen() ? owned.size() : 0;
  }

  /**
   * Ends the scope and recycles its memory.
   *
   * @throws ScopeClosedException if closed twice, by another thread, or before an inner scope; in
   *     the last case the inner ones are closed with it
   */
  @Override
  public void close() {
    checkThread("close");
    if (!lifetime.isOpen()) {
      throw new ScopeClosedException(lifetime.owner() + " was closed twice; close it once");
    }
    StringBuilder inner = new StringBuilder();
    Set<TensorScope> seen = new HashSet<>();
    for (TensorScope s = INNERMOST.get(); s != null && s != this && seen.add(s); s = s.outer) {
      inner.append(inner.isEmpty() ? "" : ", ").append(s.lifetime.owner());
      s.end();
    }
    end();
    INNERMOST.set(outer);
    if (!inner.isEmpty()) {
      throw new ScopeClosedException(
          lifetime.owner()
              + " was closed before the scopes inside it ("
              + inner
              + "), which are closed now too; use try-with-resources");
    }
  }

  private void end() {
    leak.done();
    lifetime.close(this::recycle);
  }

  /** May run on another thread, after the end. */
  private void recycle() {
    Cleanup cleanup = new Cleanup();
    for (Storage s : owned) {
      cleanup.run(s::recycle);
    }
    owned.clear();
    cleanup.done();
  }

  private void checkThread(String what) {
    if (!Thread.currentThread().equals(thread)) {
      throw new ScopeClosedException(
          "["
              + what
              + "] "
              + lifetime.owner()
              + " belongs to thread '"
              + thread.getName()
              + "' and was used on '"
              + Thread.currentThread().getName()
              + "'; open a scope per thread");
    }
  }
}
