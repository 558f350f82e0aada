package dev.quern.transformer.train.config;

import java.util.Collection;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Finds what somebody meant to write. */
final class Nearest {
  /** Longer names are not typing errors, and comparing them would take long. */
  private static final int MOST_CHARACTERS = 80;

  private Nearest() {}

  /**
   * The candidate that a path was probably meant to be.
   *
   * @return null if none is near
   */
  static @Nullable String of(String path, Collection<String> candidates) {
    if (path.length() > MOST_CHARACTERS) {
      return null;
    }
    String best = null;
    int least = Integer.MAX_VALUE;
    for (String candidate : candidates) {
      int distance = distance(path, candidate);
      String name = last(path);
      String other = last(candidate);
      int allowed = Math.max(1, Math.min(name.length(), other.length()) / 3);
      // The right name in the wrong section is one mistake; so is a name mistyped in the right one.
      boolean near = distance <= allowed || name.equals(other);
      int rank = name.equals(other) ? Math.min(distance, 1) : distance;
      if (near && rank < least) {
        least = rank;
        best = candidate;
      }
    }
    return best;
  }

  private static String last(String path) {
    return path.substring(path.lastIndexOf('.') + 1);
  }

  /**
   * How many characters must be inserted, deleted, replaced or swapped with their neighbour
   * (restricted Damerau-Levenshtein distance), without regard to case or to - and _.
   */
  static int distance(String left, String right) {
    String a = left.toLowerCase(Locale.ROOT).replace('-', '_');
    String b = right.toLowerCase(Locale.ROOT).replace('-', '_');
    int[][] d = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          d[i][j] = i + j;
          continue;
        }
        int replaced = d[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        d[i][j] = Math.min(replaced, 1 + Math.min(d[i - 1][j], d[i][j - 1]));
        boolean swapped =
            i > 1
                && j > 1
                && a.charAt(i - 1) == b.charAt(j - 2)
                && a.charAt(i - 2) == b.charAt(j - 1);
        if (swapped) {
          d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    return d[a.length()][b.length()];
  }
}
