package dev.quern.core.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Ceilings.Result;
import dev.quern.core.spi.Ceiling;
import dev.quern.core.spi.CeilingLoop;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.SettingException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class CeilingsTest {
  private static final String BYTES = "quern.ceilings.bytes";

  private final Queue<MemorySegment> seen = new ConcurrentLinkedQueue<>();
  private final Queue<MemorySegment> prepared = new ConcurrentLinkedQueue<>();

  /** Counts 3 for a byte, and takes a millisecond for a thousand rounds. */
  private final CeilingLoop loop =
      new CeilingLoop() {
        @Override
        public String name() {
          return "counting";
        }

        @Override
        public long run(MemorySegment memory, long rounds) {
          seen.add(memory);
          for (long end = System.nanoTime() + rounds * 1000; System.nanoTime() < end; ) {
            Thread.onSpinWait();
          }
          return 3 * memory.byteSize() * rounds;
        }

        @Override
        public void prepare(MemorySegment memory) {
          prepared.add(memory);
        }
      };

  private record Provider(String name, int priority, Set<Ceiling> ceilings, CeilingLoop loop)
      implements KernelProvider {
    @Override
    public Probe probe() {
      return new Probe.Usable("ceilings alone");
    }

    @Override
    public @Nullable Kernel find(KernelSignature signature) {
      return null;
    }

    @Override
    public @Nullable CeilingLoop ceiling(Ceiling ceiling) {
      return ceilings.contains(ceiling) ? loop : null;
    }
  }

  private KernelRegistry registry(Ceiling... ceilings) {
    return new KernelRegistry(
        List.of(
            new Provider("none", 9, Set.of(), loop),
            new Provider("some", 5, Set.of(ceilings), loop)));
  }

  @BeforeEach
  void small() {
    System.setProperty(BYTES, "65536");
  }

  @AfterEach
  void clear() {
    System.clearProperty(BYTES);
    System.clearProperty("quern.kernels");
  }

  @Test
  void theRateIsTheWorkOfAllThreadsByTime() {
    try (Ceilings ceilings = Ceilings.open(registry(Ceiling.MEMORY_READ), 2)) {
      var one = assertInstanceOf(Result.Measured.class, ceilings.measure(Ceiling.MEMORY_READ, 1));
      assertEquals("counting", one.loop());
      assertTrue(one.rate() > 0 && one.rate() <= 3.0 * 65536 / 1000, "rate " + one.rate());
      assertInstanceOf(Result.Measured.class, ceilings.measure(Ceiling.MEMORY_READ, 2));
    }
    assertEquals(
        Set.of(65536L), seen.stream().map(MemorySegment::byteSize).collect(Collectors.toSet()));
    Set<Long> addresses = seen.stream().map(MemorySegment::address).collect(Collectors.toSet());
    assertEquals(2, addresses.size(), "a buffer for each thread");
    addresses.forEach(a -> assertEquals(0, a % 64));
    assertEquals(2, prepared.size(), "memory is prepared once");
  }

  @Test
  void loopsInRegistersGetTheFewestBytes() {
    try (Ceilings ceilings = Ceilings.open(registry(Ceiling.F32_FMA), 1)) {
      ceilings.measure(Ceiling.F32_FMA, 1);
    }
    seen.forEach(m -> assertEquals(CeilingLoop.LEAST_BYTES, m.byteSize()));
  }

  @Test
  void whatNoProviderInUseHasIsNotMeasured() {
    Result.NotMeasured none = new Result.NotMeasured("no kernel provider in use has a loop for it");
    try (Ceilings ceilings = Ceilings.open(registry(Ceiling.F32_FMA), 1)) {
      assertEquals(none, ceilings.measure(Ceiling.BF16_TILES, 1));
      System.setProperty("quern.kernels", "none");
      assertEquals(none, ceilings.measure(Ceiling.F32_FMA, 1));
      assertEquals(none, ceilings.measureReading(MemorySegment.NULL, 1));
    }
  }

  @Test
  void givenMemoryIsCutForTheThreads() {
    try (Arena arena = Arena.ofShared();
        Ceilings ceilings = Ceilings.open(registry(Ceiling.MEMORY_READ), 2)) {
      MemorySegment file = arena.allocate(5 * 4096 + 100);
      assertInstanceOf(Result.Measured.class, ceilings.measureReading(file, 2));
      Set<Long> offsets =
          seen.stream().map(m -> m.address() - file.address()).collect(Collectors.toSet());
      assertEquals(Set.of(0L, 8192L), offsets);
      assertInstanceOf(Result.NotMeasured.class, ceilings.measureReading(file.asSlice(0, 100), 1));
    }
  }

  @Test
  void memoryIsFilledWithSmallNumbers() {
    try (Ceilings ceilings = Ceilings.open(registry(Ceiling.F32_FMA), 1)) {
      ceilings.measure(Ceiling.F32_FMA, 1);
      MemorySegment memory = seen.element();
      assertEquals(0x3c, memory.get(ValueLayout.JAVA_BYTE, 4095));
    }
  }

  @Test
  void aWrongSizeIsRefused() {
    System.setProperty(BYTES, "1");
    KernelRegistry kernels = registry();
    assertThrows(SettingException.class, () -> Ceilings.open(kernels, 1));
  }
}
