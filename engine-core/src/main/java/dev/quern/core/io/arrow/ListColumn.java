package dev.quern.core.io.arrow;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Shape;
import org.jspecify.annotations.Nullable;

/**
 * Lists of any element, of the same or of different length in each row: ranges of the one column
 * {@link #values()}.
 */
public final class ListColumn extends ArrowColumn {
  private final @Nullable ArrowBuffer offsets;
  private final int bits;
  private final int size;
  private final ArrowColumn values;

  /** Lists with offsets of 32 or 64 bits. */
  ListColumn(
      Context context,
      @Nullable ArrowBuffer validity,
      ArrowBuffer offsets,
      int bits,
      ArrowColumn values) {
    super(context, validity);
    this.offsets = offsets;
    this.bits = bits;
    this.size = 0;
    this.values = values;
  }

  /** Lists of the same length. */
  ListColumn(Context context, @Nullable ArrowBuffer validity, int size, ArrowColumn values) {
    super(context, validity);
    this.offsets = null;
    this.bits = 0;
    this.size = size;
    this.values = values;
  }

  /**
   * The elements of all rows.
   *
   * @return one column; not all of its rows need belong to a list
   */
  public ArrowColumn values() {
    return values;
  }

  /**
   * Where a row's elements begin.
   *
   * @param row from 0
   * @return row of {@link #values()}
   * @throws IndexException if there is no such row
   * @throws NotSupportedException if it is null
   * @throws FormatException if it is damaged
   */
  public long start(long row) {
    checkValue(row);
    if (offsets == null) {
      return row * size;
    }
    long start = offsets.integer(row, bits, true);
    long end = offsets.integer(row + 1, bits, true);
    if (start < 0 || start > end || end > values.length()) {
      throw context()
          .error(
              "row "
                  + row
                  + ": elements "
                  + start
                  + " to "
                  + end
                  + " are no range of the "
                  + values.length()
                  + " elements");
    }
    return start;
  }

  /**
   * Where a row's elements end.
   *
   * @param row from 0
   * @return after the last row of {@link #values()} that belongs to it
   * @throws IndexException if there is no such row
   * @throws NotSupportedException if it is null
   * @throws FormatException if it is damaged
   */
  public long end(long row) {
    long start = start(row);
    return offsets == null ? start + size : offsets.integer(row + 1, bits, true);
  }

  /**
   * A row's elements as integers.
   *
   * @param row from 0
   * @return a new array
   * @throws IndexException if there is no such row, or a value does not fit
   * @throws NotSupportedException if it is null, or an element is
   * @throws DTypeException if the elements are no integers
   * @throws FormatException if the row is damaged
   */
  public int[] ints(long row) {
    return numbers().ints(start(row), end(row));
  }

  /**
   * A row's elements as integers.
   *
   * @param row from 0
   * @return a new array
   * @throws IndexException if there is no such row
   * @throws NotSupportedException if it is null, or an element is
   * @throws DTypeException if the elements are no integers
   * @throws FormatException if the row is damaged
   */
  public long[] longs(long row) {
    return numbers().longs(start(row), end(row));
  }

  /**
   * A row's elements as numbers.
   *
   * @param row from 0
   * @return a new array, rounded to F32
   * @throws IndexException if there is no such row
   * @throws NotSupportedException if it is null, or an element is
   * @throws DTypeException if the elements are no numbers
   * @throws FormatException if the row is damaged
   */
  public float[] floats(long row) {
    return numbers().floats(start(row), end(row));
  }

  private NumberColumn numbers() {
    if (values instanceof NumberColumn n) {
      return n;
    }
    throw mismatch("numbers; use values()");
  }

  @Override
  Storage storage(Shape shape) {
    if (offsets != null) {
      throw unsupported("has rows of different length and is no tensor; read it row by row");
    }
    checkNoNulls();
    Blame blame = context().blame();
    Blame place =
        new Blame(blame.format(), blame.file() + ", column " + Blame.quote(field().name()));
    Shape inner =
        FixedShapeTensor.of(place, field()).map(FixedShapeTensor::shape).orElse(Shape.of(size));
    return values.storage(shape.concat(inner));
  }
}
