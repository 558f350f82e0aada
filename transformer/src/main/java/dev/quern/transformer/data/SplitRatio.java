package dev.quern.transformer.data;

import java.math.BigDecimal;
import java.math.RoundingMode;

/**
 * How much goes to training, validation and test. The shares are taken as the decimals they are
 * written as, so that 0.7 + 0.2 is 0.9: part k of n examples ends at ⌊n · (sum of the shares up to
 * k)⌋, as nanoGPT cuts.
 *
 * @param train 0 to 1
 * @param validation 0 to 1
 * @param test 0 to 1; the three are 1 together
 */
public record SplitRatio(double train, double validation, double test) {
  /**
   * A ratio.
   *
   * @throws DataException if a share is not in [0, 1], or they don't add up to 1
   */
  public SplitRatio {
    boolean shares = train >= 0 && validation >= 0 && test >= 0;
    if (!shares || Math.abs(train + validation + test - 1) > 1e-9) {
      throw new DataException(
          "[split] train=%s, validation=%s, test=%s; give shares of at least 0 that add up to 1"
              .formatted(train, validation, test));
    }
  }

  /**
   * Where the training part ends.
   *
   * @param size number of examples
   * @return 0 to {@code size}
   */
  public long trainEnd(long size) {
    return validation == 0 && test == 0 ? size : floor(size, BigDecimal.valueOf(train));
  }

  /**
   * Where the validation part ends and the test part begins.
   *
   * @param size number of examples
   * @return {@code trainEnd(size)} to {@code size}
   */
  public long validationEnd(long size) {
    return test == 0
        ? size
        : floor(size, BigDecimal.valueOf(train).add(BigDecimal.valueOf(validation)));
  }

  private static long floor(long size, BigDecimal share) {
    BigDecimal product = share.multiply(BigDecimal.valueOf(size));
    return Math.min(size, product.setScale(0, RoundingMode.FLOOR).longValueExact());
  }

  /** The share of a part: 0 train, 1 validation, 2 test. */
  double share(int part) {
    return switch (part) {
      case 0 -> train;
      case 1 -> validation;
      default -> test;
    };
  }
}
