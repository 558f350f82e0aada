package dev.quern.core.op;

import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;

/**
 * Mutable state: a parameter, a KV cache, running statistics. The only thing that operations write
 * to; each write moves its version, and a gradient tape refuses a saved value whose version moved.
 *
 * <p>{@link #value()} and its views always show the present contents. Closing a buffer gives its
 * memory back at once; one that is forgotten is freed by the garbage collector.
 */
public final class Buffer implements AutoCloseable {
  private final String name;
  private final Tensor value;

  /**
   * A buffer over a mutable tensor, for engines.
   *
   * @param name what errors call it
   * @param value a tensor whose storage is mutable
   */
  public Buffer(String name, Tensor value) {
    if (!value.storage().isMutable()) {
      throw new IllegalArgumentException("buffer '" + name + "' needs a mutable storage");
    }
    this.name = name;
    this.value = value;
  }

  /**
   * What errors call it.
   *
   * @return the name
   */
  public String name() {
    return name;
  }

  /**
   * Dtype and shape.
   *
   * @return the spec
   */
  public TensorSpec spec() {
    return value.spec();
  }

  /**
   * The present contents; later writes show through.
   *
   * @return a tensor over the buffer
   */
  public Tensor value() {
    return value;
  }

  /**
   * How often it was written.
   *
   * @return 0, 1, 2...
   */
  public int version() {
    return value.storage().version();
  }

  /**
   * Overwrites all of it.
   *
   * @param source same dtype; broadcasts to the buffer's shape
   */
  public void assign(Tensor source) {
    value.assign(source);
  }

  /**
   * Gives its memory back; its value can't be used any more. If an operation of another thread is
   * using it, the memory is recycled when that has ended.
   *
   * @throws ScopeClosedException if closed twice
   */
  @Override
  public void close() {
    if (!value.storage().lifetime().close(value.storage()::recycle)) {
      throw new ScopeClosedException("buffer '" + name + "' was closed twice; close it once");
    }
  }
}
