package dev.quern.kernels.cuda.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HandlesTest {
  private final Handles<String> handles = new Handles<>();

  @Test
  void numbersStandForObjects() {
    List<Long> all = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      all.add(handles.add("object " + i));
    }
    for (int i = 0; i < 100; i++) {
      assertEquals("object " + i, handles.get(all.get(i)));
    }
    assertEquals("object 42", handles.remove(all.get(42)));
    assertThrows(IllegalArgumentException.class, () -> handles.get(all.get(42)));
    assertEquals(all.get(42), handles.add("another"));
  }

  @Test
  void strangeNumbersAreRefused() {
    handles.add("x");
    for (long wrong : new long[] {0, -1, 2, 1000, Long.MIN_VALUE, Long.MAX_VALUE}) {
      assertThrows(IllegalArgumentException.class, () -> handles.get(wrong));
    }
  }

  @Test
  void gridsAndTensorMapsCheckTheirLimits() {
    assertEquals(new Grid(3, 1, 1, 128, 0), Grid.over(257, 128));
    assertEquals(64, Grid.of(1, 32).withShared(64).sharedBytes());
    assertThrows(IllegalArgumentException.class, () -> new Grid(1, 65_536, 1, 32, 0));
    assertThrows(IllegalArgumentException.class, () -> new Grid(1, 1, 0, 32, 0));
    assertThrows(IllegalArgumentException.class, () -> Grid.of(1, 1_025));
    assertThrows(IllegalArgumentException.class, () -> Grid.of(1L << 31, 1));
    assertThrows(
        IllegalArgumentException.class,
        () -> new TensorMap(7, 0, List.of(8L, 8L), List.of(), List.of(8, 8), 0));
  }
}
