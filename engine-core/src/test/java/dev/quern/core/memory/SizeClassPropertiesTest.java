package dev.quern.core.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;

class SizeClassPropertiesTest {
  private static final String SEED = "20250101";
  private static final long MOST = 1L << 50;
  private static final long FINE = 1L << 24;

  @Property(seed = SEED)
  void aClassHoldsItsRequestsAndWastesAQuarterAtMost(@ForAll @LongRange(max = MOST) long bytes) {
    long size = SegmentPool.sizeClass(bytes);
    assertTrue(size >= Math.max(1, bytes), () -> bytes + " -> " + size);
    assertEquals(0, size % SegmentPool.ALIGNMENT_BYTES);
    assertTrue(
        size - bytes <= Math.max(SegmentPool.ALIGNMENT_BYTES, bytes / 4),
        () -> bytes + " -> " + size);
    assertEquals(size, SegmentPool.sizeClass(size), "a class is its own class");
  }

  @Property(seed = SEED)
  void largerRequestsHaveNoSmallerClasses(
      @ForAll @LongRange(max = MOST) long a, @ForAll @LongRange(max = 1000) long more) {
    assertTrue(SegmentPool.sizeClass(a) <= SegmentPool.sizeClass(a + more));
  }

  @Property(seed = SEED)
  void aDoublingHasFourClassesAndOfLargeOnesThirtyTwo(
      @ForAll @LongRange(min = 256, max = MOST) long bytes) {
    long top = Long.highestOneBit(bytes - 1);
    long step = top / (top < FINE ? 4 : 32);
    assertEquals(0, SegmentPool.sizeClass(bytes) % Math.max(step, 64));
  }

  @Property(seed = SEED)
  void largeClassesWasteAThirtySecondAtMost(
      @ForAll @LongRange(min = FINE + 1, max = MOST) long bytes) {
    assertTrue(SegmentPool.sizeClass(bytes) - bytes <= bytes / 32);
  }
}
