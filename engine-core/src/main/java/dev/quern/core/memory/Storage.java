package dev.quern.core.memory;

import dev.quern.core.type.Device;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A piece of memory with an owner. Several tensors (views) may look at one storage.
 *
 * <p>Only a mutable storage may be written after the kernel that produced it; each such write moves
 * {@link #version()}, which is how a gradient tape notices that a saved value is gone.
 */
public final class Storage {
  private final MemorySegment segment;
  private final TensorSpec spec;
  private final Device device;
  private final boolean mutable;
  private final @Nullable Block block;
  private final AtomicInteger version = new AtomicInteger();
  private volatile Lifetime lifetime;
  private volatile boolean escaped;

  /**
   * A storage over existing memory.
   *
   * @param segment the bytes; 64-byte aligned unless it is a slice of a file
   * @param spec what it was made for; named in errors and leak reports
   * @param device where the bytes are
   * @param lifetime its owner
   * @param mutable whether operations may write to it
   */
  public Storage(
      MemorySegment segment, TensorSpec spec, Device device, Lifetime lifetime, boolean mutable) {
    this(segment, spec, device, lifetime, mutable, null);
  }

  /**
   * A storage over a block of a device's memory, or a part of it.
   *
   * @param block stays with the device's user as long as this storage can be reached
   * @param segment the bytes
   * @param spec what it was made for
   * @param lifetime its owner
   * @param mutable whether operations may write to it
   */
  public Storage(
      Block block, MemorySegment segment, TensorSpec spec, Lifetime lifetime, boolean mutable) {
    this(segment, spec, block.memory().device(), lifetime, mutable, block);
  }

  private Storage(
      MemorySegment segment,
      TensorSpec spec,
      Device device,
      Lifetime lifetime,
      boolean mutable,
      @Nullable Block block) {
    this.segment = segment;
    this.spec = spec;
    this.device = device;
    this.lifetime = lifetime;
    this.mutable = mutable;
    this.block = block;
  }

  /**
   * A storage over new memory, contents arbitrary.
   *
   * @param memory of which device
   * @param spec what it is for
   * @param lifetime its owner, which {@linkplain #recycle recycles} it
   * @param mutable whether operations may write to it
   * @return the storage
   * @throws dev.quern.core.type.DeviceException if there is no more memory
   */
  public static Storage allocate(
      DeviceMemory memory, TensorSpec spec, Lifetime lifetime, boolean mutable) {
    if (memory.isHost()) {
      MemorySegment segment = SegmentPool.shared().take(spec.byteSize());
      return new Storage(segment, spec, Device.CPU, lifetime, mutable, null);
    }
    Block block = Block.take(memory, spec.byteSize());
    return new Storage(block.segment(), spec, memory.device(), lifetime, mutable, block);
  }

  /**
   * Begins a use of the bytes: closing the owner, on whatever thread, does not free them before the
   * use has ended.
   *
   * @return whose {@link Lifetime#release} ends the use
   * @throws dev.quern.core.type.ScopeClosedException if the owner was closed
   */
  public Lifetime acquire() {
    while (true) {
      Lifetime l = lifetime;
      l.acquire(spec);
      if (l == lifetime) {
        return l;
      }
      l.release(); // promoted meanwhile
    }
  }

  /**
   * The bytes, for kernels: checked once, used within the call. Whoever shares tensors between
   * threads has them {@linkplain #acquire acquired} meanwhile, as engines and plans do.
   *
   * @return the segment
   * @throws dev.quern.core.type.ScopeClosedException if the owner was closed
   */
  public MemorySegment segment() {
    lifetime.check(spec);
    return segment;
  }

  /**
   * The bytes, for callers that may keep them: such memory is never recycled, it is left to the
   * garbage collector.
   *
   * @return the segment
   * @throws dev.quern.core.type.ScopeClosedException if the owner was closed
   */
  public MemorySegment escape() {
    escaped = true;
    return segment();
  }

  /**
   * What it was made for.
   *
   * @return dtype and shape of the first tensor on it
   */
  public TensorSpec spec() {
    return spec;
  }

  /**
   * Where the bytes are.
   *
   * @return the device
   */
  public Device device() {
    return device;
  }

  /**
   * Its owner.
   *
   * @return the lifetime
   */
  public Lifetime lifetime() {
    return lifetime;
  }

  /**
   * Whether operations may write to it.
   *
   * @return true for buffers
   */
  public boolean isMutable() {
    return mutable;
  }

  /**
   * How often it was written since it was made.
   *
   * @return 0, 1, 2...
   */
  public int version() {
    return version.get();
  }

  /** Notes a write. */
  public void wrote() {
    version.incrementAndGet();
  }

  /**
   * Whether somebody outside may still look at the bytes.
   *
   * @return true once {@link #escape} was called
   */
  public boolean hasEscaped() {
    return escaped;
  }

  /**
   * Hands it to another owner. A running use was counted for the old one, so the new one can't wait
   * for it and leaves the memory to the garbage collector.
   */
  void moveTo(Lifetime owner) {
    Lifetime before = lifetime;
    lifetime = owner;
    if (before.isInUse()) {
      escaped = true;
    }
  }

  /** Gives pooled memory back, unless somebody may still look at it. For owners that end. */
  public void recycle() {
    if (escaped) {
      return;
    }
    if (block == null) {
      SegmentPool.shared().give(segment);
    } else {
      block.give();
    }
  }
}
