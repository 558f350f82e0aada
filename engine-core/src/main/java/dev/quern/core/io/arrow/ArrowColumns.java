package dev.quern.core.io.arrow;

import dev.quern.core.io.TensorSource;
import dev.quern.core.io.internal.Blame;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The columns of one batch that is to be written, each with the same number of rows. What a column
 * is given must stay as it is until the batch was written.
 *
 * {@snippet :
 * new ArrowColumns()
 *     .texts("text", List.of("a", "b"))
 *     .ints("tokens", List.of(new int[] {1, 2, 3}, new int[] {4}))
 *     .tensor("image", TensorSpec.of(ScalarType.F32, 2, 28, 28), pixels);
 * }
 */
public final class ArrowColumns {
  private final List<ColumnData> columns = new ArrayList<>();

  /** No columns. */
  public ArrowColumns() {}

  /**
   * Adds a tensor whose first axis counts the rows. One of rank 1 is a column of numbers, one of a
   * higher rank an {@code arrow.fixed_shape_tensor}.
   *
   * @param name of the column
   * @param spec {@code [rows]} or {@code [rows, shape...]}; BOOL is packed to bits
   * @param source gives its bytes, row-major and little-endian, when the batch is written
   * @return this
   * @throws NotSupportedException for BF16, F8_E4M3 and block types, which Arrow does not have
   * @throws ShapeException if it has no axis
   * @throws FormatException if the columns before have other rows
   */
  public ArrowColumns tensor(String name, TensorSpec spec, TensorSource source) {
    return add(TensorColumns.column(name, spec, null, source));
  }

  /**
   * Adds a tensor that is in memory.
   *
   * @param name of the column
   * @param spec {@code [rows]} or {@code [rows, shape...]}
   * @param bytes exactly as many as {@code spec} says
   * @return this
   * @throws NotSupportedException for BF16, F8_E4M3 and block types, which Arrow does not have
   * @throws ShapeException if it has no axis
   * @throws FormatException if the size differs, or the columns before have other rows
   */
  public ArrowColumns tensor(String name, TensorSpec spec, MemorySegment bytes) {
    return tensor(name, spec, sized(name, spec, bytes));
  }

  /**
   * Adds a tensor with names of its axes, or with axes that are stored in another order than they
   * are meant.
   *
   * @param name of the column
   * @param spec {@code [rows, shape...]} as it is stored
   * @param rows what each row is; its shape must be that of {@code spec} without the first axis
   * @param source gives its bytes, row-major and little-endian, when the batch is written
   * @return this
   * @throws NotSupportedException for BF16, F8_E4M3 and block types, which Arrow does not have
   * @throws ShapeException if the shapes differ
   * @throws FormatException if the columns before have other rows
   */
  public ArrowColumns tensor(
      String name, TensorSpec spec, FixedShapeTensor rows, TensorSource source) {
    return add(TensorColumns.column(name, spec, rows, source));
  }

  /**
   * Adds lists of the same length, for readers that know no tensors.
   *
   * @param name of the column
   * @param spec {@code [rows, size]}
   * @param source gives its bytes, row-major and little-endian, when the batch is written
   * @return this
   * @throws NotSupportedException for BF16, F8_E4M3 and block types, which Arrow does not have
   * @throws ShapeException if it has not two axes
   * @throws FormatException if the columns before have other rows
   */
  public ArrowColumns fixedLists(String name, TensorSpec spec, TensorSource source) {
    return add(TensorColumns.fixedLists(name, spec, source));
  }

  /**
   * Adds text.
   *
   * @param name of the column
   * @param rows one text each, or null
   * @return this
   * @throws FormatException if a text has half a surrogate pair, all of them exceed 2 GiB, or the
   *     columns before have other rows
   */
  public ArrowColumns texts(String name, List<? extends @Nullable String> rows) {
    return add(ListColumns.texts(name, rows));
  }

  /**
   * Adds lists of 32-bit integers, as of tokens.
   *
   * @param name of the column
   * @param rows one list each, or null
   * @return this
   * @throws FormatException if all of them exceed 2^31 elements, or the columns before have other
   *     rows
   */
  public ArrowColumns ints(String name, List<int @Nullable []> rows) {
    return add(ListColumns.ints(name, rows));
  }

  private ArrowColumns add(ColumnData column) {
    if (!columns.isEmpty() && column.rows() != rows()) {
      throw new FormatException(
          "[arrow] column "
              + Blame.quote(column.field().name())
              + " has "
              + column.rows()
              + " rows, but those before it have "
              + rows());
    }
    for (ColumnData c : columns) {
      if (c.field().name().equals(column.field().name())) {
        throw new FormatException(
            "[arrow] column " + Blame.quote(column.field().name()) + " was added twice");
      }
    }
    columns.add(column);
    return this;
  }

  private static TensorSource sized(String name, TensorSpec spec, MemorySegment bytes) {
    if (bytes.byteSize() != spec.byteSize()) {
      throw new FormatException(
          "[arrow] column "
              + Blame.quote(name)
              + " "
              + spec
              + " has "
              + spec.byteSize()
              + " bytes, but "
              + bytes.byteSize()
              + " were given");
    }
    return TensorSource.of(bytes);
  }

  /**
   * How many rows there are.
   *
   * @return 0 if there is no column yet
   */
  public long rows() {
    return columns.isEmpty() ? 0 : columns.getFirst().rows();
  }

  List<ColumnData> columns() {
    return columns;
  }

  List<ArrowField> fields() {
    return columns.stream().map(ColumnData::field).toList();
  }
}
