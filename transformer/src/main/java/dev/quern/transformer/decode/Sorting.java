package dev.quern.transformer.decode;

import java.util.Arrays;

/**
 * Sorting and selecting without allocating: {@link Arrays#sort(long[])} makes an array at every
 * partition.
 */
final class Sorting {
  private static final int SMALL = 24;

  /** From here on the JDK's sort, whose time is bounded better, is worth its garbage. */
  private static final int LARGE = 16 * 1024;

  private Sorting() {}

  /** Sorts the first n, ascending. */
  static void sort(long[] x, int n) {
    if (n > LARGE) {
      Arrays.sort(x, 0, n);
    } else {
      sort(x, 0, n - 1);
    }
  }

  private static void sort(long[] x, int from, int to) {
    int low = from;
    int high = to;
    while (high - low >= SMALL) {
      long pivot = median(x[low], x[(low + high) >>> 1], x[high]);
      int i = low;
      int j = high;
      while (i <= j) {
        while (x[i] < pivot) {
          i++;
        }
        while (x[j] > pivot) {
          j--;
        }
        if (i <= j) {
          long t = x[i];
          x[i++] = x[j];
          x[j--] = t;
        }
      }
      if (j - low < high - i) { // the smaller part by a call, the larger one here
        sort(x, low, j);
        low = i;
      } else {
        sort(x, i, high);
        high = j;
      }
    }
    insert(x, low, high);
  }

  private static void insert(long[] x, int from, int to) {
    for (int i = from + 1; i <= to; i++) {
      long t = x[i];
      int j = i - 1;
      while (j >= from && x[j] > t) {
        x[j + 1] = x[j];
        j--;
      }
      x[j + 1] = t;
    }
  }

  private static long median(long a, long b, long c) {
    return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
  }

  /**
   * The k-th largest of the first n, none of which is NaN; changes their order.
   *
   * @param k from 1 to n
   */
  static float largest(float[] x, int n, int k) {
    int target = n - k; // its index if all were sorted
    int low = 0;
    int high = n - 1;
    while (low < high) {
      float pivot = x[(low + high) >>> 1];
      int i = low;
      int j = high;
      while (i <= j) {
        while (x[i] < pivot) {
          i++;
        }
        while (x[j] > pivot) {
          j--;
        }
        if (i <= j) {
          float t = x[i];
          x[i++] = x[j];
          x[j--] = t;
        }
      }
      if (target <= j) {
        high = j;
      } else if (target >= i) {
        low = i;
      } else {
        break;
      }
    }
    return x[target];
  }
}
