package dev.quern.transformer.train.optimizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class LossScaleTest {
  @Test
  void growsAfterGoodStepsAndIsHalvedByASkippedOne() {
    LossScale s = LossScale.dynamic(16, 3);
    s = s.next(true).next(true);
    assertEquals(16, s.scale());
    s = s.next(true);
    assertEquals(new LossScale(32, 2, 0.5, 3, 0), s);
    s = s.next(true).next(true).next(false);
    assertEquals(new LossScale(16, 2, 0.5, 3, 0), s, "counting begins again");
  }

  @Test
  void aFixedOneStays() {
    LossScale s = LossScale.fixed(1024);
    assertEquals(1024, s.next(true).next(false).next(true).scale());
  }

  @Test
  void staysInRange() {
    LossScale low = LossScale.dynamic();
    LossScale high = LossScale.dynamic(1, 1);
    for (int i = 0; i < 300; i++) {
      low = low.next(false);
      high = high.next(true);
    }
    assertEquals(0x1p-60, low.scale());
    assertEquals(0x1p60, high.scale());
    assertThrows(OptimizerException.class, () -> LossScale.fixed(0));
    assertThrows(OptimizerException.class, () -> LossScale.fixed(Double.NaN));
  }
}
