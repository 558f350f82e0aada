package dev.quern.core.memory;

import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.Setting;
import dev.quern.core.type.TensorSpec;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Results computed with no scope open: freed by the garbage collector, within a byte budget.
 *
 * <p>The collector does not see off-heap bytes, so above the budget ({@code
 * -Dquern.memory.automaticBudgetBytes}, 2 GiB) an allocation asks for a collection, waits for it to
 * free memory, and fails if it does not.
 */
final class AutomaticMemory {
  private static final System.Logger LOG = System.getLogger("dev.quern.memory");
  private static final Cleaner CLEANER = Cleaner.create();
  private static volatile long knownBudgetBytes = -1;
  private static final int MAX_WAITS = 100;
  private static final long WAIT_MILLIS = 10;
  private static final AtomicLong LIVE_BYTES = new AtomicLong();
  private static final AtomicBoolean WARNED = new AtomicBoolean();
  private static final Lifetime FOREVER = Lifetime.endless("automatic memory");

  private AutomaticMemory() {}

  /** A device's memory has a budget of its own, which its pool keeps. */
  static Storage allocate(TensorSpec spec, DeviceMemory memory) {
    if (!memory.isHost()) {
      return Storage.allocate(memory, spec, FOREVER, false);
    }
    makeRoom(spec);
    MemorySegment segment = SegmentPool.shared().take(spec.byteSize());
    Storage storage = new Storage(segment, spec, Device.CPU, FOREVER, false);
    account(storage, segment.byteSize());
    return storage;
  }

  /** Takes over a storage that its scope lets go; its segment is freed, not recycled. */
  static void adopt(Storage storage) {
    storage.moveTo(FOREVER);
    if (storage.device().equals(Device.CPU)) {
      account(storage, storage.segment().byteSize());
    }
  }

  /**
   * Counts the bytes until the storage is unreachable. The segment itself is left to the collector:
   * handing it to somebody else here could be early by one running kernel.
   */
  private static void account(Storage storage, long bytes) {
    LIVE_BYTES.addAndGet(bytes);
    CLEANER.register(storage, () -> LIVE_BYTES.addAndGet(-bytes));
  }

  private static long budgetBytes() {
    long budget = knownBudgetBytes;
    if (budget < 0) {
      budget = Setting.number("quern.memory.automaticBudgetBytes", 2L << 30, 0, Long.MAX_VALUE);
      knownBudgetBytes = budget;
    }
    return budget;
  }

  private static void makeRoom(TensorSpec spec) {
    long bytes = spec.byteSize();
    long budget = budgetBytes();
    if (LIVE_BYTES.get() + bytes <= budget) {
      return;
    }
    if (WARNED.compareAndSet(false, true)) {
      LOG.log(
          Level.WARNING,
          "automatic tensor memory is over its budget of {0} bytes; open a TensorScope around the"
              + " work to free results deterministically",
          budget);
    }
    for (int i = 0; bytes <= budget && i < MAX_WAITS && LIVE_BYTES.get() + bytes > budget; i++) {
      if (i % 10 == 0) {
        System.gc();
      }
      try {
        Thread.sleep(WAIT_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        break;
      }
    }
    if (LIVE_BYTES.get() + bytes > budget) {
      throw new DeviceException(
          "cpu: tensor "
              + spec
              + " does not fit in automatic memory ("
              + LIVE_BYTES.get()
              + " of "
              + budget
              + " bytes in use); open a TensorScope around the work, or"
              + " raise -Dquern.memory.automaticBudgetBytes");
    }
  }
}
