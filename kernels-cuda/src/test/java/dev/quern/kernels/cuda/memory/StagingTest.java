package dev.quern.kernels.cuda.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.DeviceContext;
import dev.quern.kernels.cuda.driver.FakeDriver;
import dev.quern.kernels.cuda.driver.Grid;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class StagingTest {
  private final FakeDriver driver = new FakeDriver();
  private final DeviceContext context = new DeviceContext(driver, 0);
  private final CudaMemory memory = new CudaMemory(context, Device.cuda(0), Long.MAX_VALUE, false);
  private final Staging staging = new Staging(context, 64, 1000);

  @Test
  void smallUploadsDontWaitForTheDevice() {
    boolean[] ran = new boolean[1];
    driver.kernels.put("k", (_, _) -> ran[0] = true);
    long f = driver.function(0, "k");
    driver.launch(f, Grid.of(1, 1), Arena.ofAuto().allocate(8), context.stream());
    MemorySegment there = memory.take(64 * 64);
    for (int i = 0; i < 64; i++) {
      staging.upload(MemorySegment.ofArray(new byte[] {(byte) i}), there.address() + i);
    }
    assertTrue(!ran[0], "nothing was waited for");
    byte[] back = new byte[64];
    staging.download(there.address(), MemorySegment.ofArray(back));
    assertTrue(ran[0]);
    assertEquals(63, back[63]);
  }

  @Test
  void noPinnedMemoryIsADeviceException() {
    driver.refusals.put("cuMemHostAlloc", CudaDriverException.OUT_OF_MEMORY);
    MemorySegment there = memory.take(8);
    MemorySegment data = MemorySegment.ofArray(new byte[8]);
    DeviceException e =
        assertThrows(DeviceException.class, () -> staging.upload(data, there.address()));
    assertTrue(e.getMessage().contains("no pinned host memory for 64 bytes"), e.getMessage());
    staging.upload(data, there.address());
  }

  @Test
  void whatThePoolKeepsIsGivenUpForPinnedMemory() {
    context.reclaimBy(memory::trim);
    memory.give(memory.take(10 << 20));
    MemorySegment there = memory.take(8);
    driver.refusals.put("cuMemHostAlloc", CudaDriverException.OUT_OF_MEMORY);
    staging.upload(MemorySegment.ofArray(new byte[8]), there.address());
    assertEquals(2L << 20, memory.statistics().reservedBytes());
  }

  @Test
  void aBufferThatFailsHalfWayLeavesNothingBehind() {
    int before = driver.live.size();
    try (PinnedRing ring = new PinnedRing(context, 2, 10)) {
      driver.refusals.put("cuEventCreate", "CUDA_ERROR_UNKNOWN");
      assertThrows(CudaDriverException.class, ring::next);
      assertEquals(before, driver.live.size());
      assertEquals(10, ring.next().pinned().byteSize());
    }
    assertEquals(before, driver.live.size());
  }

  @Test
  void aRingThatCantBeWaitedForIsFreedAllTheSame() {
    int before = driver.live.size();
    PinnedRing ring = new PinnedRing(context, 2, 10);
    for (int i = 0; i < 2; i++) {
      ring.mark(ring.next());
    }
    driver.refusalsForever.put("cuEventSynchronize", "CUDA_ERROR_LAUNCH_FAILED");
    CudaDriverException e = assertThrows(CudaDriverException.class, ring::close);
    assertEquals(1, e.getSuppressed().length);
    assertEquals(before, driver.live.size());
  }

  @Test
  void aThreadThatNeverUsedTheDeviceCan() {
    driver.leave();
    MemorySegment there = memory.take(8);
    driver.leave();
    staging.upload(MemorySegment.ofArray(new byte[8]), there.address());
    driver.leave();
    staging.download(there.address(), MemorySegment.ofArray(new byte[8]));
    driver.leave();
    memory.give(there);
    assertTrue(memory.trim() > 0);
  }

  @Test
  void aRingGivesItsBuffersBack() {
    int before = driver.live.size();
    PinnedRing ring = new PinnedRing(context, 2, 10);
    for (int i = 0; i < 5; i++) {
      PinnedRing.Buffer b = ring.next();
      assertEquals(10, b.pinned().byteSize());
      ring.mark(b);
    }
    assertEquals(before + 4, driver.live.size());
    ring.close();
    assertEquals(before, driver.live.size());
  }
}
