package dev.quern.kernels.cuda.launch;

import dev.quern.core.op.BufferOp;
import dev.quern.core.op.Pages;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.QuernException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * What kernels say of values that they can't use: a record in pinned memory, which the first thread
 * that meets such a value fills, and which becomes an exception when the host waits for the device.
 *
 * <pre>
 * struct Status { int wanted, claimed, done, code, site, unused; long long index, value, bound, extra; };
 * </pre>
 *
 * <p>Records are numbered. The thread that changes {@code claimed} from {@code wanted} − 1 to
 * {@code wanted} writes the rest, and {@code done} = {@code wanted} last, behind a fence: a record
 * that is done is whole, even if the host reads it while kernels run. The host takes the next one
 * by adding 1 to {@code wanted}. So each word that decides is written by one side alone (a device's
 * atomic operations on the host's memory aren't atomic for the host), and a record that was read is
 * never taken for a new one. Index is the value's place among its kind, or −1.
 */
public final class Status {
  /** The size of the record. */
  public static final int BYTES = 56;

  /** {@code code}: value is an index outside 0..bound − 1. */
  public static final int INDEX = 1;

  /** {@code code}: value is an index outside −bound..bound − 1, where negative ones are allowed. */
  public static final int SIGNED_INDEX = 2;

  /** {@code code}: value is a length outside 0..bound. */
  public static final int LENGTH = 3;

  /**
   * {@code code}: rows value..value + extra − 1 of sequence index do not fit in a cache of bound.
   */
  public static final int ROOM = 4;

  /** {@code code}: entry extra of sequence index's pages is value, outside 0..bound − 1. */
  public static final int PAGE = 5;

  private static final long WANTED = 0;
  private static final long DONE = 8;
  private static final long CODE_AT = 12;
  private static final long SITE = 16;
  private static final long INDEX_AT = 24;
  private static final long VALUE = 32;
  private static final long BOUND = 40;
  private static final long EXTRA = 48;
  private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();

  private record Site(String op, String role) {}

  private final MemorySegment memory;
  private final Map<Site, Integer> numbers = new ConcurrentHashMap<>();
  private final List<Site> sites = new CopyOnWriteArrayList<>();

  /**
   * A record without a complaint.
   *
   * @param memory pinned, at least {@link #BYTES}
   */
  Status(MemorySegment memory) {
    this.memory = memory.asSlice(0, BYTES).fill((byte) 0);
    this.memory.set(ValueLayout.JAVA_INT, WANTED, 1);
  }

  /** Where it is. */
  MemorySegment memory() {
    return memory;
  }

  /**
   * The number that kernels write for a kind of value.
   *
   * @param op the operation's name
   * @param role which of its inputs, as the CPU's kernels call it
   * @return 0, 1, 2...
   */
  int site(String op, String role) {
    return numbers.computeIfAbsent(
        new Site(op, role),
        s -> {
          synchronized (sites) {
            sites.add(s);
            return sites.size() - 1;
          }
        });
  }

  /**
   * Looks at it, when the kernels have run.
   *
   * @throws IndexException if a kernel met a wrong value; the next check hears of the next one
   */
  synchronized void check() {
    int wanted = memory.get(ValueLayout.JAVA_INT, WANTED);
    if ((int) INT.getAcquire(memory, DONE) == wanted) {
      QuernException e = complaint(memory.get(ValueLayout.JAVA_INT, CODE_AT));
      INT.setRelease(memory, WANTED, wanted + 1);
      throw e;
    }
  }

  private QuernException complaint(int code) {
    int number = memory.get(ValueLayout.JAVA_INT, SITE);
    long index = memory.get(ValueLayout.JAVA_LONG, INDEX_AT);
    long value = memory.get(ValueLayout.JAVA_LONG, VALUE);
    long bound = memory.get(ValueLayout.JAVA_LONG, BOUND);
    if (number < 0 || number >= sites.size() || code < INDEX || code > PAGE) {
      return new QuernException(
          "[cuda] a kernel left a status that can't be read: code %d, site %d, value %d, bound %d"
              .formatted(code, number, value, bound));
    }
    Site site = sites.get(number);
    if (code == ROOM) {
      return noRoom(index, value, memory.get(ValueLayout.JAVA_LONG, EXTRA), bound);
    }
    if (code == PAGE) {
      return noPage(site.op(), index, memory.get(ValueLayout.JAVA_LONG, EXTRA), value, bound);
    }
    long first = code == SIGNED_INDEX ? -bound : 0;
    long last = code == LENGTH ? bound : bound - 1;
    String which = index < 0 ? "one of the " + site.role() : site.role() + "[" + index + "]";
    return new IndexException(
        "[%s] %s is %d, outside %d..%d; correct the %s, or enlarge what they address"
            .formatted(site.op(), which, value, first, last, site.role()));
  }

  private static QuernException noPage(String op, long sequence, long at, long page, long pages) {
    try {
      Pages.require(op, sequence, at, page, pages);
    } catch (QuernException e) {
      return e;
    }
    return new QuernException("[cuda] a kernel complained of a page that there is");
  }

  private static QuernException noRoom(long sequence, long start, long rows, long capacity) {
    try {
      BufferOp.CacheWrite.requireRoom(sequence, start, rows, capacity);
    } catch (QuernException e) {
      return e;
    }
    return new QuernException("[cuda] a kernel complained of rows that fit in their cache");
  }
}
