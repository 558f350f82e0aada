package dev.quern.core.io.arrow;

import dev.quern.core.type.DTypeException;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.NotSupportedException;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Indices into a dictionary of values, as for labels. The dictionary is the one that held when the
 * batch was written: streams may replace it or add to it between batches.
 */
public final class DictionaryColumn extends ArrowColumn {
  private final NumberColumn indices;
  private final List<ArrowColumn> dictionary;
  private final long[] ends; // of the parts, in rows of the whole

  DictionaryColumn(
      Context context,
      @Nullable ArrowBuffer validity,
      NumberColumn indices,
      List<ArrowColumn> dictionary) {
    super(context, validity);
    this.indices = indices;
    this.dictionary = dictionary.stream().filter(part -> part.length() > 0).toList();
    this.ends = new long[this.dictionary.size()];
    long end = 0;
    for (int i = 0; i < ends.length; i++) {
      long length = this.dictionary.get(i).length();
      end = Math.min(Long.MAX_VALUE - length, end) + length;
      ends[i] = end;
    }
  }

  /** A value of the dictionary: a row of one of its parts. */
  record Value(ArrowColumn column, long row) {}

  /**
   * The rows as the file has them.
   *
   * @return indices from 0; null where this is null
   */
  public NumberColumn indices() {
    return indices;
  }

  /**
   * How many values there are.
   *
   * @return size of the dictionary
   */
  public long dictionarySize() {
    return ends.length == 0 ? 0 : ends[ends.length - 1];
  }

  /**
   * The dictionary: its first values, and the parts that were added to it by and by.
   *
   * @return immutable; parts without values are left out
   */
  public List<ArrowColumn> dictionary() {
    return dictionary;
  }

  /**
   * A row's index.
   *
   * @param row from 0
   * @return 0 to {@link #dictionarySize()} − 1
   * @throws IndexException if there is no such row
   * @throws NotSupportedException if it is null
   * @throws FormatException if it is outside the dictionary
   */
  public long index(long row) {
    long i = indices.longAt(row);
    if (i < 0 || i >= dictionarySize()) {
      throw context()
          .error(
              "row "
                  + row
                  + ": there is no value "
                  + i
                  + " in a dictionary of "
                  + dictionarySize());
    }
    return i;
  }

  /**
   * The values of all rows, looked up in the dictionary.
   *
   * @return text or bytes; null where a row is null, or its value in the dictionary is
   * @throws DTypeException if the dictionary holds anything else
   */
  public TextColumn texts() {
    if (!(field().type() instanceof ArrowType.Binary)
        && !(field().type() instanceof ArrowType.FixedBinary)) {
      throw mismatch("text; use index(row) and dictionary()");
    }
    return new TextLayouts.Encoded(this);
  }

  Value value(long row) {
    long i = index(row);
    int at = Arrays.binarySearch(ends, i + 1);
    int part = at >= 0 ? at : -at - 1;
    return new Value(dictionary.get(part), i - (part == 0 ? 0 : ends[part - 1]));
  }
}
