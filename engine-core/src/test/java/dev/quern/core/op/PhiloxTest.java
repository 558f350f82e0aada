package dev.quern.core.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Known answers of Philox4x32-10, as the authors' library publishes them. */
class PhiloxTest {
  @Test
  void knownAnswers() {
    assertArrayEquals(
        new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, Philox.words(0, 0, 0));
    assertArrayEquals(
        new int[] {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, Philox.words(-1, -1, -1));
    assertArrayEquals(
        new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
        Philox.words(0x299f31d0a4093822L, 0x85a308d3243f6a88L, 0x0370734413198a2eL));
  }

  @Test
  void oneWordIsOneOfFour() {
    assertEquals(0xe169c58d, Philox.word(0, 0, 1));
  }

  @Test
  void aUniformNumberIsMadeOfTheFirstTwoWords() {
    assertEquals((0x6627e8d5e169c58dL >>> 11) * 0x1p-53, Philox.uniform(0, 0));
    double sum = 0;
    for (int i = 0; i < 10_000; i++) {
      double u = Philox.uniform(7, i);
      assertTrue(u >= 0 && u < 1, "" + u);
      sum += u;
    }
    assertEquals(0.5, sum / 10_000, 0.015); // five standard deviations of the mean
  }
}
