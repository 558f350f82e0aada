package dev.quern.transformer.train.log;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** One axis of a chart: which values it spans, where they lie on it, and where its lines are. */
final class Axis {
  private static final double[] UNITS = {1e3, 1e6, 1e9};
  private static final String[] SUFFIXES = {"k", "M", "G"};

  private final double least;
  private final double greatest;
  private final boolean logarithmic;

  private Axis(double least, double greatest, boolean logarithmic) {
    this.least = least;
    this.greatest = greatest;
    this.logarithmic = logarithmic;
  }

  /** An axis with equal distances for equal differences; least and greatest may be equal. */
  static Axis linear(double least, double greatest) {
    double room = least == greatest ? Math.max(Math.abs(least) / 10, 1e-12) : 0;
    return new Axis(least - room, greatest + room, false);
  }

  /** An axis with equal distances for equal ratios, over positive values. */
  static Axis logarithmic(double least, double greatest) {
    return least == greatest
        ? new Axis(least / 2, greatest * 2, true)
        : new Axis(least, greatest, true);
  }

  /** An axis that leaves some room beside its outermost values. */
  Axis padded(double share) {
    if (logarithmic) {
      double factor = Math.pow(greatest / least, share);
      return new Axis(least / factor, greatest * factor, true);
    }
    double room = (greatest - least) * share;
    // Room below 0 would say that values could lie there.
    double low = least >= 0 ? Math.max(0, least - room) : least - room;
    return new Axis(low, greatest + room, false);
  }

  boolean isLogarithmic() {
    return logarithmic;
  }

  double least() {
    return least;
  }

  double greatest() {
    return greatest;
  }

  /** Where a value lies: 0 for the least of the axis, 1 for the greatest. */
  double share(double value) {
    return logarithmic
        ? Math.log(Math.max(value, Double.MIN_NORMAL) / least) / Math.log(greatest / least)
        : (value - least) / (greatest - least);
  }

  /** Round values to draw lines at: about as many as asked for. */
  List<Double> ticks(int about) {
    List<Double> ticks = new ArrayList<>();
    if (logarithmic && greatest / least >= 20) {
      int from = (int) Math.ceil(Math.log10(least) - 1e-9);
      int to = (int) Math.floor(Math.log10(greatest) + 1e-9);
      int every = Math.max(1, Math.ceilDiv(to - from + 1, about));
      for (int e = from; e <= to; e += every) {
        ticks.add(Math.pow(10, e));
      }
      return ticks;
    }
    double step = step(about);
    for (long i = (long) Math.ceil(least / step - 1e-9); i * step <= greatest + 1e-9 * step; i++) {
      ticks.add(i * step);
    }
    return ticks;
  }

  /** 1, 2 or 5 times a power of ten. */
  private double step(int about) {
    double rough = (greatest - least) / about;
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    double lead = rough / power;
    return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
  }

  /** A tick's label, with as many decimals as tell it from its neighbours. */
  String label(double tick, int about) {
    if (tick == 0) {
      return "0";
    }
    double apart = logarithmic && greatest / least >= 20 ? Math.abs(tick) : step(about);
    String suffix = "";
    double divisor = 1;
    for (int u = 0; u < UNITS.length; u++) {
      if (greatest >= 10 * UNITS[u] && apart >= UNITS[u] / 10 && UNITS[u] > divisor) {
        divisor = UNITS[u];
        suffix = SUFFIXES[u];
      }
    }
    int decimals = (int) Math.max(0, Math.ceil(-Math.log10(apart / divisor) - 1e-9));
    return decimals > 4
        ? String.format(Locale.ROOT, "%.1e", tick).replace(".0e", "e").replace("e-0", "e-")
        : String.format(Locale.ROOT, "%." + decimals + "f", tick / divisor) + suffix;
  }
}
