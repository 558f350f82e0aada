package dev.quern.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.FakeDriver;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import dev.quern.kernels.cuda.memory.CudaMemory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** The whole backend under an engine, over a driver that does everything as late as it may. */
class CudaBackendTest {
  private static final Device CUDA = Device.cuda(0);
  private static final TensorSpec VECTOR = TensorSpec.of(ScalarType.F32, 3);

  private final FakeDriver driver = new FakeDriver();
  private final CudaProvider provider = FakeKernels.provider(driver);
  private final Engine engine = Engine.builder().devices(provider).device(CUDA).build();
  private final CudaMemory memory = (CudaMemory) engine.home().memory();

  @Test
  void oneBackendForEachDeviceAndProcess() {
    assertSame(provider.open(CUDA), provider.open(CUDA));
    assertSame(memory, provider.open(CUDA).memory());
    assertSame(memory, Engine.builder().devices(provider).device(CUDA).build().home().memory());
    assertEquals(1, driver.contexts);
    assertEquals(CUDA, engine.device());
  }

  @Test
  void operationsRunThere() {
    try (TensorScope _ = TensorScope.open()) {
      Tensor x = engine.tensor(new float[] {1, 2, 3});
      Tensor y = x.add(x).mul(2).add(engine.full(ScalarType.F32, 10, 3));
      assertEquals(CUDA, y.device());
      assertArrayEquals(new float[] {14, 18, 22}, y.toFloats());
      assertEquals(1, driver.modulesLoaded, "modules are loaded once");
      assertEquals(Grid.of(1, FakeKernels.THREADS), driver.grids.getFirst());
    }
    assertEquals(0, memory.statistics().heldBytes());
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
  void memoryIsReusedWhileTheDeviceStillWorksInIt() {
    Tensor sum;
    try (TensorScope _ = TensorScope.open()) {
      sum = engine.full(ScalarType.F32, 0, 1000);
      for (int i = 1; i <= 50; i++) {
        try (TensorScope scope = TensorScope.open()) {
          sum = scope.promote(sum.add(engine.full(ScalarType.F32, i, 1000)));
        }
      }
      assertEquals(1275, sum.toFloats()[999]);
      assertEquals(1, memory.statistics().reservations());
    }
  }

  private Plan summing(Buffer sum) {
    return engine.record(
        "sum",
        r -> {
          Tensor x = r.slot("x", VECTOR);
          sum.assign(sum.value().add(x));
          r.output("twice", x.add(x));
        });
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
  void outputsShowTheLatestReplay() {
    try (Buffer sum = engine.buffer("sum", VECTOR);
        Plan plan = summing(sum)) {
      for (int i = 1; i <= 3; i++) {
        plan.slot("x").set(i, 10f * i, 0);
        plan.run();
        assertArrayEquals(new float[] {2f * i, 20f * i, 0}, plan.output("twice").toFloats());
      }
    }
  }

  @Test
  void otherThreadsWorkDoesntGetIntoAGraph() throws InterruptedException {
    AtomicReference<float[]> other = new AtomicReference<>();
    try (Plan plan =
        engine.record(
            "p",
            r -> {
              Tensor x = r.slot("x", VECTOR);
              r.output("y", x.add(x));
            })) {
      Thread thread =
          new Thread(() -> other.set(engine.tensor(new float[] {1, 2, 3}).mul(2).toFloats()));
      thread.start();
      thread.join();
      plan.slot("x").set(5f, 6f, 7f);
      plan.run();
      assertArrayEquals(new float[] {10, 12, 14}, plan.output("y").toFloats());
    }
    assertArrayEquals(new float[] {2, 4, 6}, other.get());
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
  void aWrongValueIsAnIndexExceptionOnceAndNamesItsSource() {
    Tensor table = engine.tensor(new float[] {1, 2, 3, 4});
    Tensor taken = table.gather(0, engine.tensor(new int[] {9}));
    IndexException e = assertThrows(IndexException.class, taken::toFloats);
    assertEquals(
        "[gather] one of the indices is 9, outside 0..3; correct the indices, or enlarge what they"
            + " address",
        e.getMessage());
    assertEquals(2, table.add(table).toFloats()[0]);
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

  @Test
  void outOfMemoryIsADeviceExceptionAndTheEngineGoesOn() {
    try (TensorScope _ = TensorScope.open()) {
      Tensor large = engine.full(ScalarType.F32, 1, 150_000_000);
      DeviceException e = assertThrows(DeviceException.class, () -> large.add(large));
      assertTrue(e.getMessage().contains("no memory for 600000000 bytes"), e::getMessage);
    }
    try (TensorScope _ = TensorScope.open()) {
      assertEquals(3, engine.full(ScalarType.F32, 3, 10).toFloats()[9]);
    }
  }
}
