package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.Layout;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.kernel.Walk.Operand;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** How calls are cut for launches: arithmetic on shapes, without memory. */
class WalkTest {
  private static final int GROUP = 4;
  private static final MemorySegment NOWHERE = MemorySegment.ofAddress(1 << 20);

  private static Operand operand(Shape shape, long... strides) {
    return new Operand(NOWHERE, Float.BYTES, Layout.of(shape, strides, 0));
  }

  @Test
  void nothingHasNoWalk() {
    Shape s = Shape.of(3, 0);
    assertEquals(List.of(), Walk.over(s, GROUP, operand(s, 0, 1)));
  }

  @Test
  void axesThatAllOperandsCrossEvenlyAreOne() {
    Shape s = Shape.of(3, 5, 7);
    List<Walk> walks = Walk.over(s, GROUP, operand(s, 35, 7, 1), operand(s, 0, 0, 0));
    assertEquals(1, walks.size());
    assertEquals(Math.ceilDiv(3 * 5 * 7, GROUP), walks.getFirst().groups());
    long[] rows = {35, 7, 1};
    long[] columns = {5, 1, 15};
    Walk apart = Walk.over(s, GROUP, operand(s, rows), operand(s, columns)).getFirst();
    assertEquals(3 * 5 * Math.ceilDiv(7, GROUP), apart.groups());
  }

  @Test
  void largeCallsAreCut() {
    long n = 5L << 30;
    for (Shape s : List.of(Shape.of(n), Shape.of(5, 1L << 30), Shape.of(1L << 30, 5))) {
      long[] strides = Layout.contiguous(s).strides();
      long[] gaps = Arrays.stream(strides).map(x -> 2 * x).toArray();
      List<Walk> walks = Walk.over(s, GROUP, operand(s, strides), operand(s, gaps));
      assertTrue(walks.size() > 1);
      long first = 0;
      for (Walk w : walks) {
        assertEquals(first, w.first());
        assertTrue(w.groups() <= 1 << 30);
        first += w.groups() * GROUP;
      }
      assertEquals(n, first, "multiples of a group, so that no part ends within one");
    }
  }

  @Test
  void axesThatCantBeMergedAreRefusedWithARemedy() {
    long[] dims = new long[10];
    Arrays.fill(dims, 2);
    Shape s = Shape.of(dims);
    long[] strides = new long[10];
    for (int a = 0; a < strides.length; a++) {
      strides[a] = 1L << (2 * a);
    }
    NotSupportedException e =
        assertThrows(NotSupportedException.class, () -> Walk.over(s, GROUP, operand(s, strides)));
    assertTrue(e.getMessage().contains("make them contiguous first"), e.getMessage());
  }

  @Test
  void divisorsDivide() {
    for (int d :
        new int[] {
          1, 2, 3, 5, 7, 10, 641, 65_535, 65_536, 65_537, (1 << 30) - 1, Integer.MAX_VALUE
        }) {
      Divisor divisor = new Divisor(d);
      for (long n :
          new long[] {
            0, 1, d - 1L, d, d + 1L, 3L * d + 2, Integer.MAX_VALUE - 1, Integer.MAX_VALUE
          }) {
        if (n > Integer.MAX_VALUE) {
          continue;
        }
        long high = (n * Integer.toUnsignedLong(divisor.magic())) >>> Integer.SIZE;
        long sum = (high + n) & 0xffffffffL;
        assertEquals(n / d, sum >>> divisor.shift(), n + " / " + d);
      }
    }
  }
}
