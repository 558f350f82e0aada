package dev.quern.kernels.ffm;

/**
 * How a product is cut into slices: by batch, by {@value #ROWS} rows and by columns. It depends on
 * the shape alone, so that no bit depends on the number of threads.
 *
 * <p>Up to {@value #ROWS} rows, in even shares, because their BF16 activations stay in a 2 MiB
 * second-level cache up to k = 2048 while the panels pass.
 *
 * @param m rows
 * @param n columns
 * @param columns of a slice, except perhaps the last
 */
record Cut(long m, long n, long columns) {
  private static final long ROWS = 512;
  private static final long GROUP = 32; // rows of a pair of tiles
  private static final long PANEL_COLUMNS = 256;
  private static final long NEAR_ELEMENTS = 512 * 1024; // of activations: half of the cache
  private static final long LEAST_STREAMED = 256 * 1024;
  private static final long MOST_STREAMED = 512 * 1024;
  private static final long SHARES = 32;
  private static final int FEW_STREAMS = 4;
  private static final long PAGE = 4096;

  /**
   * For kernels that pack the weights: the widest panels, but enough of them to share out. Many
   * rows want wide ones, because all of them pass over each (512 rows, n = 512, GFLOP/s with 1 and
   * 2 threads: k = 2048, panels of 64 columns 615 and 991, 128 773 and 1,212, 256 864 and 1,367; k
   * = 512, 64 813 and 1,318, 128 853 and 1,368, 256 828 and 1,331).
   */
  static Cut panels(long m, long n, long k) {
    long even = Math.ceilDiv(n, 8) / 32 * 32;
    boolean far = Math.min(m, ROWS) * k > NEAR_ELEMENTS;
    long least = m < ROWS ? 32 : far ? PANEL_COLUMNS : PANEL_COLUMNS / 2;
    return new Cut(m, n, Math.clamp(even, least, PANEL_COLUMNS));
  }

  /**
   * For kernels that stream the weights: {@value #SHARES} slices of {@value #LEAST_STREAMED} to
   * {@value #MOST_STREAMED} bytes, streams as long as they can be, but enough slices to share out.
   *
   * <p>A slice is four streams, and the hardware's prefetcher starts anew behind each page: they
   * should not come to a page's end all at the same time, nor in pairs. (Eight streams are a kernel
   * that sees to that itself and wants longer slices.) Measured with two threads, 8192 × 2048,
   * GB/s: Q4_0 in slices of 208, 224 and 416 columns 27, 27 and 26, of 256 and 512 (streams a whole
   * number of pages apart) both 23; Q8_0 240 columns 26, 256 columns 23.
   */
  static Cut streams(long m, long n, long rowBytes, int streams) {
    long longer = streams / FEW_STREAMS;
    long bytes = Math.clamp(n * rowBytes / SHARES, longer * LEAST_STREAMED, longer * MOST_STREAMED);
    long most = Math.max(8, bytes / Math.max(1, rowBytes) / 8 * 8);
    long even = Math.ceilDiv(n, 64) * 8; // eight slices
    long columns = Math.clamp(even, 8, most);
    return new Cut(m, n, streams == FEW_STREAMS ? staggered(columns, rowBytes) : columns);
  }

  /**
   * So many columns or, if their streams come to page ends together, those of up to a quarter fewer
   * whose streams are nearest to a quarter of a page apart.
   */
  private static long staggered(long columns, long rowBytes) {
    long best = columns;
    boolean together = offBeat(columns, rowBytes) > PAGE * 3 / 16;
    for (long c = columns; together && c > columns - columns / 4; c -= FEW_STREAMS) {
      if (offBeat(c, rowBytes) < offBeat(best, rowBytes)) {
        best = c;
      }
    }
    return best;
  }

  /** How far the distance of a slice's streams is from a quarter or three quarters of a page. */
  private static long offBeat(long columns, long rowBytes) {
    long place = columns / FEW_STREAMS * rowBytes % (PAGE / 2);
    return Math.abs(place - PAGE / 4);
  }

  private int columnSlices() {
    return Math.toIntExact(Math.ceilDiv(n, columns));
  }

  /** Rows of a slice but perhaps the last: as few slices as can be, as even as tiles let them. */
  private long sliceRows() {
    return Math.max(1, Math.ceilDiv(m, Math.max(1, Math.ceilDiv(m, ROWS)) * GROUP)) * GROUP;
  }

  private int rowSlices() {
    return Math.toIntExact(Math.ceilDiv(m, sliceRows()));
  }

  /** Slices of so many batches. */
  int slices(int batches) {
    return Math.multiplyExact(Math.multiplyExact(batches, rowSlices()), columnSlices());
  }

  int batch(int slice) {
    return slice / (rowSlices() * columnSlices());
  }

  long row(int slice) {
    return slice / columnSlices() % rowSlices() * sliceRows();
  }

  /** Rows of a slice that starts at {@link #row}. */
  long rows(long row) {
    return Math.min(sliceRows(), m - row);
  }

  long column(int slice) {
    return slice % columnSlices() * columns;
  }

  /** The column after a slice that starts at {@link #column}. */
  long endColumn(long column) {
    return Math.min(column + columns, n);
  }
}
