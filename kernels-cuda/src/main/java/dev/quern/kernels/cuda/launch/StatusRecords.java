package dev.quern.kernels.cuda.launch;

import dev.quern.kernels.cuda.driver.DeviceContext;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * The records of a device's engines: pieces of pinned pages, each taken again when its engine can't
 * be reached any more.
 */
final class StatusRecords {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final long PAGE = 4096;
  private static final long STRIDE = 64; // a record's size, a cache line

  private final DeviceContext context;
  private final Deque<MemorySegment> fresh = new ArrayDeque<>();
  private final Queue<MemorySegment> returned = new ConcurrentLinkedQueue<>();

  StatusRecords(DeviceContext context) {
    this.context = context;
  }

  /** A record without a complaint. */
  synchronized Status take() {
    MemorySegment record = returned.poll();
    if (record == null) {
      record = fresh();
    } else {
      context.synchronize(); // kernels of its last engine may still run
    }
    Status status = new Status(record);
    MemorySegment back = record;
    CLEANER.register(status, () -> returned.add(back));
    return status;
  }

  private MemorySegment fresh() {
    if (fresh.isEmpty()) {
      context.enter();
      MemorySegment page = context.withRoom(() -> context.driver().hostAlloc(PAGE));
      for (long at = 0; at < PAGE; at += STRIDE) {
        fresh.add(page.asSlice(at, STRIDE));
      }
    }
    return fresh.remove();
  }
}
