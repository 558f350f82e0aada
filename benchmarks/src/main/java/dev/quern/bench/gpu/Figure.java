package dev.quern.bench.gpu;

import java.util.Locale;

/**
 * One measurement, or what is to be measured.
 *
 * @param section whose it is
 * @param name of the case, the same in all programs that measure it
 * @param variant whose kernels, or by what way; empty if there is one only
 * @param nanos time of one call or step; 0 before it is measured
 * @param flops multiplications and additions of a call; 0 if they don't count
 * @param bytes read and written at least; 0 if they don't count
 * @param tokens that a step gives; 0 where there are none
 * @param kernels what ran
 * @param note anything else
 */
record Figure(
    String section,
    String name,
    String variant,
    double nanos,
    double flops,
    double bytes,
    double tokens,
    String kernels,
    String note) {
  private static final double MICRO = 1e3;
  private static final double TERA = 1e3; // per nanosecond
  private static final double SECOND = 1e9;

  static Figure of(String section, String name) {
    return new Figure(section, name, "", 0, 0, 0, 0, "", "");
  }

  Figure withVariant(String v) {
    return new Figure(section, name, v, nanos, flops, bytes, tokens, kernels, note);
  }

  Figure withNanos(double n) {
    return new Figure(section, name, variant, n, flops, bytes, tokens, kernels, note);
  }

  Figure withFlops(double f) {
    return new Figure(section, name, variant, nanos, f, bytes, tokens, kernels, note);
  }

  Figure withBytes(double b) {
    return new Figure(section, name, variant, nanos, flops, b, tokens, kernels, note);
  }

  Figure withTokens(double t) {
    return new Figure(section, name, variant, nanos, flops, bytes, t, kernels, note);
  }

  Figure withKernels(String k) {
    return new Figure(section, name, variant, nanos, flops, bytes, tokens, k, note);
  }

  Figure withNote(String n) {
    return new Figure(section, name, variant, nanos, flops, bytes, tokens, kernels, n);
  }

  boolean isMeasured() {
    return nanos > 0;
  }

  double micros() {
    return nanos / MICRO;
  }

  /** TFLOP/s. */
  double teraflops() {
    return flops / nanos / TERA;
  }

  /** GB/s. */
  double gigabytes() {
    return bytes / nanos;
  }

  /** Tokens per second. */
  double tokenRate() {
    return tokens * SECOND / nanos;
  }

  /** The rate that says most, of tokens or of operations; empty if neither counts. */
  String rate() {
    if (!isMeasured()) {
      return "";
    }
    if (tokens > 0) {
      return String.format(Locale.ROOT, "%,.0f tokens/s", tokenRate());
    }
    return flops > 0 ? String.format(Locale.ROOT, "%,.1f TFLOP/s", teraflops()) : "";
  }
}
