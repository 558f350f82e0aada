package dev.quern.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.quern.core.spi.Ceiling;
import dev.quern.core.spi.CeilingLoop;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The loops do the work that they report. */
class VectorCeilingTest {
  @Test
  void javaMeasuresReadingAndMultiplyAdds() {
    List<Ceiling> measured =
        Arrays.stream(Ceiling.values())
            .filter(c -> new VectorProvider().ceiling(c) != null)
            .toList();
    assertEquals(List.of(Ceiling.MEMORY_READ, Ceiling.CACHE_READ, Ceiling.F32_FMA), measured);
  }

  @Test
  void everyWordIsRead() {
    try (Arena arena = Arena.ofConfined()) {
      int words = 4096;
      MemorySegment memory = arena.allocate(4L * words, 64);
      int sum = 0;
      for (int i = 0; i < words; i++) {
        int word = i * 0x9e3779b9;
        memory.setAtIndex(ValueLayout.JAVA_INT, i, word);
        sum += i >= 1024 ? word : 0;
      }
      assertEquals(sum, VectorCeiling.sum(memory, 4096, memory.byteSize() - 4096));
      CeilingLoop loop = new VectorProvider().ceiling(Ceiling.MEMORY_READ);
      assertNotNull(loop);
      assertEquals(3 * memory.byteSize(), loop.run(memory, 3));
    }
  }

  @Test
  void multiplyAddsConverge() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(4096, 64);
      for (int i = 0; i < 1024; i++) {
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, i < Simd.L ? 0.5f : i < 2 * Simd.L ? 1 : 7);
      }
      // s = s / 2 + 1 ends at 2, in 12 vectors
      assertEquals(24f * Simd.L, VectorCeiling.multiplyAdd(memory), 1e-3f);
      CeilingLoop loop = new VectorProvider().ceiling(Ceiling.F32_FMA);
      assertNotNull(loop);
      assertEquals(2L * 1024 * 12 * Simd.L * 2, loop.run(memory, 2));
    }
  }
}
