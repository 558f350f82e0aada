package dev.quern.core.io.arrow;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.quern.core.io.internal.Utf8;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.IndexException;
import org.jspecify.annotations.Nullable;

/** Text or bytes, however the file stores them. */
public abstract sealed class TextColumn extends ArrowColumn
    permits TextLayouts.Fixed, TextLayouts.Offsets, TextLayouts.Views, TextLayouts.Encoded {

  TextColumn(Context context, @Nullable ArrowBuffer validity) {
    super(context, validity);
  }

  /**
   * A row's text.
   *
   * @param row from 0
   * @return the text, or null if the row is null
   * @throws IndexException if there is no such row
   * @throws DTypeException if the column holds bytes that are no text
   * @throws FormatException if the row is damaged or no UTF-8
   */
  public final @Nullable String text(long row) {
    if (!(field().type() instanceof ArrowType.Binary t && t.text())) {
      throw mismatch("text; use bytes(row)");
    }
    byte[] utf8 = bytes(row);
    if (utf8 == null) {
      return null;
    }
    int valid = Utf8.validPrefix(utf8, 0, utf8.length);
    if (valid != utf8.length) {
      throw error(row, "byte " + valid + " of its " + utf8.length + " is not UTF-8");
    }
    return new String(utf8, UTF_8);
  }

  /**
   * A row's bytes.
   *
   * @param row from 0
   * @return a new array, or null if the row is null
   * @throws IndexException if there is no such row
   * @throws FormatException if the row is damaged
   */
  public final byte @Nullable [] bytes(long row) {
    return isNull(row) ? null : read(row);
  }

  /** The bytes of a row that is there; null where a dictionary's value is null. */
  abstract byte @Nullable [] read(long row);

  final FormatException error(long row, String detail) {
    return context().error("row " + row + ": " + detail);
  }

  /** Copies a range of a buffer after checking it. */
  final byte[] range(long row, ArrowBuffer data, long from, long to) {
    if (from < 0 || from > to || to > data.size()) {
      throw error(
          row,
          "bytes " + from + " to " + to + " are no range of the " + data.size() + " of the column");
    }
    if (to - from > Integer.MAX_VALUE - 8) {
      throw unsupported("has " + (to - from) + " bytes in row " + row + ", too many for an array");
    }
    return data.bytes(from, (int) (to - from));
  }
}
