package dev.quern.core.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.CustomOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/**
 * Memory that another thread's operation is using when its owner closes: the operation still sees
 * its values, nobody else gets the memory before it has ended, and the next use is refused.
 */
class CloseWhileInUseTest {
  private static final int N = 12_345; // an odd size class, so that no other test recycles it

  private final Engine engine = Engine.create();

  /** Copies x, but only after somebody let it. */
  private record SlowCopy(CountDownLatch running, CountDownLatch goOn) implements CustomOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> inputs) {
      return List.of(inputs.getFirst());
    }

    @Override
    public void compute(List<TensorView> inputs, List<TensorView> outputs) {
      running.countDown();
      try {
        assertTrue(goOn.await(30, TimeUnit.SECONDS));
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      MemorySegment y = outputs.getFirst().segment();
      MemorySegment.copy(inputs.getFirst().segment(), 0, y, 0, 4L * N);
    }
  }

  private final SlowCopy copy = new SlowCopy(new CountDownLatch(1), new CountDownLatch(1));

  private Tensor full(float value) {
    float[] values = new float[N];
    Arrays.fill(values, value);
    return engine.tensor(values, N);
  }

  private static void expect(float value, float[] values) {
    for (float v : values) {
      assertEquals(value, v);
    }
  }

  /** Starts work on another thread, and returns once its kernel runs. */
  private CompletableFuture<float[]> start(Supplier<float[]> work) throws InterruptedException {
    CompletableFuture<float[]> result =
        CompletableFuture.supplyAsync(work, Thread::startVirtualThread);
    assertTrue(copy.running.await(30, TimeUnit.SECONDS));
    return result;
  }

  /** What would get recycled memory, were there any; then lets the kernel go on. */
  private void overwriteAndGoOn() {
    List<Tensor> others = new ArrayList<>();
    try (TensorScope _ = TensorScope.open("others")) {
      for (int i = 0; i < 8; i++) {
        others.add(full(-1));
      }
    }
    copy.goOn.countDown();
    assertEquals(8, others.size());
  }

  @Test
  void aScope() throws Exception {
    CompletableFuture<float[]> result;
    Tensor x;
    try (TensorScope _ = TensorScope.open("early")) {
      x = full(3);
      result = start(() -> engine.one(copy, x).toFloats());
    }
    overwriteAndGoOn();
    expect(3, result.get());
    String m = assertThrows(ScopeClosedException.class, () -> x.add(1)).getMessage();
    assertTrue(m.contains("[" + N + "] F32") && m.contains("scope 'early'"), m);
  }

  @Test
  void aScopeThatGotThePromotedTensor() throws Exception {
    CompletableFuture<float[]> result;
    try (TensorScope _ = TensorScope.open("outer")) {
      try (TensorScope inner = TensorScope.open("inner")) {
        Tensor x = full(4);
        result = start(() -> engine.one(copy, x).toFloats());
        inner.promote(x);
      }
    }
    overwriteAndGoOn();
    expect(4, result.get());
  }

  @Test
  void aBuffer() throws Exception {
    Buffer b = engine.buffer("b", TensorSpec.of(ScalarType.F32, N));
    b.assign(full(5));
    CompletableFuture<float[]> result = start(() -> engine.one(copy, b.value()).toFloats());
    b.close();
    overwriteAndGoOn();
    expect(5, result.get());
    assertThrows(ScopeClosedException.class, b::close);
  }

  @Test
  void aBufferThatAPlanReads() throws Exception {
    Buffer b = engine.buffer("b", TensorSpec.of(ScalarType.F32, N));
    b.assign(full(6));
    try (Plan plan = engine.record("slow", r -> r.output("y", engine.one(copy, b.value())))) {
      CompletableFuture<float[]> result =
          start(
              () -> {
                plan.run();
                return plan.output("y").toFloats();
              });
      b.close();
      overwriteAndGoOn();
      expect(6, result.get());
      assertThrows(ScopeClosedException.class, plan::run);
    }
  }

  @Test
  void aPlanWhoseOutputIsRead() throws Exception {
    CompletableFuture<float[]> result;
    Tensor y;
    try (Buffer b = engine.buffer("b", TensorSpec.of(ScalarType.F32, N));
        Plan plan = engine.record("p", r -> r.output("y", b.value().add(7)))) {
      plan.run();
      y = plan.output("y");
      result = start(() -> engine.one(copy, y).toFloats());
    }
    overwriteAndGoOn();
    expect(7, result.get());
    assertThrows(ScopeClosedException.class, () -> y.add(1));
  }

  /** No latches: one thread makes, closes and overwrites; the others read what they can get. */
  @Test
  void manyReadersNeverSeeAnotherTensorsValues() throws Exception {
    AtomicReference<Tensor> shared = new AtomicReference<>();
    CountDownLatch stop = new CountDownLatch(1);
    List<CompletableFuture<Long>> readers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      readers.add(
          CompletableFuture.supplyAsync(() -> read(shared, stop), Thread::startVirtualThread));
    }
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(700);
    for (int i = 0; System.nanoTime() < end; i++) {
      try (TensorScope _ = TensorScope.open("round")) {
        shared.set(full(i % 1000));
        LockSupport.parkNanos(i % 4 * 20_000);
      }
      try (TensorScope _ = TensorScope.open("others")) {
        assertEquals(N, full(-1).shape().elements());
      }
    }
    stop.countDown();
    long reads = 0;
    for (CompletableFuture<Long> r : readers) {
      reads += r.get();
    }
    assertTrue(reads > 0, "the readers never got anything");
  }

  private static long read(AtomicReference<Tensor> shared, CountDownLatch stop) {
    long reads = 0;
    while (stop.getCount() > 0) {
      Tensor t = shared.get();
      if (t != null) {
        try (TensorScope _ = TensorScope.open("reader")) {
          float[] values = t.mul(1).toFloats();
          for (float v : values) {
            assertTrue(v == values[0] && v >= 0, () -> "saw " + v + " beside " + values[0]);
          }
          reads++;
        } catch (ScopeClosedException e) {
          assertTrue(e.getMessage().contains("scope 'round'"), e.getMessage());
        }
      }
    }
    return reads;
  }
}
