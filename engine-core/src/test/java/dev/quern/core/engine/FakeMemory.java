package dev.quern.core.engine;

import dev.quern.core.memory.DeviceMemory;
import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Memory that the host can't reach: segments of made-up addresses whose arena is closed, each with
 * a twin in host memory. New memory is full of NaN.
 */
final class FakeMemory implements DeviceMemory {
  private static final byte POISON = (byte) 0xff;
  private static final long GAP = 1 << 12;
  private static final MemorySegment ALL = unreachable();

  private final Device device;
  private final long capacityBytes;
  private final TreeMap<Long, MemorySegment> twins = new TreeMap<>();
  private final Map<Long, Deque<MemorySegment>> free = new HashMap<>();
  private final Set<Long> held = new HashSet<>();
  private long nextAddress = 1L << 40;
  private long heldBytes;

  FakeMemory(Device device, long capacityBytes) {
    this.device = device;
    this.capacityBytes = capacityBytes;
  }

  @SuppressWarnings("restricted")
  private static MemorySegment unreachable() {
    try (Arena closed = Arena.ofConfined()) {
      return MemorySegment.NULL.reinterpret(Long.MAX_VALUE, closed, null);
    }
  }

  @Override
  public Device device() {
    return device;
  }

  synchronized long heldBytes() {
    return heldBytes;
  }

  @Override
  public synchronized MemorySegment take(long bytes) {
    long size = Math.max(64, (bytes + 63) & -64);
    if (heldBytes + size > capacityBytes) {
      throw new DeviceException(
          "%s: no memory for %d bytes; %d are held, %d free"
              .formatted(device, size, heldBytes, capacityBytes - heldBytes));
    }
    heldBytes += size;
    MemorySegment again = free.computeIfAbsent(size, _ -> new ArrayDeque<>()).poll();
    MemorySegment taken = again == null ? extend(size) : again;
    held.add(taken.address());
    return taken;
  }

  private MemorySegment extend(long size) {
    MemorySegment made = ALL.asSlice(nextAddress, size);
    twins.put(nextAddress, Arena.ofAuto().allocate(size, 64).fill(POISON));
    nextAddress += size + GAP;
    return made;
  }

  @Override
  public synchronized void give(MemorySegment segment) {
    if (!held.remove(segment.address())) {
      throw new AssertionError("given back twice: " + segment);
    }
    heldBytes -= segment.byteSize();
    free.get(segment.byteSize()).add(segment);
  }

  synchronized MemorySegment twin(MemorySegment there) {
    Map.Entry<Long, MemorySegment> block = twins.floorEntry(there.address());
    if (block == null) {
      throw new AssertionError("no memory of " + device + ": " + there);
    }
    return block.getValue().asSlice(there.address() - block.getKey(), there.byteSize());
  }

  TensorView twin(TensorView there) {
    return new TensorView(there.dtype(), there.layout(), twin(there.segment()));
  }
}
