package dev.quern.kernels.cuda.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.Block;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.kernels.cuda.driver.DeviceContext;
import dev.quern.kernels.cuda.driver.FakeDriver;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What of the pool takes a driver of one GiB that is looked into. */
class CudaMemoryTest extends MemoryOnDevice {
  private final FakeDriver driver;

  CudaMemoryTest() {
    FakeDriver made = new FakeDriver();
    super(new DeviceContext(made, 0));
    this.driver = made;
  }

  @Test
  void trimmingGivesWholeRegionsBack() {
    MemorySegment a = memory.take(100 * MIB);
    MemorySegment b = memory.take(MIB);
    memory.give(a);
    assertEquals(100 * MIB, memory.trim());
    assertEquals(2 * MIB, memory.statistics().reservedBytes());
    memory.give(b);
    assertEquals(2 * MIB, memory.trim());
    assertEquals(0, memory.statistics().reservedBytes());
    assertEquals(driver.totalBytes, driver.memInfo().freeBytes());
  }

  @Test
  void whatIsKeptGoesBeforeMemoryIsOut() {
    memory.give(memory.take(600 * MIB));
    assertEquals(700 * MIB, memory.take(700 * MIB).byteSize());
    assertEquals(2, driver.reservations);
  }

  @Test
  void whatNobodyReachesGoesBeforeMemoryIsOut() {
    forget();
    assertEquals(900 * MIB, memory.take(900 * MIB).byteSize());
  }

  private void forget() {
    Block forgotten = Block.take(memory, 900 * MIB);
    assertEquals(900 * MIB, forgotten.segment().byteSize());
  }

  /** What the collector finds lies in regions of its own, none of which is large enough. */
  @Test
  void whatNobodyReachesGoesBackToTheDriverBeforeMemoryIsOut() {
    forgetTwo();
    assertEquals(1000 * MIB, memory.take(1000 * MIB).byteSize());
  }

  private void forgetTwo() {
    Block.take(memory, 500 * MIB);
    assertEquals(500 * MIB, Block.take(memory, 500 * MIB).segment().byteSize());
  }

  @Test
  void whatCanNeverBeGivenIsRefusedAtOnce() {
    memory.give(memory.take(100 * MIB));
    for (long bytes : new long[] {1025 * MIB, Long.MAX_VALUE - 100, Long.MAX_VALUE}) {
      DeviceException e = assertThrows(DeviceException.class, () -> memory.take(bytes));
      assertTrue(e.getMessage().contains(": no memory for "), e.getMessage());
    }
    assertEquals(100 * MIB, memory.statistics().cachedBytes(), "nothing was given up for it");
  }

  @Test
  void theLastMemoryIsLeftToTheDriver() {
    CudaMemory usual = new CudaMemory(context, Device.cuda(0));
    assertEquals(960 * MIB, usual.statistics().budgetBytes());
    long other = driver.memAlloc(500 * MIB); // another process
    DeviceException e = assertThrows(DeviceException.class, () -> usual.take(480 * MIB));
    assertTrue(e.getMessage().contains(64 * MIB + " are left to the driver"), e.getMessage());
    MemorySegment most = usual.take(460 * MIB);
    assertEquals(64 * MIB, driver.memInfo().freeBytes());
    usual.give(most);
    driver.memFree(other);
  }

  @Test
  void outOfMemorySaysWhatWasAskedHeldAndFreeAndAllGoesOn() {
    MemorySegment held = memory.take(700 * MIB);
    MemorySegment kept = memory.take(100);
    DeviceException e = assertThrows(DeviceException.class, () -> memory.take(400 * MIB));
    assertTrue(
        e.getMessage().startsWith("cuda:0: no memory for " + 400 * MIB + " bytes"), e.getMessage());
    assertTrue(e.getMessage().contains("hold " + (700 * MIB + 256) + ","), e.getMessage());
    assertTrue(
        e.getMessage().contains(322 * MIB + " of " + 1024 * MIB + " are free"), e.getMessage());
    assertTrue(e.getMessage().endsWith("or lower the batch"), e.getMessage());
    memory.give(held);
    assertEquals(400 * MIB, memory.take(400 * MIB).byteSize());
    memory.give(kept);
  }

  @Test
  void theBudgetIsKept() {
    CudaMemory little = new CudaMemory(context, Device.cuda(0), 40 * MIB, false);
    MemorySegment a = little.take(30 * MIB);
    DeviceException e = assertThrows(DeviceException.class, () -> little.take(11 * MIB));
    assertTrue(
        e.getMessage().contains("the budget is " + 40 * MIB + " bytes: raise -Dquern.cuda.memory"),
        e.getMessage());
    assertEquals(6 * MIB, little.take(6 * MIB).byteSize(), "no room for 32 MiB, but for these");
    little.give(a);
    assertEquals(30 * MIB, little.take(30 * MIB).byteSize());
    assertEquals(40 * MIB, little.statistics().budgetBytes());
  }

  @Test
  void aDriverThatFailsOtherwiseIsHeard() {
    driver.refusals.put("cuMemAlloc", "CUDA_ERROR_ILLEGAL_ADDRESS");
    DeviceException e = assertThrows(DeviceException.class, () -> memory.take(1));
    assertTrue(e.getMessage().contains("CUDA_ERROR_ILLEGAL_ADDRESS"), e.getMessage());
  }

  @Test
  void wholePiecesAreRegionsOfTheirOwn() {
    CudaMemory watched = new CudaMemory(context, Device.cuda(0), Long.MAX_VALUE, true);
    MemorySegment a = watched.take(100);
    MemorySegment b = watched.take(100);
    assertNotEquals(a.address() + 256, b.address());
    assertEquals(2, driver.reservations);
    watched.give(a);
    watched.give(b);
    assertEquals(512, watched.trim());
  }

  /** Random takes and gives: nothing overlaps, sums are right, and all joins again. */
  @Test
  void piecesNeverOverlap() {
    Random random = new Random(1);
    Map<Long, MemorySegment> held = new HashMap<>();
    long bytes = 0;
    for (int i = 0; i < 20_000; i++) {
      if (held.size() < 200 && random.nextInt(100) < 55) {
        MemorySegment s = memory.take((long) Math.exp(random.nextDouble() * 15.5));
        assertTrue(held.put(s.address(), s) == null);
        bytes += s.byteSize();
        driver.at(s.address(), s.byteSize()).set(ValueLayout.JAVA_LONG, 0, s.address());
        driver
            .at(s.address(), s.byteSize())
            .set(ValueLayout.JAVA_LONG, s.byteSize() - 8, s.byteSize());
      } else if (!held.isEmpty()) {
        MemorySegment s = held.remove(held.keySet().iterator().next());
        MemorySegment there = driver.at(s.address(), s.byteSize());
        assertEquals(s.address(), there.get(ValueLayout.JAVA_LONG, 0));
        assertEquals(s.byteSize(), there.get(ValueLayout.JAVA_LONG, s.byteSize() - 8));
        bytes -= s.byteSize();
        memory.give(s);
      }
      assertEquals(bytes, memory.statistics().heldBytes());
    }
    held.values().forEach(memory::give);
    long reserved = memory.statistics().reservedBytes();
    assertEquals(reserved, memory.trim());
    assertEquals(0, memory.statistics().reservedBytes());
  }
}
