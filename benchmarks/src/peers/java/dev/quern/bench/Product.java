package dev.quern.bench;

/** y[m, n] = x[m, k] · w[n, k]ᵀ by one library, with what it prepares of the weight done. */
interface Product extends AutoCloseable {
  /** Multiplies once. */
  void run();

  /** An element of the result of the latest run. */
  float get(int row, int column);

  @Override
  default void close() {}
}
