package dev.quern.core.io.arrow;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.Shape;
import org.jspecify.annotations.Nullable;

/**
 * The values of one column in one batch, or of the children of a list or struct. Nothing is read
 * before it is asked for; what is asked for is checked then.
 *
 * <p>May be used by several threads, as long as the file is open.
 */
public abstract sealed class ArrowColumn
    permits BoolColumn,
        DictionaryColumn,
        ListColumn,
        NumberColumn,
        OpaqueColumn,
        StructColumn,
        TextColumn {
  private final Context context;
  private final @Nullable ArrowBuffer validity;

  /**
   * What all columns have.
   *
   * @param blame names the file in errors
   * @param source the file
   * @param field what the schema says
   * @param parent the struct or list that it is in, or null
   * @param offset where its batch begins
   * @param length how many rows
   * @param nullCount how many of them are null
   */
  record Context(
      Blame blame,
      ArrowBytes source,
      ArrowField field,
      @Nullable Context parent,
      long offset,
      long length,
      long nullCount) {

    /** The column's name after its parents'. Made for errors: kept, long names would multiply. */
    String path() {
      return parent == null ? field.name() : parent.path() + "." + field.name();
    }

    FormatException error(String detail) {
      return blame.at(offset, "column " + Blame.quote(path()), detail);
    }

    Context with(ArrowField other) {
      return new Context(blame, source, other, parent, offset, length, nullCount);
    }

    Context withNulls(long nulls) {
      return new Context(blame, source, field, parent, offset, length, nulls);
    }
  }

  ArrowColumn(Context context, @Nullable ArrowBuffer validity) {
    this.context = context;
    this.validity = validity;
  }

  final Context context() {
    return context;
  }

  final @Nullable ArrowBuffer validity() {
    return validity;
  }

  /**
   * What the schema says of it.
   *
   * @return its field
   */
  public final ArrowField field() {
    return context.field();
  }

  /**
   * How many rows there are, null ones too.
   *
   * @return 0 or more
   */
  public final long length() {
    return context.length();
  }

  /**
   * How many rows are null, as the file says.
   *
   * @return 0 to {@link #length()}
   */
  public final long nullCount() {
    return context.nullCount();
  }

  /**
   * Whether a row has no value.
   *
   * @param row from 0
   * @return true if it is null
   * @throws IndexException if there is no such row
   * @throws ScopeClosedException if the file was closed
   */
  public final boolean isNull(long row) {
    if (row < 0 || row >= context.length()) {
      throw new IndexException(
          "[arrow] there is no row "
              + row
              + " in column "
              + Blame.quote(context.path())
              + " of "
              + context.length()
              + " rows");
    }
    return context.nullCount() > 0 && (validity == null || !validity.bit(row));
  }

  /**
   * All rows as one tensor of the file's own memory, whose first axis counts the rows: numbers, and
   * fixed-size lists and {@code arrow.fixed_shape_tensor}s of them. Truth values are unpacked to a
   * copy, and so are numbers that the file has unaligned.
   *
   * @return read-only memory, valid until the file is closed: {@code [length]}, {@code [length,
   *     size]} or {@code [length, shape...]}
   * @throws NotSupportedException if it has nulls, holds anything else, or is of a type that Quern
   *     doesn't have
   * @throws FormatException if an extension type's metadata is wrong
   * @throws ScopeClosedException if the file was closed
   */
  public final Storage storage() {
    return storage(Shape.of(context.length()));
  }

  /** The first elements as a tensor; the shape has no more elements than there are. */
  Storage storage(Shape shape) {
    throw unsupported("is no tensor; read it row by row");
  }

  final void checkNoNulls() {
    if (context.nullCount() > 0) {
      throw unsupported(
          "has "
              + context.nullCount()
              + " nulls, which a tensor cannot have; read it row by row, or fill them before");
    }
  }

  /** The row must be there and not be null. */
  final void checkValue(long row) {
    if (isNull(row)) {
      throw unsupported("has no value in row " + row + ", it is null; ask isNull(row) before");
    }
  }

  /** A range of rows must be there. */
  final int checkRange(long from, long to) {
    if (from < 0 || from > to || to > context.length()) {
      throw new IndexException(
          "[arrow] rows "
              + from
              + " to "
              + to
              + " are not among the "
              + context.length()
              + " of column "
              + Blame.quote(context.path()));
    }
    if (to - from > Integer.MAX_VALUE - 8) {
      throw unsupported((to - from) + " rows are too many for an array; read it in pieces");
    }
    return (int) (to - from);
  }

  final NotSupportedException unsupported(String detail) {
    return context.blame().unsupported(describe() + " " + detail);
  }

  final DTypeException mismatch(String wanted) {
    return new DTypeException("[arrow] " + describe() + ": it holds no " + wanted);
  }

  private String describe() {
    return "column " + Blame.quote(context.path()) + " of type " + field().typeName();
  }

  /**
   * Name, type and length.
   *
   * @return for example {@code tokens: list<int32> (3 rows, 1 null)}
   */
  @Override
  public final String toString() {
    return field() + " (" + length() + " rows, " + nullCount() + " null)";
  }
}
