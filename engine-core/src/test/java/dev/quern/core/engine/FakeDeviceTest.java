package dev.quern.core.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.autograd.Tape;
import dev.quern.core.memory.LeakReport;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.CustomOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.plan.Recording;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Execution on a device whose memory the host can't touch; the reference on the CPU is the judge.
 */
class FakeDeviceTest {
  private static final TensorSpec X = TensorSpec.of(ScalarType.F32, 2, 8);

  private final FakeDevice fake = new FakeDevice("fake", 1 << 20);
  private final Engine cpu = Engine.builder().kernels(new ReferenceProvider()).build();
  private final Engine there = engine();
  private TensorScope scope = TensorScope.open("test");

  private Engine engine() {
    return Engine.builder()
        .kernels(new ReferenceProvider())
        .devices(fake)
        .device(fake.device())
        .build();
  }

  @BeforeEach
  void nothingIsHeld() {
    assertEquals(0, fake.heldBytes());
  }

  @AfterEach
  void everythingWentBack() {
    scope.close();
    assertEquals(0, fake.heldBytes());
    assertEquals(0, fake.openReplays);
  }

  /** Scalars, views, products, normalisation, and a comparison. */
  private static Tensor network(Engine e, Tensor x) {
    Tensor h = x.linear(e.normal(1, 5, 8)).rmsNorm(e.normal(2, 5), 1e-5f);
    Tensor y = h.transpose().softmax(-1).mul(2).add(h.silu().transpose());
    return y.add(x.arange(ScalarType.F32, 5).reshape(5, 1)).clip(-1, 3.5);
  }

  @Test
  void whatIsTimedIsDoneEachTime() {
    try (Buffer sum = there.buffer("sum", X)) {
      Tensor ones = there.full(ScalarType.F32, 1, 2, 8);
      Runnable add = () -> sum.assign(sum.value().add(ones));
      double[] nanos = there.home().time(3, add, add);
      assertEquals(3, nanos.length);
      assertTrue(nanos[2] > 0, "without a clock of its own it is the host's");
      assertEquals(6, sum.value().toFloats()[15]);
    }
  }

  @Test
  void theSameCodeGivesTheSameBits() {
    Tensor here = network(cpu, cpu.normal(7, 2, 8));
    Tensor x = there.normal(7, 2, 8);
    assertEquals(fake.device(), x.device());
    Tensor y = network(there, x);
    assertEquals(fake.device(), y.device());
    assertArrayEquals(here.toFloats(), y.toFloats());
    assertArrayEquals(here.transpose().toDoubles(), y.transpose().toDoubles());
    assertEquals(here.sum().item(), y.sum().item());
  }

  @Test
  void aTensorThatMovedComputesWhereItIs() {
    Engine mixed = Engine.builder().kernels(new ReferenceProvider()).devices(fake).build();
    Tensor x = mixed.normal(7, 2, 8);
    Tensor far = x.to(fake.device());
    Tensor y = far.mul(3).add(1).transpose().contiguous();
    assertEquals(fake.device(), y.device());
    assertArrayEquals(x.mul(3).add(1).transpose().toFloats(), y.toFloats());
    Tensor f16 = far.cast(ScalarType.F16);
    assertArrayEquals(x.cast(ScalarType.F16).toFloats(), f16.toFloats());
  }

  @Test
  void theHostCantTouchItsMemory() {
    Tensor x = there.tensor(new float[] {1, 2, 3});
    TensorView v = x.view();
    assertEquals(4, v.segment().asSlice(8, 4).address() - v.segment().address() - 4);
    assertThrows(IllegalStateException.class, () -> v.segment().get(ValueLayout.JAVA_FLOAT, 0));
    DeviceException e = assertThrows(DeviceException.class, x::segment);
    assertTrue(e.getMessage().contains("[3] F32 is on fake:0; move it"), e::getMessage);
    assertArrayEquals(new float[] {1, 2, 3}, x.toFloats());
  }

  @Test
  void mixedDevicesAreRefusedNamingBoth() {
    Tensor here = cpu.tensor(new float[] {1, 2, 3});
    Tensor far = there.tensor(new float[] {4, 5, 6});
    for (Tensor[] pair : new Tensor[][] {{here, far}, {far, here}}) {
      DeviceException e = assertThrows(DeviceException.class, () -> pair[0].add(pair[1]));
      assertTrue(e.getMessage().startsWith("[add] inputs are on different devices"), e::getMessage);
      assertTrue(e.getMessage().contains("[3] F32 on cpu"), e::getMessage);
      assertTrue(e.getMessage().contains("[3] F32 on fake:0"), e::getMessage);
      assertTrue(e.getMessage().endsWith("move them to one: x.to(device)"), e::getMessage);
    }
    assertArrayEquals(new float[] {5, 7, 9}, far.add(there.move(here, fake.device())).toFloats());
  }

  @Test
  void plansRunOnTheEnginesDevice() {
    try (Plan plan = there.record("net", r -> r.output("y", network(there, r.slot("x", X))))) {
      assertEquals(List.of("fake"), List.copyOf(plan.providers()));
      for (int i = 0; i < 3; i++) {
        float[] x = cpu.normal(100 + i, 2, 8).toFloats();
        plan.slot("x").set(x);
        plan.run();
        assertArrayEquals(
            network(cpu, cpu.tensor(x, 2, 8)).toFloats(), plan.output("y").toFloats());
      }
      assertEquals(fake.device(), plan.output("y").device());
      assertEquals(3, fake.replays);
      assertEquals(1, fake.openReplays);
    }
  }

  @Test
  void replaysInARowAreOneCallOfTheDevice() {
    TensorSpec two = TensorSpec.of(ScalarType.F32, 2);
    try (Buffer sum = there.buffer("sum", two);
        Plan plan =
            there.record("count", r -> sum.assign(sum.value().mul(2).add(r.slot("step", two))))) {
      plan.slot("step").set(1f, 3f);
      int before = fake.replays;
      plan.run(3);
      assertEquals(before + 1, fake.replays);
      assertArrayEquals(new float[] {7, 21}, sum.value().toFloats());
    }
  }

  @Test
  void slotsMayChangeBeforeTheDeviceHasReadThem() {
    try (Buffer sum = there.buffer("sum", TensorSpec.of(ScalarType.F32, 2));
        Plan plan =
            there.record(
                "sum",
                r -> {
                  Tensor x = r.slot("x", TensorSpec.of(ScalarType.F32, 2));
                  sum.assign(sum.value().add(x));
                  r.output("x", x);
                })) {
      for (int i = 1; i <= 4; i++) {
        plan.slot("x").set(i, 10f * i);
        plan.run();
      }
      plan.slot("x").set(0f, 0f);
      assertArrayEquals(new float[] {10, 100}, sum.value().toFloats());
      assertArrayEquals(new float[] {4, 40}, plan.output("x").toFloats());
      assertEquals(4, sum.version());
    }
  }

  @Test
  void aPlanReadsOnlyItsOwnDevice() {
    Tensor here = cpu.tensor(new float[] {1, 2, 3});
    DeviceException e =
        assertThrows(
            DeviceException.class,
            () -> there.record("p", r -> r.slot("x", TensorSpec.of(ScalarType.F32, 3)).add(here)));
    assertTrue(
        e.getMessage()
            .startsWith("[add] plan 'p' is recorded on fake:0 and input [3] F32 is on cpu"),
        e::getMessage);
  }

  @Test
  void gradientsAreTheSame() {
    assertArrayEquals(gradient(cpu), gradient(there));
  }

  private static float[] gradient(Engine e) {
    try (TensorScope _ = TensorScope.open();
        Tape tape = e.tape()) {
      Tensor w = e.normal(3, 4, 8);
      tape.watch(w);
      Tensor loss = e.normal(4, 2, 8).linear(w).softmax(-1).mul(w.sum()).sum();
      return tape.gradients(loss, w).getFirst().toFloats();
    }
  }

  @Test
  void whatScopesPlansAndBuffersHeldGoesBack() {
    TensorScope inner = TensorScope.open("inner");
    Tensor kept = inner.promote(there.normal(1, 1000));
    there.normal(2, 1000).mul(2);
    long most = fake.heldBytes();
    inner.close();
    assertTrue(fake.heldBytes() < most);
    assertEquals(1000, kept.toFloats().length);
    long before = fake.heldBytes();
    Buffer b = there.buffer("b", X);
    Tensor value = b.value();
    assertTrue(fake.heldBytes() > before);
    b.close();
    assertEquals(before, fake.heldBytes());
    ScopeClosedException e = assertThrows(ScopeClosedException.class, () -> value.add(1));
    assertTrue(e.getMessage().contains("buffer 'b'"), e::getMessage);
  }

  @Test
  void whatWasForgottenGoesBackToo() throws InterruptedException {
    scope.close();
    Consumer<String> before = LeakReport.reportTo(_ -> {});
    forget();
    await(() -> fake.heldBytes() == 0 && fake.openReplays == 0);
    LeakReport.reportTo(before);
    scope = TensorScope.open("test");
  }

  private void forget() {
    there.normal(1, 1000).mul(2).toFloats();
    there.buffer("forgotten", X);
    there.record("forgotten", r -> r.output("y", r.slot("x", X).mul(2).add(there.normal(1, 8))));
    assertTrue(fake.heldBytes() >= 8000);
  }

  @Test
  void aRecordingThatFailsAtItsEndGivesEverythingBack() {
    fake.refusesReplays = true;
    Tensor bias = there.normal(1, 8);
    long before = fake.heldBytes();
    Consumer<Recording> code =
        r -> r.output("y", r.slot("x", X).mul(2).add(bias.mul(bias)).softmax(-1));
    DeviceException e = assertThrows(DeviceException.class, () -> there.record("p", code));
    assertTrue(e.getMessage().endsWith("no room for plan 'p'"), e::getMessage);
    assertEquals(before, fake.heldBytes(), "constants, workspace, scratch and parameters");
    fake.refusesReplays = false;
    there.record("p", code).close();
    assertEquals(before, fake.heldBytes());
  }

  @Test
  void aPlanWhoseReplayCantBeClosedGivesItsMemoryBackAllTheSame() {
    Plan plan = there.record("p", r -> r.output("y", r.slot("x", X).mul(2).add(1)));
    fake.refusesToClose = true;
    DeviceException e = assertThrows(DeviceException.class, plan::close);
    assertTrue(e.getMessage().endsWith("can't close"), e::getMessage);
    fake.refusesToClose = false;
    assertEquals(0, fake.heldBytes());
    assertThrows(ScopeClosedException.class, plan::run);
  }

  @Test
  void gradientsMoveBackToWhereATensorIs() {
    Engine mixed = Engine.builder().kernels(new ReferenceProvider()).devices(fake).build();
    Tensor x = mixed.normal(5, 3, 4);
    float[] expected;
    try (Tape tape = mixed.tape()) {
      tape.watch(x);
      expected = tape.backward(x.mul(x).mul(x).sum()).of(x).toFloats();
    }
    try (Tape tape = mixed.tape()) {
      tape.watch(x);
      Tensor far = x.to(fake.device());
      Tensor loss = far.mul(x.mul(x).to(fake.device())).sum();
      assertEquals(fake.device(), loss.device());
      Tensor g = tape.backward(loss).of(x);
      assertEquals(Device.CPU, g.device());
      assertArrayEquals(expected, g.toFloats());
    }
    try (Tape tape = mixed.tape()) { // views are packed on the way, and the gradient comes back
      tape.watch(x);
      Tensor far = x.transpose().to(fake.device());
      Tensor g = tape.gradients(far.mul(far).to(Device.CPU).sum(), x).getFirst();
      assertArrayEquals(x.mul(2).toFloats(), g.toFloats());
      assertArrayEquals( // of the gradient's own sum
          x.fullLike(2).toFloats(), tape.gradients(g.sum(), x).getFirst().toFloats());
    }
    try (Tape tape = mixed.tape()) {
      tape.watch(x);
      Tensor y = tape.checkpoint(t -> t.to(fake.device()).mul(3).to(Device.CPU), x);
      assertArrayEquals(x.fullLike(3).toFloats(), tape.backward(y.sum()).of(x).toFloats());
    }
  }

  @Test
  void aPlansValuesCantBeMoved() {
    DeviceException e =
        assertThrows(
            DeviceException.class,
            () -> there.record("p", r -> r.output("y", r.slot("x", X).mul(2).to(Device.CPU))));
    assertTrue(
        e.getMessage()
            .startsWith("[to] [2, 8] F32 is a value of plan 'p', which runs on fake:0 alone"),
        e::getMessage);
    try (Buffer here = cpu.buffer("b", X)) {
      e =
          assertThrows(
              DeviceException.class,
              () ->
                  there.record(
                      "p", r -> r.slot("x", X).add(there.move(here.value(), fake.device()))));
      assertTrue(e.getMessage().startsWith("[to] buffer [2, 8] F32 on cpu"), e::getMessage);
    }
    Tensor constant = cpu.normal(1, 2, 8);
    there
        .record("p", r -> r.output("y", r.slot("x", X).add(there.move(constant, fake.device()))))
        .close();
  }

  private static void await(BooleanSupplier done) throws InterruptedException {
    for (int i = 0; i < 1000 && !done.getAsBoolean(); i++) {
      System.gc();
      Thread.sleep(10);
    }
    assertTrue(done.getAsBoolean());
  }

  @Test
  void theEngineGoesOnWhenMemoryIsOut() {
    Tensor x = there.normal(1, 100_000);
    DeviceException e = assertThrows(DeviceException.class, () -> x.mul(2).mul(3).mul(4));
    assertTrue(e.getMessage().contains("no memory for 400"), e::getMessage);
    scope.close();
    scope = TensorScope.open("test");
    assertEquals(200_000, there.full(ScalarType.F32, 1, 200_000).sum().item());
  }

  @Test
  void aWrongValueIsToldWhenTheDeviceIsWaitedFor() {
    Tensor table = there.normal(1, 4, 8);
    Tensor rows = table.embedding(there.tensor(new int[] {1, 9}), ScalarType.F32);
    IndexException e = assertThrows(IndexException.class, rows::toFloats);
    assertTrue(e.getMessage().contains("is 9"), e::getMessage);
    assertEquals(8, table.embedding(there.tensor(new int[] {1}), ScalarType.F32).toFloats().length);
  }

  private record Twice() implements CustomOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> inputs) {
      return inputs;
    }

    @Override
    public void compute(List<TensorView> inputs, List<TensorView> outputs) {
      throw new AssertionError("must not see a device's memory");
    }
  }

  @Test
  void aUsersOwnOperationNeedsAKernelThere() {
    Tensor x = there.normal(1, 4);
    NotSupportedException e =
        assertThrows(NotSupportedException.class, () -> there.one(new Twice(), x));
    assertTrue(e.getMessage().contains("on fake:0"), e::getMessage);
    assertTrue(e.getMessage().contains("to(Device.CPU)"), e::getMessage);
  }

  @Test
  void explainAsksTheDevicesKernels() {
    Tensor x = there.normal(1, 4, 4);
    String text = there.explain(new MatMulOp.MatMul(), x, x);
    assertTrue(text.contains("-> fake: fake"), text);
    Engine mixed = Engine.builder().kernels(new ReferenceProvider()).devices(fake).build();
    assertTrue(mixed.explain(new MatMulOp.MatMul(), x, x).contains("-> fake: fake"));
    assertEquals(Precision.AUTO, there.precision());
    assertEquals(Device.CPU, cpu.device());
  }
}
