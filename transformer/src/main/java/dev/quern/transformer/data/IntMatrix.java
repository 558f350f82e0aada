package dev.quern.transformer.data;

import dev.quern.core.type.ShapeException;
import java.util.Arrays;

/**
 * Whole numbers in rows and columns, ready to become a tensor: {@code engine.tensor(m.values(),
 * m.rows(), m.columns())}.
 *
 * @param values [rows · columns], row after row; not to be changed
 * @param rows how many
 * @param columns how many
 */
@SuppressWarnings("ArrayRecordComponent") // Compared by its elements, below.
public record IntMatrix(int[] values, int rows, int columns) {
  /**
   * A matrix.
   *
   * @throws ShapeException if the number of values is another
   */
  public IntMatrix {
    if (rows < 0 || columns < 0 || values.length != (long) rows * columns) {
      throw new ShapeException(
          "[batch] %d values are not %d rows of %d; give rows times columns"
              .formatted(values.length, rows, columns));
    }
  }

  /** A matrix full of one number. */
  static IntMatrix filled(int rows, int columns, int value) {
    int[] values = new int[Math.multiplyExact(rows, columns)];
    Arrays.fill(values, value);
    return new IntMatrix(values, rows, columns);
  }

  /**
   * A number.
   *
   * @param row which row
   * @param column which column
   * @return the number there
   */
  public int at(int row, int column) {
    return values[row * columns + column];
  }

  /**
   * A row.
   *
   * @param row which one
   * @return a copy
   */
  public int[] row(int row) {
    return Arrays.copyOfRange(values, row * columns, (row + 1) * columns);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof IntMatrix m
        && rows == m.rows
        && columns == m.columns
        && Arrays.equals(values, m.values);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * rows + columns) + Arrays.hashCode(values);
  }

  /** The shape, and the values if there are few. */
  @Override
  public String toString() {
    String shape = "[" + rows + ", " + columns + "]";
    return values.length > 64 ? shape : shape + Arrays.toString(values);
  }
}
