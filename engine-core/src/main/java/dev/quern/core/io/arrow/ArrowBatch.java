package dev.quern.core.io.arrow;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScopeClosedException;
import java.util.List;

/**
 * Some rows of a file: all columns, each as long as the others. It looks at the file's memory and
 * is of no use after the file was closed.
 */
public final class ArrowBatch {
  private final Blame blame;
  private final long firstRow;
  private final long rows;
  private final List<ArrowColumn> columns;

  ArrowBatch(Blame blame, long firstRow, long rows, List<ArrowColumn> columns) {
    this.blame = blame;
    this.firstRow = firstRow;
    this.rows = rows;
    this.columns = List.copyOf(columns);
  }

  /**
   * Where it begins.
   *
   * @return how many rows are in the batches before it
   */
  public long firstRow() {
    return firstRow;
  }

  /**
   * How many rows it has.
   *
   * @return 0 or more
   */
  public long rows() {
    return rows;
  }

  /**
   * All columns.
   *
   * @return immutable, in the order of the schema
   */
  public List<ArrowColumn> columns() {
    return columns;
  }

  /**
   * A column.
   *
   * @param name its name
   * @return the column
   * @throws FormatException if there is none, or more than one
   */
  public ArrowColumn column(String name) {
    ArrowColumn found = null;
    for (ArrowColumn c : columns) {
      if (c.field().name().equals(name)) {
        if (found != null) {
          throw blame.whole(
              "there are two columns " + Blame.quote(name) + "; take them from columns()");
        }
        found = c;
      }
    }
    if (found == null) {
      List<String> names =
          columns.stream().limit(20).map(c -> Blame.quote(c.field().name())).toList();
      throw blame.whole("there is no column " + Blame.quote(name) + " among " + names);
    }
    return found;
  }

  /**
   * A column of integers, floating point numbers or times.
   *
   * @param name its name
   * @return the column
   * @throws FormatException if there is no such column
   * @throws DTypeException if it holds anything else
   */
  public NumberColumn numbers(String name) {
    if (column(name) instanceof NumberColumn c) {
      return c;
    }
    throw column(name).mismatch("numbers");
  }

  /**
   * A column of truth values.
   *
   * @param name its name
   * @return the column
   * @throws FormatException if there is no such column
   * @throws DTypeException if it holds anything else
   */
  public BoolColumn bools(String name) {
    if (column(name) instanceof BoolColumn c) {
      return c;
    }
    throw column(name).mismatch("truth values");
  }

  /**
   * A column of text or bytes, dictionary-encoded or not.
   *
   * @param name its name
   * @return the column
   * @throws FormatException if there is no such column
   * @throws DTypeException if it holds anything else
   */
  public TextColumn texts(String name) {
    return switch (column(name)) {
      case TextColumn c -> c;
      case DictionaryColumn c -> c.texts();
      default -> throw column(name).mismatch("text");
    };
  }

  /**
   * A column of lists.
   *
   * @param name its name
   * @return the column
   * @throws FormatException if there is no such column
   * @throws DTypeException if it holds anything else
   */
  public ListColumn lists(String name) {
    if (column(name) instanceof ListColumn c) {
      return c;
    }
    throw column(name).mismatch("lists");
  }

  /**
   * A dictionary-encoded column, as one of labels.
   *
   * @param name its name
   * @return the column
   * @throws FormatException if there is no such column
   * @throws DTypeException if it is not dictionary-encoded
   */
  public DictionaryColumn dictionary(String name) {
    if (column(name) instanceof DictionaryColumn c) {
      return c;
    }
    throw column(name).mismatch("indices of a dictionary");
  }

  /**
   * A column as one tensor; see {@link ArrowColumn#storage()}.
   *
   * @param name its name
   * @return read-only memory, whose first axis counts the rows
   * @throws FormatException if there is no such column
   * @throws NotSupportedException if it is no tensor or has nulls
   * @throws ScopeClosedException if the file was closed
   */
  public Storage storage(String name) {
    return column(name).storage();
  }
}
