package dev.quern.bench;

import java.util.SplittableRandom;

/**
 * The matrices of a product: x (m, k) and w (n, k), row-major, small numbers that BF16 holds
 * exactly.
 *
 * @param m rows of x and of the result
 * @param n rows of w, columns of the result
 * @param k columns of x and w
 * @param bf16 whether libraries get them in BF16, else in F32
 * @param x m · k numbers
 * @param w n · k numbers
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Operands(int m, int n, int k, boolean bf16, float[] x, float[] w) {
  /** Random operands of a shape {@code MxNxK} and a type, F32 or BF16. */
  static Operands of(String shape, String type) {
    String[] mnk = shape.split("x", -1);
    int m = Integer.parseInt(mnk[0]);
    int n = Integer.parseInt(mnk[1]);
    int k = Integer.parseInt(mnk[2]);
    SplittableRandom random = new SplittableRandom(1);
    float[] x = new float[m * k];
    float[] w = new float[n * k];
    fill(random, x);
    fill(random, w);
    return new Operands(m, n, k, type.equals("BF16"), x, w);
  }

  private static void fill(SplittableRandom random, float... values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = (random.nextInt(257) - 128) / 128f;
    }
  }

  /** Numbers as BF16: the upper halves, exact for these. */
  static short[] bf16(float... values) {
    short[] halves = new short[values.length];
    for (int i = 0; i < values.length; i++) {
      halves[i] = (short) (Float.floatToRawIntBits(values[i]) >>> 16);
    }
    return halves;
  }

  /** Throws unless a product's corners and middle are right to the precision of a BF16 result. */
  void check(Product product) {
    for (int at = 0; at < 4; at++) {
      int row = at * (m - 1) / 3;
      int column = at * (n - 1) / 3;
      double sum = 0;
      double size = 0;
      for (int p = 0; p < k; p++) {
        double term = (double) x[row * k + p] * w[column * k + p];
        sum += term;
        size += Math.abs(term);
      }
      double got = product.get(row, column);
      if (!(Math.abs(got - sum) <= Math.abs(sum) / 128 + size * 1e-5)) {
        throw new IllegalStateException(
            "element " + row + ", " + column + " is " + got + ", not " + sum);
      }
    }
  }
}
