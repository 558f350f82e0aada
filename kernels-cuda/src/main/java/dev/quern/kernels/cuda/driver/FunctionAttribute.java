package dev.quern.kernels.cuda.driver;

/**
 * What a kernel can be asked for or given: some of {@code CUfunction_attribute}, by its numbers.
 */
public enum FunctionAttribute {
  /** Threads of a block that it can run with, at most. */
  MOST_THREADS(0),
  /** Bytes of shared memory that it declares. */
  STATIC_SHARED_BYTES(1),
  /** Bytes that each thread spills or indexes, outside registers. */
  LOCAL_BYTES(3),
  /** Registers of each thread. */
  REGISTERS(4),
  /** Bytes of dynamic shared memory, at most; can be set. */
  MOST_DYNAMIC_SHARED_BYTES(8);

  private final int id;

  FunctionAttribute(int id) {
    this.id = id;
  }

  /**
   * The driver's number for it.
   *
   * @return the value of CUfunction_attribute
   */
  public int id() {
    return id;
  }
}
