package dev.quern.kernels.cuda.driver;

/**
 * How many threads run a kernel, and what shared memory a block of them has.
 *
 * @param x blocks, at most 2³¹ − 1
 * @param y blocks, at most 65,535
 * @param z blocks, at most 65,535
 * @param threads of a block, in one dimension, at most 1,024
 * @param sharedBytes dynamic shared memory of a block
 */
public record Grid(int x, int y, int z, int threads, int sharedBytes) {
  private static final int MOST_ROWS = 65_535;
  private static final int MOST_THREADS = 1_024;

  /**
   * Checks what every device checks.
   *
   * @throws IllegalArgumentException if an extent is outside the limits above
   */
  public Grid {
    if (x < 1 || y < 1 || z < 1 || y > MOST_ROWS || z > MOST_ROWS) {
      throw new IllegalArgumentException(
          "[launch] a grid of %d x %d x %d blocks; x is 1 to 2147483647, y and z are 1 to %d"
              .formatted(x, y, z, MOST_ROWS));
    }
    if (threads < 1 || threads > MOST_THREADS || sharedBytes < 0) {
      throw new IllegalArgumentException(
          "[launch] blocks of %d threads with %d bytes; threads are 1 to %d, bytes 0 or more"
              .formatted(threads, sharedBytes, MOST_THREADS));
    }
  }

  /**
   * A row of blocks without dynamic shared memory.
   *
   * @param blocks from 1 to 2³¹ − 1
   * @param threads of a block
   * @return the grid
   * @throws IllegalArgumentException if there are more or fewer blocks
   */
  public static Grid of(long blocks, int threads) {
    if (blocks > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "[launch] a row of " + blocks + " blocks; there are 1 to 2147483647");
    }
    return new Grid((int) blocks, 1, 1, threads, 0);
  }

  /**
   * As many blocks as it takes to give each element a thread.
   *
   * @param elements at least 1
   * @param threads of a block
   * @return the grid
   */
  public static Grid over(long elements, int threads) {
    return of(Math.ceilDiv(elements, threads), threads);
  }

  /**
   * The same with dynamic shared memory.
   *
   * @param bytes of each block
   * @return the grid
   */
  public Grid withShared(int bytes) {
    return new Grid(x, y, z, threads, bytes);
  }
}
