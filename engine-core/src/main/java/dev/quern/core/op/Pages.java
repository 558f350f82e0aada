package dev.quern.core.op;

import dev.quern.core.type.IndexException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.List;

/**
 * Rows in pages (Kwon et al. 2023). A pool [pages, size, h, d] holds rows of many sequences; a
 * table I32 [b, n] says which pages are whose: row j of sequence b is row j mod size of page
 * table[b, j / size]. What a table stands for is [b, n · size, h, d].
 */
public final class Pages {
  private Pages() {}

  /**
   * The shape that a pool has for who goes by a table.
   *
   * @param pool [pages, size, h, d]
   * @param table [b, n]
   * @return [b, n · size, h, d]
   */
  public static Shape sequences(Shape pool, Shape table) {
    return Shape.of(table.dim(0), table.dim(1) * pool.dim(1), pool.dim(2), pool.dim(3));
  }

  /**
   * What every kernel checks of a table's entry before it goes there.
   *
   * @param op the operation's name
   * @param sequence index of the sequence
   * @param index of the entry among the sequence's
   * @param page the entry
   * @param pages of the pool
   * @throws IndexException if the pool has no such page
   */
  public static void require(String op, long sequence, long index, long page, long pages) {
    if (page < 0 || page >= pages) {
      throw new IndexException(
          "["
              + op
              + "] pages["
              + sequence
              + ", "
              + index
              + "] is "
              + page
              + ", outside 0.."
              + (pages - 1)
              + "; a table's entries are pages of the pool, also those that nobody reads");
    }
  }

  /** The sequences themselves: [b, n · size, h, d]. */
  static Tensor gather(Tensor pool, Tensor table) {
    Tensor pages = table.reshape(table.shape().elements());
    return pool.indexSelect(0, pages).reshape(sequences(pool.shape(), table.shape()));
  }

  /** Checks a table of so many sequences, and the pool's rank. */
  static void check(Op op, List<TensorSpec> in, int pool, int table, long batch) {
    Infer.require(op, in.get(table), "pages", ScalarType.I32);
    Shape t = in.get(table).shape();
    Shape p = in.get(pool).shape();
    if (p.rank() != 4 || p.dim(1) == 0 || t.rank() != 2 || t.dim(0) != batch) {
      throw Infer.fail(
          op, "a pool must be [pages, size, h, d], size at least 1, and pages [b, n]", in);
    }
  }
}
