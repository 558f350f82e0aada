package dev.quern.core.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** One rounding, not two: to F16, BF16 and E4M3 from doubles and longs. */
class RoundingTest {
  /** The neighbour that is nearer, found by exact arithmetic; ties to the even bit pattern. */
  private static short nearest(double x, boolean half) {
    double magnitude = Math.abs(x);
    int low = 0;
    int high = half ? 0x7c00 : 0x7f80;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (value(middle, half) <= magnitude) {
        low = middle;
      } else {
        high = middle;
      }
    }
    BigDecimal exact = new BigDecimal(magnitude);
    double above =
        Double.isInfinite(value(high, half))
            ? 2 * value(low, half) - value(low - 1, half)
            : value(high, half);
    int c =
        exact
            .subtract(new BigDecimal(value(low, half)))
            .compareTo(new BigDecimal(above).subtract(exact));
    int bits = c < 0 || (c == 0 && low % 2 == 0) ? low : high;
    return (short) (x < 0 ? bits | 0x8000 : bits);
  }

  private static double value(int bits, boolean half) {
    return half ? Float.float16ToFloat((short) bits) : Rounding.fromBf16((short) bits);
  }

  @Test
  void doublesAreRoundedOnce() {
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < 20_000; i++) {
      boolean half = i % 2 == 0;
      int bits = random.nextInt(1, half ? 0x7bff : 0x7f7f);
      double tie = (value(bits, half) + value(bits + 1, half)) / 2;
      double x =
          switch (i % 5) {
            case 0 -> tie;
            case 1 -> Math.nextUp(tie);
            case 2 -> -Math.nextDown(tie);
            case 3 -> tie * (1 + 0x1p-40);
            default -> value(bits, half) * random.nextDouble(0.5, 2);
          };
      short actual = half ? Rounding.toF16(x) : Rounding.toBf16(x);
      assertEquals(nearest(x, half), actual, "of " + x);
    }
  }

  @Test
  void longsAreRoundedOnce() {
    long tie = (1L << 62) + (1L << 54); // half way between two BF16 numbers
    assertEquals(0x1p62, Rounding.fromBf16(Rounding.toBf16(Rounding.toOdd(tie))));
    assertEquals(0x1p62 + 0x1p55, Rounding.fromBf16(Rounding.toBf16(Rounding.toOdd(tie + 1))));
    assertEquals(-0x1p63, Rounding.fromBf16(Rounding.toBf16(Rounding.toOdd(Long.MIN_VALUE))));
    assertEquals(-5, Rounding.toOdd(-5));
  }

  @Test
  void eightBitFloatsAreRoundedOnce() {
    for (int code = 0; code < 0x7e; code++) {
      double low = Rounding.fromE4M3((byte) code);
      double high = Rounding.fromE4M3((byte) (code + 1));
      double tie = (low + high) / 2; // exact
      assertEquals(code + code % 2, Rounding.toE4M3(tie));
      assertEquals(code + 1, Rounding.toE4M3(Math.nextUp(tie)));
      assertEquals(code, Rounding.toE4M3(Math.nextDown(tie)));
      assertEquals((byte) (code | 0x80), Rounding.toE4M3(-low));
    }
    assertEquals(0x7e, Rounding.toE4M3(Rounding.toOdd(Long.MAX_VALUE)));
    assertEquals((byte) 0xfe, Rounding.toE4M3(-1e300));
    assertEquals(0, Rounding.toE4M3(1e-300));
    assertEquals((byte) 0x80, Rounding.toE4M3(-0.0));
    assertEquals((byte) 0xfe, Rounding.toE4M3(Double.NEGATIVE_INFINITY));
    assertTrue(Float.isNaN(Rounding.fromE4M3(Rounding.toE4M3(Double.NaN))));
    assertEquals(448, Rounding.fromE4M3((byte) 0x7e));
  }

  @Test
  void specialValuesAreKept() {
    for (double x : new double[] {0.0, -0.0, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
      assertEquals(x, Float.float16ToFloat(Rounding.toF16(x)));
      assertEquals(x, Rounding.fromBf16(Rounding.toBf16(x)));
    }
    assertTrue(Float.isNaN(Float.float16ToFloat(Rounding.toF16(Double.NaN))));
    assertTrue(Float.isNaN(Rounding.fromBf16(Rounding.toBf16(Double.NaN))));
    assertEquals(Float.POSITIVE_INFINITY, Float.float16ToFloat(Rounding.toF16(1e300)));
    assertEquals(65504, Float.float16ToFloat(Rounding.toF16(65519.99)));
    assertEquals(Float.POSITIVE_INFINITY, Float.float16ToFloat(Rounding.toF16(65520)));
    assertEquals(0, Float.float16ToFloat(Rounding.toF16(1e-300)));
  }
}
