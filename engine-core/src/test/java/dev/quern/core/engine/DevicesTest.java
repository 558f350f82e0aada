package dev.quern.core.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.Storage;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class DevicesTest {
  private static final TensorSpec SPEC = TensorSpec.of(ScalarType.F32, 2, 3);
  private static final Device FAR = new Device("far", 1);

  private final Engine engine = Engine.create();
  private final CpuDevice cpu = new CpuDevice();

  /** A device that keeps its memory on the host, and counts. */
  private static final class FarDevices implements DeviceProvider {
    private int uploads;
    private int downloads;

    @Override
    public String kind() {
      return "far";
    }

    @Override
    public Probe probe() {
      return new Probe.Usable("two of them");
    }

    @Override
    public List<Found> devices() {
      return List.of(new Found(new Device("far", 0), "a", 1), new Found(FAR, "b", 1));
    }

    @Override
    public Storage allocate(Device device, TensorSpec spec, Lifetime owner) {
      return new Storage(Arena.ofAuto().allocate(spec.byteSize(), 64), spec, device, owner, false);
    }

    @Override
    public void upload(MemorySegment host, Storage target) {
      uploads++;
      assertEquals(target.spec().byteSize(), host.byteSize());
      target.segment().copyFrom(host);
    }

    @Override
    public void download(Storage source, MemorySegment host) {
      downloads++;
      assertEquals(source.spec().byteSize(), host.byteSize());
      host.copyFrom(source.segment());
    }
  }

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
  void theCpuIsThere() {
    assertEquals("cpu", cpu.kind());
    assertInstanceOf(Probe.Usable.class, cpu.probe());
    DeviceProvider.Found found = cpu.devices().getFirst();
    assertEquals(Device.CPU, found.device());
    assertTrue(found.description().contains("processors"), found.description());
    assertTrue(found.memoryBytes() >= 0);
    assertSame(CpuDevice.class, Engine.devices().getFirst().getClass());
  }

  @Test
  void cpuMemoryIsWrittenReadAndEnds() {
    Lifetime owner = new Lifetime("the test");
    Storage s = cpu.allocate(Device.CPU, SPEC, owner);
    assertEquals(Device.CPU, s.device());
    assertEquals(0, s.segment().address() % 64);
    float[] values = {1, 2, 3, 4, 5, 6};
    cpu.upload(MemorySegment.ofArray(values), s);
    float[] back = new float[6];
    cpu.download(s, MemorySegment.ofArray(back));
    assertArrayEquals(values, back);
    owner.close();
    assertThrows(
        ScopeClosedException.class, () -> cpu.download(s, MemorySegment.ofArray(new float[6])));
    assertThrows(ScopeClosedException.class, () -> cpu.upload(MemorySegment.ofArray(values), s));
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
        e.getMessage().startsWith("[to] there is no device tpu:3 for [2, 3] F32"), e::getMessage);
    assertTrue(e.getMessage().contains("there are: cpu ("), e::getMessage);
    Devices some = new Devices(List.of(cpu, new FarDevices(), new Refusing("cuda")));
    e = assertThrows(DeviceException.class, () -> some.move(x, Device.cuda(0)));
    assertTrue(
        e.getMessage()
            .endsWith(", far:0 (a), far:1 (b); cuda is not usable: no driver; install one"),
        e::getMessage);
  }

  @Test
  void aBackendWithoutMemorySaysSo() {
    Devices some = new Devices(List.of(cpu, new Unfinished("cuda")));
    Tensor x = engine.normal(1, 2, 3);
    NotSupportedException e =
        assertThrows(NotSupportedException.class, () -> some.move(x, Device.cuda(0)));
    assertTrue(e.getMessage().contains("can't live on cuda:0 yet"), e::getMessage);
  }

  @Test
  void viewsTravelThereAndBack() {
    FarDevices far = new FarDevices();
    Devices some = new Devices(List.of(cpu, far));
    try (TensorScope _ = TensorScope.open()) {
      Tensor x = engine.arange(ScalarType.F32, 0, 1, 24).reshape(4, 6);
      for (Tensor view : List.of(x, x.transpose(), x.slice(0, 1, 2), x.slice(1, 1, 3))) {
        Tensor there = some.move(view, FAR);
        assertEquals(FAR, there.device());
        assertThrows(DeviceException.class, () -> there.add(1));
        Tensor elsewhere = some.move(there, new Device("far", 0));
        Tensor back = some.move(elsewhere, Device.CPU);
        assertEquals(Device.CPU, back.device());
        assertArrayEquals(view.toFloats(), back.toFloats());
      }
      assertEquals(8, far.uploads);
      assertEquals(8, far.downloads);
    }
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
