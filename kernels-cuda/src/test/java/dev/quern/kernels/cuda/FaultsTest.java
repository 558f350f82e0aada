package dev.quern.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.FakeDriver;
import dev.quern.kernels.cuda.memory.CudaMemory;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the driver refuses, and kernels do wrong, under an engine. */
class FaultsTest {
  private static final Device CUDA = Device.cuda(0);
  private static final TensorSpec VECTOR = TensorSpec.of(ScalarType.F32, 3);
  private static final String WAITING = "cuStreamSynchronize";

  private final FakeDriver driver = new FakeDriver();
  private final Engine engine = engine(driver);
  private final CudaMemory memory = (CudaMemory) engine.home().memory();

  private static Engine engine(FakeDriver driver) {
    return Engine.builder().devices(FakeKernels.provider(driver)).device(CUDA).build();
  }

  @AfterEach
  void unset() {
    System.clearProperty(Faults.SYNCHRONOUS);
  }

  @Test
  void aKernelsFaultNamesTheCallsThatMayHaveDoneIt() {
    Tensor x = engine.tensor(new float[] {1, 2, 3});
    x.mul(x).toFloats();
    Tensor y = x.add(x);
    driver.refusals.put("cuStreamSynchronize", "CUDA_ERROR_ILLEGAL_ADDRESS");
    DeviceException e = assertThrows(DeviceException.class, engine.home()::synchronize);
    assertTrue(e.getMessage().startsWith("cuda:0: cuStreamSynchronize returned"), e::getMessage);
    assertTrue(e.getMessage().contains("[add] [3] F32 [3] F32"), e::getMessage);
    assertTrue(!e.getMessage().contains("[mul]"), e::getMessage);
    assertTrue(e.getMessage().contains("-Dquern.cuda.synchronous=true"), e::getMessage);
    assertArrayEquals(new float[] {2, 4, 6}, y.toFloats());
  }

  @Test
  void synchronouslyTheFaultIsTheCallsOwn() {
    System.setProperty(Faults.SYNCHRONOUS, "true");
    FakeDriver slow = new FakeDriver();
    Engine one = engine(slow);
    Tensor x = one.tensor(new float[] {1, 2, 3});
    Tensor y = x.mul(x);
    slow.refusals.put("cuStreamSynchronize", "CUDA_ERROR_LAUNCH_FAILED");
    DeviceException e = assertThrows(DeviceException.class, () -> y.add(x));
    assertTrue(e.getMessage().contains("a kernel failed: [add] [3] F32 [3] F32;"), e::getMessage);
  }

  private static Plan chain(Engine e, String name) {
    return e.record(
        name,
        r -> {
          Tensor x = r.slot("x", VECTOR);
          Tensor y = x.add(x);
          r.output("y", y.mul(y).add(x));
        });
  }

  @Test
  void aReplaysFaultNamesThePlan() {
    Tensor x = engine.tensor(new float[] {1, 2, 3});
    try (Plan plan = chain(engine, "chain")) {
      x.add(x).toFloats();
      plan.run();
      driver.refusals.put(WAITING, "CUDA_ERROR_ILLEGAL_ADDRESS");
      DeviceException e = assertThrows(DeviceException.class, engine.home()::synchronize);
      assertTrue(e.getMessage().contains("a replay of plan 'chain' (3 calls)"), e::getMessage);
      assertFalse(e.getMessage().contains("[add]"), "what was captured did not run: " + e);
      assertTrue(e.getMessage().contains("-Dquern.cuda.synchronous=true"), e::getMessage);
      assertTrue(e.getMessage().contains("in plans too"), e::getMessage);
    }
  }

  @Test
  void synchronouslyAPlansCallsAreMadeOneByOne() {
    System.setProperty(Faults.SYNCHRONOUS, "true");
    FakeDriver slow = new FakeDriver();
    Engine one = engine(slow);
    try (Plan plan = chain(one, "chain")) {
      int before = slow.launches;
      plan.slot("x").set(1f, 2f, 3f);
      plan.run();
      assertEquals(before + 3, slow.launches);
      assertEquals(0, slow.graphLaunches);
      assertArrayEquals(new float[] {5, 18, 39}, plan.output("y").toFloats());
      slow.kernels.put(
          "quern_mul", (_, _) -> slow.refusals.put(WAITING, "CUDA_ERROR_ILLEGAL_ADDRESS"));
      slow.afterWaiting = true;
      DeviceException e = assertThrows(DeviceException.class, plan::run);
      assertTrue(e.getMessage().contains("a kernel failed: [mul] [3] F32 [3] F32;"), e::getMessage);
    }
  }

  /** One thread's waiting says nothing of what another one gives the device meanwhile. */
  @Test
  void whatCameAfterTheWaitingBeganStaysSuspect() {
    Tensor x = engine.tensor(new float[] {1, 2, 3});
    Tensor y = x.mul(x);
    driver.kernels.put("quern_mul", (_, _) -> x.add(x)); // as another thread, in between
    y.toFloats();
    driver.refusals.put(WAITING, "CUDA_ERROR_ILLEGAL_ADDRESS");
    DeviceException e = assertThrows(DeviceException.class, engine.home()::synchronize);
    assertTrue(e.getMessage().contains("[add]"), e::getMessage);
    assertFalse(e.getMessage().contains("[mul]"), e::getMessage);
  }

  @Test
  void afterAFaultEachCallSaysWhatTheFirstOneSaid() {
    Tensor x = engine.tensor(new float[] {1, 2, 3});
    x.mul(x);
    driver.refusals.put(WAITING, "CUDA_ERROR_ILLEGAL_ADDRESS");
    assertThrows(DeviceException.class, engine.home()::synchronize);
    x.add(x);
    driver.refusals.put(WAITING, "CUDA_ERROR_ILLEGAL_ADDRESS");
    DeviceException e = assertThrows(DeviceException.class, engine.home()::synchronize);
    assertTrue(e.getMessage().contains("[mul]"), e::getMessage);
    assertFalse(e.getMessage().contains("[add]"), e::getMessage);
  }

  /** The pool has what the driver lacks: it is given up once, and all goes on. */
  @Test
  void thePoolMakesRoomForTheDriver() {
    for (String call :
        List.of("cuModuleLoadData", "cuLaunchKernelEx", "cuGraphInstantiate", "cuGraphLaunch")) {
      memory.give(memory.take(100 << 20));
      driver.refusals.put(call, CudaDriverException.OUT_OF_MEMORY);
      try (TensorScope _ = TensorScope.open();
          Plan plan = chain(engine, "chain")) {
        Tensor x = engine.tensor(new float[] {1, 2, 3});
        plan.run();
        assertArrayEquals(new float[] {2, 4, 6}, x.add(x).toFloats());
      }
      assertFalse(driver.refusals.containsKey(call), call + " was not called");
      assertTrue(memory.statistics().reservedBytes() < 100 << 20, call);
    }
  }

  @Test
  void whereThereIsNoRoomToMakeItIsADeviceExceptionAndTheEngineGoesOn() {
    for (String call : List.of("cuModuleLoadData", "cuGraphInstantiate")) {
      driver.refusalsForever.put(call, CudaDriverException.OUT_OF_MEMORY);
      memory.give(memory.take(100 << 20));
      DeviceException e = assertThrows(DeviceException.class, () -> chain(engine, "chain"));
      assertTrue(e.getMessage().startsWith("cuda:0: " + call + " returned"), e::getMessage);
      assertTrue(e.getMessage().contains("tensors and plans hold "), e::getMessage);
      driver.refusalsForever.clear();
      chain(engine, "chain").close();
      assertEquals(0, memory.statistics().heldBytes());
    }
  }

  @Test
  void aPlanThatCantBeClosedGivesBackWhatItCan() {
    chain(engine, "chain").close();
    int before = driver.live.size();
    Plan plan = chain(engine, "chain");
    plan.run();
    driver.refusals.put("cuEventSynchronize", "CUDA_ERROR_LAUNCH_FAILED");
    DeviceException e = assertThrows(DeviceException.class, plan::close);
    assertTrue(e.getMessage().contains("CUDA_ERROR_LAUNCH_FAILED"), e::getMessage);
    assertEquals(before, driver.live.size(), "graph, events and pinned memory");
    assertEquals(0, memory.statistics().heldBytes());
  }
}
