package dev.quern.transformer.train.config;

/** The numbers between two bounds, each of which belongs to them or not ("open"). */
record Range(double least, boolean leastOpen, double greatest, boolean greatestOpen) {
  static final Range ALL =
      new Range(Double.NEGATIVE_INFINITY, false, Double.POSITIVE_INFINITY, false);

  boolean contains(double value) {
    return (leastOpen ? value > least : value >= least)
        && (greatestOpen ? value < greatest : value <= greatest);
  }

  /** The bounds as the end of a phrase: " above 0", " from 1 to 8"; empty without bounds. */
  String phrase() {
    boolean noLeast = least == Double.NEGATIVE_INFINITY;
    boolean noGreatest = greatest == Double.POSITIVE_INFINITY;
    String low = (leastOpen ? " above " : " of at least ") + number(least);
    String high = (greatestOpen ? " below " : " of at most ") + number(greatest);
    if (noLeast || noGreatest) {
      return noLeast ? noGreatest ? "" : high : low;
    }
    return leastOpen || greatestOpen
        ? low + " and" + high
        : " from " + number(least) + " to " + number(greatest);
  }

  private static String number(double value) {
    return value == Math.rint(value) && Math.abs(value) < 1e15
        ? Long.toString((long) value)
        : Double.toString(value);
  }
}
