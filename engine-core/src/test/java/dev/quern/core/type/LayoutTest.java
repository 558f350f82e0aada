package dev.quern.core.type;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LayoutTest {
  /** The storage indices of a layout's elements, last axis fastest. */
  private static List<Long> indices(Layout l) {
    List<Long> out = new ArrayList<>();
    long n = l.shape().elements();
    for (long i = 0; i < n; i++) {
      long rest = i;
      long at = l.offset();
      for (int a = l.shape().rank() - 1; a >= 0; a--) {
        at += rest % l.shape().dim(a) * l.stride(a);
        rest /= l.shape().dim(a);
      }
      out.add(at);
    }
    return out;
  }

  @Test
  void contiguousCountsUp() {
    Layout l = Layout.contiguous(Shape.of(2, 3));
    assertTrue(l.isContiguous());
    assertEquals(List.of(0L, 1L, 2L, 3L, 4L, 5L), indices(l));
  }

  @Test
  void permuteSliceExpandAddressTheRightElements() {
    Layout l = Layout.contiguous(Shape.of(2, 3));
    assertEquals(List.of(0L, 3L, 1L, 4L, 2L, 5L), indices(l.permute(List.of(1, 0))));
    assertEquals(List.of(2L, 1L, 0L, 5L, 4L, 3L), indices(l.slice(1, 2, 3, -1)));
    assertEquals(
        List.of(1L, 1L), indices(l.slice(0, 0, 1, 1).slice(1, 1, 1, 1).expand(Shape.of(2, 1))));
  }

  @Test
  void aReshapeThatIsAViewKeepsTheOrderOfElements() {
    Random random = new Random(7);
    int views = 0;
    for (int round = 0; round < 5000; round++) {
      Layout l = randomView(random);
      Shape to = randomShapeOf(l.shape().elements(), random);
      Layout r = l.reshape(to);
      if (r != null) {
        views++;
        assertEquals(indices(l), indices(r), () -> l + " -> " + to);
      }
    }
    assertTrue(views > 1000, "too few of the random reshapes were views: " + views);
  }

  @Test
  void aReshapeAcrossATransposedPairNeedsACopy() {
    Layout t = Layout.contiguous(Shape.of(2, 3)).permute(List.of(1, 0));
    assertNull(t.reshape(Shape.of(6)));
    assertNotNull(t.reshape(Shape.of(3, 1, 2)));
  }

  @Test
  void errorsNameAxisAndShape() {
    Layout l = Layout.contiguous(Shape.of(2, 3));
    ShapeException e = assertThrows(ShapeException.class, () -> l.slice(1, 2, 2, 1));
    assertTrue(e.getMessage().contains("[2, 3]"), e.getMessage());
    assertThrows(ShapeException.class, () -> l.permute(List.of(0, 0)));
    assertThrows(ShapeException.class, () -> l.expand(Shape.of(2, 4)));
    assertThrows(ShapeException.class, () -> Shape.of(2, -1));
    assertThrows(ShapeException.class, () -> Shape.of(Long.MAX_VALUE, 3));
  }

  private static Layout randomView(Random random) {
    Layout l =
        Layout.contiguous(
            Shape.of(1 + random.nextInt(4), 1 + random.nextInt(4), 1 + random.nextInt(4)));
    for (int i = 0; i < random.nextInt(3); i++) {
      int axis = random.nextInt(3);
      long extent = l.shape().dim(axis);
      switch (random.nextInt(3)) {
        case 0 -> l = l.permute(List.of(axis, (axis + 1) % 3, (axis + 2) % 3));
        case 1 -> l = l.slice(axis, extent / 2, extent - extent / 2, 1);
        default ->
            l =
                extent == 1
                    ? l.expand(l.shape().with(axis, 2))
                    : l.slice(axis, extent - 1, extent, -1);
      }
    }
    return l;
  }

  private static Shape randomShapeOf(long n, Random random) {
    List<Long> dims = new ArrayList<>();
    long rest = n;
    while (rest > 1) {
      long d = 1 + random.nextInt((int) rest);
      if (rest % d == 0) {
        dims.add(d);
        rest /= d;
      }
    }
    return Shape.of(dims.stream().mapToLong(Long::longValue).toArray());
  }

  @Test
  void onlyRepeatsAndWindowsOverlap() {
    Random random = new Random(8);
    int repeated = 0;
    for (int round = 0; round < 2000; round++) {
      Layout l = randomView(random);
      List<Long> at = indices(l);
      boolean twice = new HashSet<>(at).size() < at.size();
      repeated += twice ? 1 : 0;
      assertEquals(twice, l.overlapsItself(), l::toString);
    }
    assertTrue(repeated > 50 && repeated < 1950, repeated + " had elements at two places");
    assertTrue(Layout.of(Shape.of(3, 2), new long[] {1, 1}, 0).overlapsItself());
    assertFalse(Layout.of(Shape.of(3, 2), new long[] {2, 1}, 0).overlapsItself());
    assertFalse(Layout.of(Shape.of(0, 2), new long[] {1, 0}, 0).overlapsItself());
  }
}
