package dev.quern.kernels.cuda.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.Device;
import dev.quern.kernels.cuda.driver.DeviceContext;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The pool of a device, and copies to it and back, over any driver. */
abstract class MemoryOnDevice {
  static final long MIB = 1L << 20;

  final DeviceContext context;
  final CudaMemory memory;
  private final Staging staging;

  MemoryOnDevice(DeviceContext context) {
    this.context = context;
    this.memory = new CudaMemory(context, Device.cuda(0), Long.MAX_VALUE, false);
    this.staging = new Staging(context, 64, 1000);
  }

  @Test
  void theHostCanSliceItAndNotTouchIt() {
    MemorySegment x = memory.take(1000);
    assertEquals(1024, x.byteSize());
    assertEquals(0, x.address() % 256);
    MemorySegment part = x.asSlice(128, 64);
    assertEquals(x.address() + 128, part.address());
    assertThrows(IllegalStateException.class, () -> part.get(ValueLayout.JAVA_INT, 0));
    assertThrows(IllegalStateException.class, () -> part.fill((byte) 0));
    assertThrows(
        IllegalStateException.class, () -> MemorySegment.ofArray(new byte[64]).copyFrom(part));
    assertThrows(IndexOutOfBoundsException.class, () -> x.asSlice(1000, 100));
  }

  @Test
  void whatCameBackIsTakenAgainWithoutTheDriver() {
    MemorySegment a = memory.take(10 * MIB);
    memory.give(a);
    assertEquals(a.address(), memory.take(10 * MIB).address());
    assertEquals(1, memory.statistics().reservations());
    for (int i = 0; i < 100; i++) {
      memory.give(memory.take(300));
    }
    assertEquals(2, memory.statistics().reservations());
    MemoryStatistics s = memory.statistics();
    assertEquals(10 * MIB, s.heldBytes());
    assertEquals(12 * MIB, s.reservedBytes());
    assertEquals(2 * MIB, s.cachedBytes());
    assertEquals(10 * MIB + 512, s.peakHeldBytes());
    assertEquals(102, s.takes());
    assertEquals(2, s.reservations());
  }

  @Test
  void smallRequestsShareARegion() {
    MemorySegment a = memory.take(0);
    MemorySegment b = memory.take(1);
    MemorySegment c = memory.take(257);
    assertEquals(1, memory.statistics().reservations());
    assertEquals(a.address() + 256, b.address());
    assertEquals(b.address() + 256, c.address());
    memory.give(b);
    assertEquals(b.address(), memory.take(200).address(), "the hole fits best");
    memory.give(a);
    memory.give(c);
  }

  @Test
  void neighboursJoinAgain() {
    List<MemorySegment> all = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      all.add(memory.take(4 * MIB));
    }
    assertEquals(1, memory.statistics().reservations());
    for (int i : new int[] {3, 1, 0, 2, 7, 5, 6, 4}) {
      memory.give(all.get(i));
    }
    assertEquals(32 * MIB, memory.take(32 * MIB).byteSize());
    assertEquals(1, memory.statistics().reservations());
  }

  @Test
  void givingTwiceIsRefused() {
    MemorySegment a = memory.take(100);
    memory.give(a);
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> memory.give(a));
    assertTrue(e.getMessage().contains("cuda:0"), e.getMessage());
  }

  private static byte[] random(int bytes) {
    byte[] data = new byte[bytes];
    new Random(bytes).nextBytes(data);
    return data;
  }

  @Test
  void bytesTravelThereAndBackInParts() {
    for (int bytes : new int[] {0, 1, 63, 64, 65, 999, 1000, 1001, 2999, 3000, 3001, 10_007}) {
      byte[] data = random(bytes);
      MemorySegment there = memory.take(bytes);
      staging.upload(MemorySegment.ofArray(data), there.address());
      byte[] back = new byte[bytes];
      staging.download(there.address(), MemorySegment.ofArray(back));
      assertArrayEquals(data, back);
      memory.give(there);
    }
  }

  @Test
  void theSourceMayChangeAndCloseAtOnce() {
    MemorySegment there = memory.take(5000);
    byte[] data = random(5000);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment source = arena.allocate(5000).copyFrom(MemorySegment.ofArray(data));
      staging.upload(source, there.address());
      source.fill((byte) 0);
    }
    byte[] back = new byte[5000];
    staging.download(there.address(), MemorySegment.ofArray(back));
    assertArrayEquals(data, back);
  }

  @Test
  void copiesStayInOrderWithWhatComesAfter() {
    MemorySegment a = memory.take(100);
    staging.upload(MemorySegment.ofArray(random(100)), a.address());
    memory.give(a);
    MemorySegment b = memory.take(100);
    assertEquals(a.address(), b.address());
    byte[] second = new byte[100];
    second[99] = 5;
    staging.upload(MemorySegment.ofArray(second), b.address());
    byte[] back = new byte[100];
    staging.download(b.address(), MemorySegment.ofArray(back));
    assertArrayEquals(second, back);
  }
}
