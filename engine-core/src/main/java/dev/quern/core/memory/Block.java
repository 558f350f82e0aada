package dev.quern.core.memory;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A piece of a device's memory that goes back once: when it is {@linkplain #give given}, or when
 * nobody can reach it any more. The collector frees the host's segments by itself, once nobody can
 * reach those; of a device's it knows nothing, so it watches the block instead.
 */
public final class Block {
  private static final Cleaner CLEANER = Cleaner.create();

  /** What goes back; must not refer to the block. */
  private static final class Piece implements Runnable {
    final DeviceMemory memory;
    final MemorySegment segment;
    final AtomicBoolean gone = new AtomicBoolean();

    Piece(DeviceMemory memory, MemorySegment segment) {
      this.memory = memory;
      this.segment = segment;
    }

    @Override
    public void run() {
      if (gone.compareAndSet(false, true)) {
        memory.give(segment);
      }
    }
  }

  private final Piece piece;
  private final Cleaner.@Nullable Cleanable cleanable;

  private Block(DeviceMemory memory, MemorySegment segment) {
    this.piece = new Piece(memory, segment);
    this.cleanable = memory.isHost() ? null : CLEANER.register(this, piece);
  }

  /**
   * Takes memory.
   *
   * @param memory of which device
   * @param bytes at least this size
   * @return the block, contents arbitrary
   * @throws dev.quern.core.type.DeviceException if there is no more
   */
  public static Block take(DeviceMemory memory, long bytes) {
    return new Block(memory, memory.take(bytes));
  }

  /**
   * Whose memory it is.
   *
   * @return the device's
   */
  public DeviceMemory memory() {
    return piece.memory;
  }

  /**
   * The bytes. Whoever keeps a device's keeps the block too.
   *
   * @return the segment
   */
  public MemorySegment segment() {
    return piece.segment;
  }

  /** Gives it back. The second time nothing happens. */
  public void give() {
    if (cleanable == null) {
      piece.run();
    } else {
      cleanable.clean();
    }
  }
}
