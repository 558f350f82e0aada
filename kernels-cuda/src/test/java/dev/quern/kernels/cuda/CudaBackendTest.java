package dev.quern.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.DeviceException;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.FakeDriver;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** The backend over a driver that does everything as late as it may, and what that driver sees. */
class CudaBackendTest extends BackendOnDevice {
  private final FakeDriver driver;

  CudaBackendTest() {
    FakeDriver made = new FakeDriver();
    super(FakeKernels.provider(made));
    this.driver = made;
  }

  @Test
  void contextsAndModulesAreMadeOnce() {
    Tensor x = engine.tensor(new float[] {1, 2, 3});
    assertArrayEquals(new float[] {1, 4, 9}, x.mul(x).toFloats());
    assertArrayEquals(new float[] {2, 4, 6}, x.add(x).toFloats());
    assertEquals(1, driver.contexts);
    assertEquals(1, driver.modulesLoaded);
  }

  @Test
  void gridsCoverAllElements() {
    try (TensorScope _ = TensorScope.open()) {
      for (int n : new int[] {1, 127, 128, 129, 4097}) {
        float[] ones = new float[n];
        Arrays.fill(ones, 1);
        Tensor x = engine.tensor(ones);
        float[] y = x.add(x).toFloats();
        assertEquals(2, y[n - 1]);
        assertEquals(Math.ceilDiv(n, FakeKernels.THREADS), driver.grids.getLast().x());
      }
    }
  }

  @Test
  void aPlanIsOneGraph() {
    try (Buffer sum = engine.buffer("sum", VECTOR)) {
      summing(sum).close(); // functions are looked up
      int before = driver.live.size();
      int launched = driver.launches;
      Plan plan = summing(sum);
      assertEquals(launched + 3, driver.launches);
      for (int i = 1; i <= 20; i++) {
        plan.slot("x").set(i, 10f * i, 0);
        plan.run();
      }
      plan.slot("x").set(0f, 0f, 0f);
      assertEquals(launched + 3, driver.launches, "replays launch no kernels one by one");
      assertEquals(20, driver.graphLaunches);
      assertTrue(driver.live.size() > before);
      plan.close();
      assertEquals(before, driver.live.size(), "graph, stream and pinned buffers are gone");
      assertArrayEquals(new float[] {210, 2100, 0}, sum.value().toFloats());
    }
    assertEquals(0, memory.statistics().heldBytes());
  }

  @Test
  void workIsTimedByEventsAndWhatComesBeforeIsNot() {
    int live = driver.live.size();
    StringBuilder order = new StringBuilder();
    double[] nanos = engine.home().time(3, () -> order.append('b'), () -> order.append('w'));
    assertArrayEquals(new double[] {1e6, 1e6, 1e6}, nanos, "a millisecond each, says the driver");
    assertEquals("bwbwbw", order.toString());
    assertEquals(live, driver.live.size(), "the events are gone");
  }

  @Test
  void aCaptureThatFailsLeavesNothingBehind() {
    Tensor x = engine.tensor(new float[] {1, 2, 3});
    x.add(x).toFloats();
    int before = driver.live.size();
    driver.refusals.put("cuGraphInstantiate", CudaDriverException.OUT_OF_MEMORY);
    DeviceException e =
        assertThrows(
            DeviceException.class,
            () -> engine.record("p", r -> r.output("y", r.slot("x", VECTOR).add(x))));
    assertTrue(e.getMessage().contains("cuGraphInstantiate returned CUDA_ERROR_OUT_OF"));
    assertTrue(e.getMessage().contains("tensors and plans hold "), e::getMessage);
    assertTrue(e.getMessage().contains(" are free on the device"), e::getMessage);
    driver.refusals.put("cuLaunchKernelEx", "CUDA_ERROR_INVALID_VALUE");
    assertThrows(
        DeviceException.class,
        () -> engine.record("p", r -> r.output("y", r.slot("x", VECTOR).add(x))));
    assertEquals(before, driver.live.size());
    assertArrayEquals(new float[] {2, 4, 6}, x.add(x).toFloats());
  }

  @Test
  void moreSharedMemoryIsAskedForOnce() {
    driver.kernels.put("quern_large", (_, _) -> {});
    var device = new CudaDevice(driver, 0, m -> ("image of " + m).getBytes(StandardCharsets.UTF_8));
    var params = new Params().int32(1).build();
    for (int kib : new int[] {48, 100, 64, 200}) {
      device.call("m", "quern_large", Grid.of(1, 32).withShared(kib << 10), params).run();
    }
    assertEquals(200 << 10, driver.dynamicSharedBytes.get("quern_large"));
    assertEquals(2048 / 32, device.occupancy("m", "quern_large", 32, 300));
    assertThrows(
        CudaDriverException.class, () -> device.call("m", "quern_none", Grid.of(1, 1), params));
  }
}
