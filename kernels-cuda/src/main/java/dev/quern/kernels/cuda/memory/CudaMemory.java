package dev.quern.kernels.cuda.memory;

import dev.quern.core.memory.DeviceMemory;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.Setting;
import dev.quern.kernels.cuda.driver.CudaDriver.MemoryInfo;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.DeviceContext;
import dev.quern.kernels.cuda.memory.Region.Piece;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A device's memory, kept for reuse: the driver is slow to give it, and waits for the device to
 * take it back. All work goes to one stream, so a piece can be taken again as soon as it was given
 * back, whatever still runs.
 *
 * <p>The driver gives regions, which are cut into pieces and joined again: 2 MiB for requests up to
 * 1 MiB, 32 MiB for those up to 8 MiB, else one of the request's size. The smallest free piece that
 * is large enough is taken.
 *
 * <p>When memory is out, first the regions go that nobody holds any of, then the collector is asked
 * for tensors that nobody reaches any more; then there is an exception, and everything goes on.
 */
public final class CudaMemory implements DeviceMemory {
  /** The system property that limits what is reserved; by default all that the device has. */
  public static final String BUDGET = "quern.cuda.memoryBytes";

  private static final long ALIGNMENT = 256;
  private static final long PAGE = 2L << 20;
  private static final long SMALL = 1L << 20;
  private static final long MEDIUM = 8L << 20;
  private static final long MEDIUM_REGION = 32L << 20;
  private static final int WAITS = 20;
  private static final long WAIT_MILLIS = 25;

  private final DeviceContext context;
  private final Device device;
  private final boolean whole;
  private final long budgetBytes;
  private final FreePieces small = new FreePieces();
  private final FreePieces large = new FreePieces();
  private final Map<Long, Piece> held = new HashMap<>();
  private final List<Region> regions = new ArrayList<>();
  private long reservedBytes;
  private long heldBytes;
  private long peakHeldBytes;
  private long takes;
  private long reservations;

  /**
   * The memory of a device, within the budget of {@value #BUDGET}.
   *
   * @param context the device
   * @param device its name in errors
   * @throws dev.quern.core.type.SettingException if the budget is no number of bytes
   */
  public CudaMemory(DeviceContext context, Device device) {
    this(context, device, Setting.number(BUDGET, Long.MAX_VALUE, PAGE, Long.MAX_VALUE), false);
  }

  /**
   * The memory of a device.
   *
   * @param context the device
   * @param device its name in errors
   * @param budgetBytes what it may reserve
   * @param whole whether each piece is a region of its own: slow, and drivers that watch the ends
   *     of what they gave, in tests, then see who writes past them
   */
  public CudaMemory(DeviceContext context, Device device, long budgetBytes, boolean whole) {
    this.context = context;
    this.device = device;
    this.budgetBytes = budgetBytes;
    this.whole = whole;
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public MemorySegment take(long bytes) {
    try {
      return takeOrMakeRoom(Math.max(ALIGNMENT, Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT));
    } catch (CudaDriverException e) {
      throw new DeviceException(device + ": " + e.getMessage() + "; check `nvidia-smi`", e);
    }
  }

  private MemorySegment takeOrMakeRoom(long size) {
    MemorySegment taken = tryTake(size);
    if (taken == null) {
      trim();
      taken = tryTake(size);
    }
    for (int i = 0; taken == null && i < WAITS && waitForCollector(i); i++) {
      taken = tryTake(size);
    }
    if (taken == null) {
      throw outOfMemory(size);
    }
    return taken;
  }

  private synchronized @Nullable MemorySegment tryTake(long size) {
    boolean isSmall = size <= SMALL && !whole;
    FreePieces free = isSmall ? small : large;
    Piece piece = free.pollBest(size);
    if (piece == null) {
      piece = reserve(size, isSmall);
    }
    if (piece == null) {
      return null;
    }
    if (piece.bytes - size >= (isSmall ? ALIGNMENT : SMALL) && !whole) {
      free.add(piece.split(size));
    }
    piece.held = true;
    held.put(piece.address, piece);
    heldBytes += piece.bytes;
    peakHeldBytes = Math.max(peakHeldBytes, heldBytes);
    takes++;
    return DeviceSegments.at(piece.address, piece.bytes);
  }

  private @Nullable Piece reserve(long size, boolean isSmall) {
    long bytes;
    if (whole) {
      bytes = size;
    } else if (isSmall) {
      bytes = PAGE;
    } else {
      bytes = size <= MEDIUM ? MEDIUM_REGION : Math.ceilDiv(size, PAGE) * PAGE;
    }
    Region region = ask(bytes, isSmall);
    if (region == null && bytes > size && !isSmall) {
      region = ask(Math.ceilDiv(size, PAGE) * PAGE, false);
    }
    return region == null ? null : region.first;
  }

  private @Nullable Region ask(long bytes, boolean isSmall) {
    if (bytes > budgetBytes - reservedBytes) {
      return null;
    }
    try {
      context.enter();
      Region region = new Region(context.driver().memAlloc(bytes), bytes, isSmall);
      regions.add(region);
      reservedBytes += bytes;
      reservations++;
      return region;
    } catch (CudaDriverException e) {
      if (e.isOutOfMemory()) {
        return null;
      }
      throw e;
    }
  }

  @Override
  public synchronized void give(MemorySegment segment) {
    Piece piece = held.remove(segment.address());
    if (piece == null) {
      throw new IllegalArgumentException(
          "[cuda] memory at 0x%x of %s was not taken, or given back already"
              .formatted(segment.address(), device));
    }
    piece.held = false;
    heldBytes -= piece.bytes;
    FreePieces free = piece.region.small ? small : large;
    Piece next = piece.next;
    if (next != null && !next.held) {
      free.remove(next);
      piece.swallowNext();
    }
    Piece previous = piece.previous;
    if (previous != null && !previous.held) {
      free.remove(previous);
      previous.swallowNext();
      piece = previous;
    }
    free.add(piece);
  }

  /**
   * Gives the driver what nobody holds, region by region. Waits for the device.
   *
   * @return how many bytes
   */
  public synchronized long trim() {
    long freed = 0;
    for (Region r : List.copyOf(regions)) {
      if (r.isFree()) {
        (r.small ? small : large).remove(r.first);
        regions.remove(r);
        context.synchronize();
        context.driver().memFree(r.first.address);
        reservedBytes -= r.bytes;
        freed += r.bytes;
      }
    }
    return freed;
  }

  /**
   * What it has.
   *
   * @return now
   */
  public synchronized MemoryStatistics statistics() {
    return new MemoryStatistics(
        budgetBytes, reservedBytes, heldBytes, peakHeldBytes, takes, reservations);
  }

  /** Not under the lock: what the collector finds is given back by a thread of its own. */
  private static boolean waitForCollector(int turn) {
    if (turn % 10 == 0) {
      System.gc();
    }
    try {
      Thread.sleep(WAIT_MILLIS);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private synchronized DeviceException outOfMemory(long size) {
    context.enter();
    MemoryInfo info = context.driver().memInfo();
    String limit =
        budgetBytes == Long.MAX_VALUE
            ? ""
            : "; the budget is %d bytes: raise -D%s".formatted(budgetBytes, BUDGET);
    return new DeviceException(
        ("%s: no memory for %d bytes; tensors and plans hold %d, %d are kept for reuse in pieces,"
                + " %d of %d are free on the device (other processes may hold the rest)%s;"
                + " close scopes, plans and models earlier, or lower the batch")
            .formatted(
                device,
                size,
                heldBytes,
                reservedBytes - heldBytes,
                info.freeBytes(),
                info.totalBytes(),
                limit));
  }
}
