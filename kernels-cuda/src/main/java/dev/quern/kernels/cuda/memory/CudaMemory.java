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
import java.util.function.Function;
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
 * for tensors that nobody reaches any more; then there is an exception, and everything goes on. A
 * request that could not be met if all else were free is refused at once.
 *
 * <p>Unless a budget is set, the device's last memory is left to the driver, which needs some for
 * modules, graphs and launches: 1/64 of the device, from 64 to 512 MiB.
 */
public final class CudaMemory implements DeviceMemory {
  /** The system property that limits what is reserved; then all of it may be. */
  public static final String BUDGET = "quern.cuda.memoryBytes";

  private static final long ALIGNMENT = 256;
  private static final long PAGE = 2L << 20;
  private static final long SMALL = 1L << 20;
  private static final long MEDIUM = 8L << 20;
  private static final long MEDIUM_REGION = 32L << 20;
  private static final int HEAD_ROOM_SHARE = 64;
  private static final long LEAST_HEAD_ROOM = 64L << 20;
  private static final long MOST_HEAD_ROOM = 512L << 20;
  private static final int WAITS = 20;
  private static final long WAIT_MILLIS = 25;

  private final DeviceContext context;
  private final Device device;
  private final boolean whole;
  private final long budgetBytes;
  private final long headRoomBytes;
  private final FreePieces small = new FreePieces();
  private final FreePieces large = new FreePieces();
  private final Map<Long, Piece> held = new HashMap<>();
  private final List<Region> regions = new ArrayList<>();
  private volatile Function<CudaDriverException, DeviceException> explanation;
  private long reservedBytes;
  private long heldBytes;
  private long peakHeldBytes;
  private long takes;
  private long reservations;

  /**
   * The memory of a device, within the budget of {@value #BUDGET}, or without one all but the head
   * room.
   *
   * @param context the device
   * @param device its name in errors
   * @throws dev.quern.core.type.SettingException if the budget is no number of bytes
   */
  public CudaMemory(DeviceContext context, Device device) {
    this(context, device, Setting.number(BUDGET, 0, PAGE, Long.MAX_VALUE), false);
  }

  /**
   * The memory of a device.
   *
   * @param context the device
   * @param device its name in errors
   * @param budgetBytes what it may reserve; 0 for all but the head room
   * @param whole whether each piece is a region of its own: slow, and drivers that watch the ends
   *     of what they gave, in tests, then see who writes past them
   */
  public CudaMemory(DeviceContext context, Device device, long budgetBytes, boolean whole) {
    this.context = context;
    this.device = device;
    this.whole = whole;
    context.enter();
    long total = context.driver().memInfo().totalBytes();
    this.headRoomBytes =
        budgetBytes > 0 ? 0 : Math.clamp(total / HEAD_ROOM_SHARE, LEAST_HEAD_ROOM, MOST_HEAD_ROOM);
    this.budgetBytes = budgetBytes > 0 ? Math.min(budgetBytes, total) : total - headRoomBytes;
    this.explanation =
        e -> new DeviceException(device + ": " + e.getMessage() + "; check `nvidia-smi`", e);
  }

  /**
   * Says how refusals of the driver become exceptions, in the place of a message that knows nothing
   * of kernels.
   *
   * @param explain makes the exception
   */
  public void explainBy(Function<CudaDriverException, DeviceException> explain) {
    explanation = explain;
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public MemorySegment take(long bytes) {
    try {
      return takeOrMakeRoom(roundedUp(Math.max(1, bytes), ALIGNMENT));
    } catch (CudaDriverException e) {
      throw explanation.apply(e);
    }
  }

  /** The next multiple; a request that has none stays as it is, and is too large anyway. */
  private static long roundedUp(long bytes, long unit) {
    return bytes > Long.MAX_VALUE - unit ? bytes : Math.ceilDiv(bytes, unit) * unit;
  }

  private MemorySegment takeOrMakeRoom(long size) {
    MemorySegment taken = tryTake(size);
    boolean possible = (whole ? size : roundedUp(size, PAGE)) <= budgetBytes;
    if (taken == null && possible) {
      trim();
      taken = tryTake(size);
    }
    for (int i = 0; taken == null && possible && i < WAITS && waitForCollector(i); i++) {
      taken = tryTake(size);
      if (taken == null && trim() > 0) { // what came back may lie in regions that are too small
        taken = tryTake(size);
      }
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
      bytes = size <= MEDIUM ? MEDIUM_REGION : roundedUp(size, PAGE);
    }
    Region region = ask(bytes, isSmall);
    if (region == null && bytes > size && !isSmall) {
      region = ask(roundedUp(size, PAGE), false);
    }
    return region == null ? null : region.first;
  }

  private @Nullable Region ask(long bytes, boolean isSmall) {
    if (bytes > budgetBytes - reservedBytes) {
      return null;
    }
    try {
      context.enter();
      if (headRoomBytes > 0 && context.driver().memInfo().freeBytes() - bytes < headRoomBytes) {
        return null;
      }
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
    List<Region> unused = regions.stream().filter(Region::isFree).toList();
    if (unused.isEmpty()) {
      return 0;
    }
    context.synchronize();
    long freed = 0;
    for (Region r : unused) {
      context.driver().memFree(r.first.address);
      (r.small ? small : large).remove(r.first);
      regions.remove(r);
      reservedBytes -= r.bytes;
      freed += r.bytes;
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

  /**
   * What is held, kept and free, for errors.
   *
   * @return a part of a sentence
   */
  public synchronized String usage() {
    context.enter();
    MemoryInfo info = context.driver().memInfo();
    return "tensors and plans hold %d, %d are kept for reuse in pieces, %d of %d are free on the device (other processes may hold the rest)"
        .formatted(heldBytes, reservedBytes - heldBytes, info.freeBytes(), info.totalBytes());
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

  private DeviceException outOfMemory(long size) {
    String limit =
        headRoomBytes > 0
            ? "%d are left to the driver".formatted(headRoomBytes)
            : "the budget is %d bytes: raise -D%s".formatted(budgetBytes, BUDGET);
    return new DeviceException(
        "%s: no memory for %d bytes; %s; %s; close scopes, plans and models earlier, or lower the batch"
            .formatted(device, size, usage(), limit));
  }
}
