package dev.quern.kernels.ffm;

import dev.quern.core.spi.ReadAhead;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The beginning of streams that a stage reads, a piece of each in turn, as they will be read.
 *
 * <p>The streams' owner may have ended: an address that is mapped no more is no harm to {@code
 * quern_fetch}, which is why addresses are kept here, not segments.
 */
final class Ahead implements ReadAhead {
  private static final long PIECE = 4096;

  /** Of all streams together: half of a second-level cache, since one thread may fetch it all. */
  private static final long MOST_BYTES = 1 << 20;

  private final MemorySegment fetch;
  private final long[] starts;
  private final long[] sizes;
  private final int pieces;
  private final AtomicInteger next = new AtomicInteger();

  /**
   * Streams.
   *
   * @param fetch {@code quern_fetch}
   * @param streams at least one
   */
  Ahead(MemorySegment fetch, List<MemorySegment> streams) {
    this.fetch = fetch;
    long most = MOST_BYTES / streams.size();
    this.starts = streams.stream().mapToLong(MemorySegment::address).toArray();
    this.sizes = streams.stream().mapToLong(s -> Math.min(most, s.byteSize())).toArray();
    long longest = 0;
    for (long size : sizes) {
      longest = Math.max(longest, size);
    }
    this.pieces = Math.toIntExact(Math.ceilDiv(longest, PIECE)) * starts.length;
    next.set(pieces);
  }

  @Override
  public void begin() {
    next.set(0);
  }

  @Override
  public boolean fetch() {
    if (next.get() >= pieces) {
      return false;
    }
    int piece = next.getAndIncrement();
    if (piece >= pieces) {
      return false;
    }
    int stream = piece % starts.length;
    long at = piece / starts.length * PIECE;
    if (at < sizes[stream]) {
      Calls.fetch(fetch, starts[stream] + at, Math.min(PIECE, sizes[stream] - at));
    }
    return true;
  }
}
