package dev.quern.kernels.ffm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.quern.core.spi.Ceiling;
import dev.quern.core.spi.CeilingLoop;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The C tests check what the loops compute; here it is that each tier has those of its units. */
class CeilingTest {
  private static final long BYTES = 3 * 4096;

  private static Tier least(Ceiling ceiling) {
    return switch (ceiling) {
      case MEMORY_READ, CACHE_READ, F32_FMA -> Tier.BASELINE;
      case INT8_DOT, BF16_DOT -> Tier.AVX512;
      case BF16_TILES, BF16_TILES_CACHE, INT8_TILES, INT8_TILES_CACHE -> Tier.AMX;
    };
  }

  /** Operations of two rounds; bytes for the loops that read. */
  private static long work(Ceiling ceiling, int lanes) {
    long steps = 2 * 256;
    long groups = 2 * BYTES / 4096;
    return switch (ceiling) {
      case MEMORY_READ, CACHE_READ -> 2 * BYTES;
      case F32_FMA -> steps * 12 * lanes * 2;
      case INT8_DOT -> steps * 12 * 128;
      case BF16_DOT -> steps * 12 * 64;
      case BF16_TILES -> steps * 4 * 16 * 16 * 64;
      case INT8_TILES -> steps * 4 * 16 * 16 * 128;
      case BF16_TILES_CACHE -> groups * 4 * 16 * 16 * 64;
      case INT8_TILES_CACHE -> groups * 4 * 16 * 16 * 128;
    };
  }

  @ParameterizedTest
  @EnumSource
  void everyTierHasTheLoopsOfItsUnits(Ceiling ceiling) {
    for (Functions functions : Harness.tiers()) {
      Tier tier = Tier.BASELINE;
      for (Tier t : functions.tiers()) {
        tier = t.compareTo(tier) > 0 ? t : tier;
      }
      CeilingLoop loop = NativeCeiling.of(functions, ceiling);
      if (tier.compareTo(least(ceiling)) < 0) {
        assertNull(loop, tier + " has no unit for " + ceiling);
        continue;
      }
      assertNotNull(loop, tier + " lacks " + ceiling);
      int lanes = loop.name().endsWith("baseline") ? 4 : loop.name().endsWith("avx2") ? 8 : 16;
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment memory = arena.allocate(BYTES, 64).fill((byte) 1);
        loop.prepare(memory);
        assertEquals(work(ceiling, lanes), loop.run(memory, 2), loop.name());
        assertEquals(1, memory.get(ValueLayout.JAVA_BYTE, BYTES - 1));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("tiers")
  void tooLittleMemoryIsRefused(Functions functions) {
    CeilingLoop loop = multiplyAdd(functions);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(4095, 64);
      assertThrows(IllegalArgumentException.class, () -> loop.run(memory, 1));
    }
  }

  private static CeilingLoop multiplyAdd(Functions functions) {
    CeilingLoop loop = NativeCeiling.of(functions, Ceiling.F32_FMA);
    assertNotNull(loop);
    return loop;
  }

  private static List<Functions> tiers() {
    return Harness.tiers();
  }
}
