package dev.quern.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.LeakReport;
import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.Storage;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.type.Device;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.kernels.cuda.memory.CudaMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.Test;

/** Long and parallel use: what was taken of the driver comes back. */
abstract class Endurance {
  private static final Device CUDA = Device.cuda(0);
  private static final TensorSpec VECTOR = TensorSpec.of(ScalarType.F32, 3);

  /** Small copies go by way of so many buffers, which stay. */
  private static final int WARM_UP = 70;

  private final DeviceProvider provider;
  private final Engine engine;
  private final CudaMemory memory;

  Endurance(DeviceProvider provider) {
    this.provider = provider;
    this.engine = engine();
    this.memory = (CudaMemory) engine.home().memory();
  }

  private Engine engine() {
    return Engine.builder().devices(provider).device(CUDA).build();
  }

  /** How much of the driver is in use, beside the pool's memory. */
  abstract long used();

  /** How much more of it may be in use after a thousand turns. */
  abstract long slack();

  /** Other tests may have left tensors to the collector. */
  private void awaitNothingHeld() {
    for (int i = 0; i < 1000 && memory.statistics().heldBytes() > 0; i++) {
      System.gc();
      LockSupport.parkNanos(10_000_000);
    }
    assertEquals(0, memory.statistics().heldBytes());
  }

  /** Does something often, after which the device has what it had after a few times. */
  private void comesBack(int times, IntConsumer turn) {
    for (int i = 0; i < WARM_UP; i++) {
      turn.accept(i);
    }
    engine.home().synchronize();
    awaitNothingHeld();
    memory.trim();
    long before = used();
    turn.accept(WARM_UP); // reserves again
    long reservations = memory.statistics().reservations();
    for (int i = 0; i < times; i++) {
      turn.accept(i);
    }
    engine.home().synchronize();
    assertEquals(reservations, memory.statistics().reservations(), "the pool has what it takes");
    assertEquals(0, memory.statistics().heldBytes());
    memory.trim();
    assertTrue(used() <= before + slack(), () -> before + " were in use, and now " + used());
  }

  @Test
  void eagerSteps() {
    comesBack(
        10_000,
        i -> {
          try (TensorScope _ = TensorScope.open()) {
            Tensor x = engine.tensor(new float[] {i, 2f * i, 3f * i});
            Tensor y = x.add(x).mul(engine.full(ScalarType.F32, 2, 3));
            if (i % 100 == 0) {
              assertArrayEquals(new float[] {4f * i, 8f * i, 12f * i}, y.toFloats());
            }
          }
        });
  }

  @Test
  void plansRecordedAndClosed() {
    comesBack(
        1_000,
        i -> {
          try (Plan plan = chain(engine)) {
            plan.slot("x").set(i, 0f, 1f);
            plan.run();
            plan.run();
            assertArrayEquals(new float[] {(float) i * i * 2, 0, 2}, plan.output("y").toFloats());
          }
        });
  }

  private static Plan chain(Engine e) {
    return e.record(
        "chain",
        r -> {
          Tensor x = r.slot("x", VECTOR);
          r.output("y", x.mul(x).add(x.mul(x)));
        });
  }

  /** As a model is: weights of an owner, a buffer of state, a plan over both. */
  @Test
  void modelsLoadedAndUnloaded() {
    TensorSpec spec = TensorSpec.of(ScalarType.F32, 40_000);
    float[] values = new float[40_000];
    comesBack(
        1_000,
        i -> {
          Lifetime model = new Lifetime("model");
          Storage weight = engine.zeroed(spec, model, false);
          try (Buffer state = engine.buffer("state", spec);
              Plan plan =
                  engine.record(
                      "step", r -> r.output("y", state.value().add(engine.wrap(weight, spec))));
              TensorScope _ = TensorScope.open()) {
            values[39_999] = i;
            state.assign(engine.tensor(values));
            plan.run();
            if (i % 100 == 0) {
              assertEquals(i, plan.output("y").toFloats()[39_999]);
            }
          }
          model.close(weight::recycle);
        });
  }

  @Test
  void plansThatAreForgottenGiveTheirGraphsBack() {
    Consumer<String> reports = LeakReport.reportTo(_ -> {});
    try {
      chain(engine).close();
      awaitNothingHeld();
      memory.trim();
      long before = used();
      forget(20);
      awaitNothingHeld();
      for (int i = 0; i < 100 && used() > before; i++) { // graphs are closed after their memory
        LockSupport.parkNanos(10_000_000);
      }
      memory.trim();
      assertTrue(used() <= before + slack(), () -> before + " were in use, and now " + used());
    } finally {
      LeakReport.reportTo(reports);
    }
  }

  private void forget(int plans) {
    for (int i = 0; i < plans; i++) {
      chain(engine).run();
    }
    assertTrue(memory.statistics().heldBytes() > 0);
  }

  /** One stream, one pool and one context for both; values and mistakes are each engine's own. */
  @Test
  void twoEnginesInTwoThreadsDontDisturbEachOther() throws InterruptedException {
    awaitNothingHeld();
    try (Plan plan = chain(engine)) { // functions are looked up
      plan.run();
      assertEquals(0, plan.output("y").toFloats()[0]);
    }
    Queue<Throwable> wrong = new ConcurrentLinkedQueue<>();
    CyclicBarrier start = new CyclicBarrier(2);
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 2; t++) {
      boolean mistaken = t == 1;
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      Engine own = engine();
                      start.await();
                      for (int i = 0; i < 400; i++) {
                        work(own, mistaken, mistaken ? -i : i);
                      }
                    } catch (Throwable e) {
                      wrong.add(e);
                    }
                  }));
    }
    for (Thread t : threads) {
      t.join();
    }
    assertEquals(List.of(), List.copyOf(wrong));
    assertEquals(0, memory.statistics().heldBytes());
  }

  private static void work(Engine own, boolean mistaken, int i) {
    try (TensorScope _ = TensorScope.open()) {
      Tensor x = own.tensor(new float[] {i, 2, 3, 4});
      Tensor wrong = mistaken ? x.gather(0, own.tensor(new int[] {9})) : x;
      Tensor y = x.add(x).mul(own.full(ScalarType.F32, i, 4));
      if (mistaken) {
        assertThrows(IndexException.class, wrong::toFloats);
      }
      assertArrayEquals(new float[] {2f * i * i, 4f * i, 6f * i, 8f * i}, y.toFloats());
      if (i % 10 == 0) {
        try (Plan plan = chain(own)) {
          for (int turn = 0; turn < 10; turn++) {
            plan.slot("x").set(i, turn, 1f);
            plan.run();
          }
          assertArrayEquals(new float[] {2f * i * i, 162, 2}, plan.output("y").toFloats());
        }
      }
    }
  }
}
