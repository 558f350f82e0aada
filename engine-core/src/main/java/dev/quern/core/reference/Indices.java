package dev.quern.core.reference;

import dev.quern.core.type.IndexException;

/** Indices that came as values. */
final class Indices {
  private Indices() {}

  /** An index in 0..extent−1, or −extent..extent−1 if negative ones count from the end. */
  static long check(
      String op, String role, Strided at, int rank, long i, long extent, boolean neg) {
    long index = neg && i < 0 ? i + extent : i;
    if (index < 0 || index >= extent) {
      StringBuilder where = new StringBuilder();
      for (int a = 0; a < rank; a++) {
        where.append(a == 0 ? "" : ", ").append(at.index(a));
      }
      throw new IndexException(
          "["
              + op
              + "] "
              + role
              + "["
              + where
              + "] is "
              + i
              + ", outside "
              + (neg ? -extent : 0)
              + ".."
              + (extent - 1)
              + "; correct the "
              + role
              + ", or enlarge what they address");
    }
    return index;
  }
}
