package dev.quern.kernels.cuda.kernel;

import dev.quern.core.type.DeviceException;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.DeviceContext;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.lang.System.Logger.Level;

/**
 * Working memory that all products of a device share, since they run one after another: what
 * cuBLASLt works in, and sums of products whose k is cut into pieces. Taken when it is first
 * wanted; there may be none.
 */
final class Workspace {
  /** Of the memory. */
  static final long BYTES = 32L << 20;

  /** Counts of pieces that are there, each an int that is 0 between launches. */
  static final int COUNTERS = 8192;

  private static final System.Logger LOG = System.getLogger(Workspace.class.getName());

  private final CudaDevice device;
  private boolean asked;
  private long address;

  private Workspace(CudaDevice device) {
    this.device = device;
  }

  /** The device's. */
  static Workspace of(CudaDevice device) {
    return device.shared(Workspace.class, () -> new Workspace(device));
  }

  /** Where it is; 0 if the device has no memory left for it. */
  synchronized long address() {
    if (!asked) {
      asked = true;
      try {
        DeviceContext context = device.context();
        long taken = context.lend(BYTES + COUNTERS * (long) Integer.BYTES);
        device
            .driver()
            .fill(taken + BYTES, (byte) 0, COUNTERS * (long) Integer.BYTES, context.stream());
        address = taken;
      } catch (CudaDriverException | DeviceException e) {
        LOG.log(Level.DEBUG, "products do without memory of their own", e);
      }
    }
    return address;
  }

  /** Where the counters are. */
  long counters() {
    return address() + BYTES;
  }

  /**
   * Whether products may be cut into pieces.
   *
   * @param tiles that are added up one by one
   * @param bytes of all pieces' sums
   */
  boolean holds(long tiles, long bytes) {
    return tiles <= COUNTERS && bytes <= BYTES && address() != 0;
  }
}
