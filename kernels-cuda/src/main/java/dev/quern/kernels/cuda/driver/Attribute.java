package dev.quern.kernels.cuda.driver;

/** What a device can be asked for: some of {@code CUdevice_attribute}, by the same numbers. */
public enum Attribute {
  /** Threads of a warp. */
  WARP_THREADS(10),
  /** Registers of a block, at most. */
  REGISTERS_PER_BLOCK(12),
  /** The clock's frequency in kHz. */
  CLOCK_KHZ(13),
  /** Multiprocessors. */
  MULTIPROCESSORS(16),
  /** The memory clock's frequency in kHz. */
  MEMORY_CLOCK_KHZ(36),
  /** Width of the memory bus in bits. */
  MEMORY_BUS_BITS(37),
  /** Bytes of the second-level cache. */
  L2_BYTES(38),
  /** Threads that a multiprocessor keeps, at most. */
  THREADS_PER_MULTIPROCESSOR(39),
  /** Whether host and device share one address space. */
  UNIFIED_ADDRESSING(41),
  /** The compute capability's first number. */
  MAJOR(75),
  /** The compute capability's second number. */
  MINOR(76),
  /** Bytes of shared memory of a multiprocessor. */
  SHARED_PER_MULTIPROCESSOR(81),
  /** Registers of a multiprocessor. */
  REGISTERS_PER_MULTIPROCESSOR(82),
  /** Bytes of shared memory that a block gets if its kernel asks for more than 48 KiB. */
  SHARED_PER_BLOCK_OPTIN(97);

  private final int id;

  Attribute(int id) {
    this.id = id;
  }

  /**
   * The driver's number for it.
   *
   * @return the value of CUdevice_attribute
   */
  public int id() {
    return id;
  }
}
