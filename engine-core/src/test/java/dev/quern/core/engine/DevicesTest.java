package dev.quern.core.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.spi.Backend;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.Probe;
import dev.quern.core.spi.Replay;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class DevicesTest {
  private final Engine engine = Engine.create();
  private final CpuDevice cpu = new CpuDevice();

  private record Refusing(String kind) implements DeviceProvider {
    @Override
    public Probe probe() {
      return new Probe.Refused("no driver", "install one");
    }

    @Override
    public List<Found> devices() {
      return List.of();
    }
  }

  /** Found, and nothing more, as a backend is at first. */
  private record Unfinished(String kind) implements DeviceProvider {
    @Override
    public Probe probe() {
      return new Probe.Usable("one");
    }

    @Override
    public List<Found> devices() {
      return List.of(new Found(new Device(kind, 0), "x", 1));
    }
  }

  @Test
  void devicesAreReadAsTheyAreWritten() {
    for (Device d : List.of(Device.CPU, Device.cuda(0), Device.cuda(12))) {
      assertEquals(d, Device.of(d.toString()));
    }
    assertEquals(Device.cuda(0), Device.of("cuda"));
    for (String name : List.of("", "GPU", "cuda:", "cuda:-1", "cuda:x", "cuda:1:2", "cuda:12345")) {
      assertThrows(DeviceException.class, () -> Device.of(name), name);
    }
  }

  @Test
  void theCpuIsThere() {
    assertEquals("cpu", cpu.kind());
    assertInstanceOf(Probe.Usable.class, cpu.probe());
    DeviceProvider.Found found = cpu.devices().getFirst();
    assertEquals(Device.CPU, found.device());
    assertTrue(found.description().contains("processors"), found.description());
    assertTrue(found.memoryBytes() >= 0);
    assertSame(CpuDevice.class, Engine.devices().getFirst().getClass());
    assertEquals(Device.CPU, engine.device());
  }

  @Test
  void theCpuOpensAsOthersDo() {
    Backend opened = cpu.open(Device.CPU);
    MemorySegment a = opened.memory().take(16);
    MemorySegment b = opened.memory().take(16);
    opened.upload(MemorySegment.ofArray(new float[] {1, 2}), a);
    opened.zero(b);
    opened.copy(a.asSlice(0, 4), b.asSlice(4));
    opened.synchronize();
    float[] back = new float[2];
    opened.download(b.asSlice(0, 8), MemorySegment.ofArray(back));
    assertArrayEquals(new float[] {0, 1}, back);
    try (Replay replay =
        opened.compile(
            "p", List.of(() -> b.setAtIndex(ValueLayout.JAVA_FLOAT, 1, 7)), a.asSlice(0, 4), b)) {
      replay.run(1);
    }
    assertEquals(1, b.getAtIndex(ValueLayout.JAVA_FLOAT, 0));
    assertEquals(7, b.getAtIndex(ValueLayout.JAVA_FLOAT, 1));
    opened.memory().give(a);
    opened.memory().give(b);
    assertTrue(opened.kernels().names().contains("reference"));
  }

  @Test
  void fromCpuToCpuIsTheTensorItself() {
    Tensor x = engine.normal(1, 2, 3);
    assertSame(x, x.to(Device.CPU));
  }

  @Test
  void anUnknownDeviceIsRefusedWithWhatThereIs() {
    Tensor x = engine.normal(1, 2, 3);
    DeviceException e = assertThrows(DeviceException.class, () -> x.to(new Device("tpu", 3)));
    assertTrue(
        e.getMessage().startsWith("there is no device tpu:3; there are: cpu ("), e::getMessage);
    Engine some = Engine.builder().devices(new FakeDevice("far", 1), new Refusing("cuda")).build();
    e = assertThrows(DeviceException.class, () -> some.move(x, Device.cuda(0)));
    assertTrue(
        e.getMessage().endsWith(", far:0 (made up); cuda is not usable: no driver; install one"),
        e::getMessage);
    assertThrows(
        DeviceException.class,
        () -> Engine.builder().devices(new Refusing("cuda")).device(Device.cuda(0)).build());
  }

  @Test
  void aDeviceWithoutBackendSaysSo() {
    Engine some = Engine.builder().devices(new Unfinished("cuda")).build();
    Tensor x = some.normal(1, 2, 3);
    NotSupportedException e = assertThrows(NotSupportedException.class, () -> x.to(Device.cuda(0)));
    assertTrue(e.getMessage().contains("can't live on cuda:0 yet"), e::getMessage);
  }

  @Test
  void viewsTravelThereAndBack() {
    FakeDevice far = new FakeDevice("far", 1 << 20);
    FakeDevice farther = new FakeDevice("farther", 1 << 20);
    Engine some = Engine.builder().devices(far, farther).build();
    try (TensorScope _ = TensorScope.open()) {
      Tensor x = some.arange(ScalarType.F32, 0, 1, 24).reshape(4, 6);
      for (Tensor view : List.of(x, x.transpose(), x.slice(0, 1, 2), x.slice(1, 1, 3))) {
        Tensor there = view.to(far.device());
        assertEquals(far.device(), there.device());
        Tensor elsewhere = there.transpose().to(farther.device());
        assertEquals(farther.device(), elsewhere.device());
        Tensor back = elsewhere.to(Device.CPU).transpose();
        assertEquals(Device.CPU, back.device());
        assertArrayEquals(view.toFloats(), back.toFloats());
      }
    }
    assertEquals(0, far.heldBytes());
    assertEquals(0, farther.heldBytes());
  }

  @Test
  void trimmingGivesBackWhatScopesLeft() {
    Engine.trimMemory();
    long bytes;
    try (TensorScope _ = TensorScope.open()) {
      bytes = engine.normal(1, 1 << 20).spec().byteSize();
    }
    assertTrue(Engine.trimMemory() >= bytes);
    assertTrue(Engine.trimMemory() < bytes);
    try (TensorScope _ = TensorScope.open()) {
      MemorySegment again = engine.full(ScalarType.F32, 3, 1 << 20).segment();
      assertEquals(3f, again.getAtIndex(ValueLayout.JAVA_FLOAT, (1 << 20) - 1));
    }
  }
}
