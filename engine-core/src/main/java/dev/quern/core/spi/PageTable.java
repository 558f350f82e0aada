package dev.quern.core.spi;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Pages;
import java.lang.foreign.ValueLayout;

/**
 * Where rows of sequences are in a pool of {@link Pages}, for kernels of the host: the table as it
 * is whenever it is asked.
 */
public final class PageTable {
  private final TensorView table; // (B, N) I32
  private final TensorView pool; // (pages, size, H, D)
  private final long size;

  /**
   * A table.
   *
   * @param table [b, n] I32, any strides
   * @param pool [pages, size, h, d]; others of as many pages of this size may go by it too
   */
  public PageTable(TensorView table, TensorView pool) {
    this.table = table;
    this.pool = pool;
    size = pool.shape().dim(1);
  }

  /**
   * Rows that a sequence may have.
   *
   * @return n · size
   */
  public long rows() {
    return table.shape().dim(1) * size;
  }

  /**
   * Rows of a page.
   *
   * @return size
   */
  public long size() {
    return size;
  }

  /**
   * The page of a row.
   *
   * @param b index of the sequence
   * @param row 0 ≤ row &lt; {@link #rows}
   * @return the table's entry, unchecked
   */
  public long page(long b, long row) {
    return entry(b, row / size);
  }

  /**
   * Which row of its page a row is.
   *
   * @param row 0 ≤ row &lt; {@link #rows}
   * @return 0 ≤ place &lt; {@link #size}
   */
  public long within(long row) {
    return row % size;
  }

  /**
   * Where the first head of a row is.
   *
   * @param b index of the sequence
   * @param row 0 ≤ row &lt; {@link #rows}, of a page that was checked
   * @return bytes from the beginning of the pool's segment
   */
  public long place(long b, long row) {
    return pool.offsetBytes()
        + page(b, row) * pool.strideBytes(0)
        + within(row) * pool.strideBytes(1);
  }

  /**
   * Refuses a table with an entry that is no page.
   *
   * @param op the operation's name
   * @throws dev.quern.core.type.IndexException if the pool has no such page
   */
  public void check(String op) {
    for (long b = 0; b < table.shape().dim(0); b++) {
      check(op, b, 0, rows());
    }
  }

  /**
   * Refuses entries that are no pages.
   *
   * @param op the operation's name
   * @param b index of the sequence
   * @param first the first row whose page is needed
   * @param end one more than the last
   * @throws dev.quern.core.type.IndexException if the pool has no such page
   */
  public void check(String op, long b, long first, long end) {
    for (long i = first / size; first < end && i * size < end; i++) {
      Pages.require(op, b, i, entry(b, i), pool.shape().dim(0));
    }
  }

  private int entry(long b, long i) {
    return table
        .segment()
        .get(
            ValueLayout.JAVA_INT,
            table.offsetBytes() + b * table.strideBytes(0) + i * table.strideBytes(1));
  }
}
