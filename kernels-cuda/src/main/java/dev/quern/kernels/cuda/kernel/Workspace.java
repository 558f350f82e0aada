package dev.quern.kernels.cuda.kernel;

import dev.quern.kernels.cuda.driver.DeviceContext;
import dev.quern.kernels.cuda.launch.CudaDevice;

/**
 * Working memory that all products of a device share, since they run one after another: what
 * cuBLASLt works in, and sums of products whose k is cut into pieces. Taken when it is first
 * wanted. A device that has no memory for it refuses the product: without it, the product would be
 * added up in another order, and its bits would depend on what else is in memory.
 */
final class Workspace {
  /** Of the memory. */
  static final long BYTES = 32L << 20;

  /** Counts of pieces that are there, each an int that is 0 between launches. */
  static final int COUNTERS = 8192;

  private final CudaDevice device;
  private long address;

  private Workspace(CudaDevice device) {
    this.device = device;
  }

  /** The device's. */
  static Workspace of(CudaDevice device) {
    return device.shared(Workspace.class, () -> new Workspace(device));
  }

  /**
   * Where it is.
   *
   * @throws dev.quern.core.type.DeviceException if the device has no memory left for it; the next
   *     call asks again
   */
  synchronized long address() {
    if (address == 0) {
      DeviceContext context = device.context();
      long counterBytes = COUNTERS * (long) Integer.BYTES;
      long taken = context.lend(BYTES + counterBytes);
      device.driver().fill(taken + BYTES, (byte) 0, counterBytes, context.stream());
      address = taken;
    }
    return address;
  }

  /** Where the counters are. */
  long counters() {
    return address() + BYTES;
  }

  /**
   * Whether it is large enough for a product that is cut into pieces.
   *
   * @param tiles that are added up one by one
   * @param bytes of all pieces' sums
   */
  static boolean holds(long tiles, long bytes) {
    return tiles <= COUNTERS && bytes <= BYTES;
  }
}
