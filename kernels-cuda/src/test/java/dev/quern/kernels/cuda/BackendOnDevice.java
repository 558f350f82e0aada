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
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.kernels.cuda.memory.CudaMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The whole backend under an engine, over any driver that can add, multiply, copy and look up. */
abstract class BackendOnDevice {
  static final Device CUDA = Device.cuda(0);
  static final TensorSpec VECTOR = TensorSpec.of(ScalarType.F32, 3);

  private static final long LEAST_FILLED = 256L << 20;

  private final DeviceProvider provider;
  final Engine engine;
  final CudaMemory memory;

  BackendOnDevice(DeviceProvider provider) {
    this.provider = provider;
    this.engine = Engine.builder().devices(provider).device(CUDA).build();
    this.memory = (CudaMemory) engine.home().memory();
  }

  @AfterEach
  final void unset() {
    System.clearProperty(Faults.SYNCHRONOUS);
  }

  private Engine another() {
    return Engine.builder().devices(provider).device(CUDA).build();
  }

  @Test
  void oneBackendForEachDeviceAndProcess() {
    assertSame(provider.open(CUDA), provider.open(CUDA));
    assertSame(memory, provider.open(CUDA).memory());
    assertSame(memory, another().home().memory());
    assertEquals(CUDA, engine.device());
  }

  @Test
  void operationsRunThere() {
    long before = memory.statistics().heldBytes();
    try (TensorScope _ = TensorScope.open()) {
      Tensor x = engine.tensor(new float[] {1, 2, 3});
      Tensor y = x.add(x).mul(2).add(engine.full(ScalarType.F32, 10, 3));
      assertEquals(CUDA, y.device());
      assertArrayEquals(new float[] {14, 18, 22}, y.toFloats());
    }
    assertEquals(before, memory.statistics().heldBytes());
  }

  @Test
  void whatIsTimedIsDone() {
    try (Buffer sum = engine.buffer("sum", VECTOR);
        TensorScope _ = TensorScope.open()) {
      Tensor ones = engine.tensor(new float[] {1, 1, 1});
      Runnable add = () -> sum.assign(sum.value().add(ones));
      assertEquals(4, engine.home().time(4, add, add).length);
      assertArrayEquals(new float[] {8, 8, 8}, sum.value().toFloats());
    }
  }

  @Test
  void allElementsAreComputed() {
    try (TensorScope _ = TensorScope.open()) {
      for (int n : new int[] {1, 127, 128, 129, 4097, 100_003}) {
        float[] ones = new float[n];
        Arrays.fill(ones, 1);
        Tensor x = engine.tensor(ones);
        float[] twos = new float[n];
        Arrays.fill(twos, 2);
        assertArrayEquals(twos, x.add(x).toFloats());
      }
    }
  }

  @Test
  void memoryIsReusedWhileTheDeviceStillWorksInIt() {
    Tensor sum;
    try (TensorScope _ = TensorScope.open()) {
      sum = engine.full(ScalarType.F32, 0, 1000);
      long before = memory.statistics().reservations();
      for (int i = 1; i <= 50; i++) {
        try (TensorScope scope = TensorScope.open()) {
          sum = scope.promote(sum.add(engine.full(ScalarType.F32, i, 1000)));
        }
      }
      assertEquals(1275, sum.toFloats()[999]);
      assertEquals(before, memory.statistics().reservations());
    }
  }

  final Plan summing(Buffer sum) {
    return engine.record(
        "sum",
        r -> {
          Tensor x = r.slot("x", VECTOR);
          sum.assign(sum.value().add(x));
          r.output("twice", x.add(x));
        });
  }

  @Test
  void replaysFollowOneAnotherWithoutTheHost() {
    try (Buffer sum = engine.buffer("sum", VECTOR)) {
      Plan plan = summing(sum);
      for (int i = 1; i <= 20; i++) {
        plan.slot("x").set(i, 10f * i, 0);
        plan.run();
      }
      plan.slot("x").set(0f, 0f, 0f);
      plan.close();
      assertArrayEquals(new float[] {210, 2100, 0}, sum.value().toFloats());
    }
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
  void synchronouslyAPlanDoesTheSame() {
    System.setProperty(Faults.SYNCHRONOUS, "true");
    Engine one = another();
    try (Plan plan =
        one.record(
            "chain",
            r -> {
              Tensor x = r.slot("x", VECTOR);
              Tensor y = x.add(x);
              r.output("y", y.mul(y).add(x));
            })) {
      plan.slot("x").set(1f, 2f, 3f);
      plan.run();
      assertArrayEquals(new float[] {5, 18, 39}, plan.output("y").toFloats());
    }
  }

  @Test
  void aWrongValueIsAnIndexExceptionOnceAndNamesItsSource() {
    Tensor table = engine.tensor(new float[] {1, 2, 3, 4});
    Tensor taken = table.gather(0, engine.tensor(new int[] {9}));
    IndexException e = assertThrows(IndexException.class, taken::toFloats);
    assertTrue(e.getMessage().startsWith("[gather] "), e::getMessage);
    assertTrue(e.getMessage().contains(" is 9, outside "), e::getMessage);
    assertTrue(e.getMessage().endsWith("; correct the indices, or enlarge what they address"));
    assertEquals(2, table.add(table).toFloats()[0]);
  }

  /** Two engines have one stream, and each hears of its own kernels alone. */
  @Test
  void aWrongValueIsTheEnginesWhoseCallItWas() {
    Engine a = another();
    Engine b = another();
    Tensor x = a.tensor(new float[] {1, 2, 3, 4});
    Tensor table = b.tensor(new float[] {1, 2, 3, 4});
    Tensor wrong = table.gather(0, b.tensor(new int[] {9}));
    assertEquals(2, x.add(x).toFloats()[0]);
    a.home().synchronize();
    engine.home().synchronize();
    assertThrows(IndexException.class, wrong::toFloats);
    assertEquals(2, table.add(table).toFloats()[0]);
  }

  @Test
  void outOfMemoryIsADeviceExceptionAndTheEngineGoesOn() {
    List<MemorySegment> filled = new ArrayList<>();
    for (long bytes = memory.statistics().budgetBytes(); bytes >= LEAST_FILLED; ) {
      try {
        filled.add(memory.take(bytes));
      } catch (DeviceException e) {
        bytes /= 2;
      }
    }
    try (TensorScope _ = TensorScope.open()) {
      DeviceException e =
          assertThrows(DeviceException.class, () -> engine.full(ScalarType.F32, 1, 150_000_000));
      assertTrue(e.getMessage().contains("no memory for 600000000 bytes"), e::getMessage);
    } finally {
      filled.forEach(memory::give);
      memory.trim();
    }
    try (TensorScope _ = TensorScope.open()) {
      assertEquals(3, engine.full(ScalarType.F32, 3, 10).toFloats()[9]);
    }
  }
}
