package dev.quern.core.reference;

/**
 * The error function, from two formulas that converge where the other doesn't: the series erf(x) =
 * 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!, whose terms all have the sign of x, and the continued
 * fraction of erfc (Abramowitz and Stegun, 7.1.6 and 7.1.14).
 */
final class Erf {
  private static final double TWO_BY_SQRT_PI = 2 / Math.sqrt(Math.PI);
  private static final double SERIES_BELOW = 2.5;
  private static final int FRACTION_TERMS = 120;

  private Erf() {}

  static double erf(double x) {
    if (Math.abs(x) < SERIES_BELOW) {
      return series(x);
    }
    return x > 0 ? 1 - fraction(x) : x < 0 ? fraction(-x) - 1 : x;
  }

  /** 1 − erf(x), with a relative error below 10⁻¹² in the tail too. */
  static double erfc(double x) {
    return x >= SERIES_BELOW ? fraction(x) : 1 - erf(x);
  }

  private static double series(double x) {
    double term = x;
    double sum = x;
    for (int n = 1; Math.abs(term) > Math.abs(sum) * 0x1p-56; n++) {
      term *= 2 * x * x / (2 * n + 1);
      sum += term;
    }
    return TWO_BY_SQRT_PI * StrictMath.exp(-x * x) * sum;
  }

  /** erfc(x) = e^(−x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + ...)))), from the inside out. */
  private static double fraction(double x) {
    if (Double.isInfinite(x)) {
      return 0;
    }
    double t = x;
    for (int n = FRACTION_TERMS; n > 0; n--) {
      t = x + n / 2.0 / t;
    }
    return StrictMath.exp(-x * x) / (Math.sqrt(Math.PI) * t);
  }
}
