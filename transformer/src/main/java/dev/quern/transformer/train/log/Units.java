package dev.quern.transformer.train.log;

import java.util.Locale;

/** Figures as people read them, in the same words everywhere. */
final class Units {
  private static final String[] COUNTS = {"", "k", "M", "G", "T"};
  private static final String[] BYTES = {"B", "KiB", "MiB", "GiB", "TiB"};

  private Units() {}

  /** A count in three or four figures: 768, 12.3k, 10.6M. */
  static String count(double value) {
    return scaled(value, 1000, COUNTS, "");
  }

  /** A count in three or four figures. */
  static String count(long value) {
    return count((double) value);
  }

  /** A size: 412 MiB. */
  static String bytes(long value) {
    return scaled((double) value, 1024, BYTES, " ");
  }

  private static String scaled(double value, int base, String[] units, String gap) {
    if (!Double.isFinite(value)) {
      return "n/a";
    }
    double scaled = value;
    int unit = 0;
    // 999.95 would round to 1000 of the smaller unit.
    while (Math.abs(scaled) >= base - 0.05 && unit < units.length - 1) {
      scaled /= base;
      unit++;
    }
    boolean whole = (unit == 0 && scaled == Math.rint(scaled)) || Math.abs(scaled) >= 99.95;
    return String.format(Locale.ROOT, whole ? "%.0f" : "%.1f", scaled) + gap + units[unit];
  }

  /** A measured number in about five figures: 1.8234, 0.00037, 1.2e-07; NaN as it is. */
  static String figure(double value) {
    double size = Math.abs(value);
    if (!Double.isFinite(value)) {
      return Double.toString(value);
    }
    if (size == 0) {
      return "0";
    }
    if (size < 1e-4 || size >= 1e7) {
      return String.format(Locale.ROOT, "%.3g", value).replaceFirst("\\.?0+(e)", "$1");
    }
    int decimals = Math.clamp(4 - (int) Math.floor(Math.log10(size)), 0, 4);
    String text = String.format(Locale.ROOT, "%." + (size < 0.1 ? 6 : decimals) + "f", value);
    return size < 0.1 ? text.replaceFirst("0+$", "") : text;
  }

  /** A span of time: 45 s, 1:23 (minutes), 2:03:45 (hours), 3 d 4 h. */
  static String duration(long nanos) {
    long seconds = Math.max(0, Math.round(nanos / 1e9));
    if (seconds < 60) {
      return seconds + " s";
    }
    if (seconds < 3600) {
      return String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60);
    }
    if (seconds < 86_400) {
      return String.format(
          Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
    return seconds / 86_400 + " d " + seconds / 3600 % 24 + " h";
  }
}
