package dev.quern.core.io.arrow;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The ways in which text and bytes are stored. */
final class TextLayouts {
  private TextLayouts() {}

  /** The same number of bytes in each row. */
  static final class Fixed extends TextColumn {
    private final ArrowBuffer data;
    private final int width;

    Fixed(Context context, @Nullable ArrowBuffer validity, ArrowBuffer data, int width) {
      super(context, validity);
      this.data = data;
      this.width = width;
    }

    @Override
    byte[] read(long row) {
      return range(row, data, row * width, (row + 1) * width);
    }
  }

  /** Rows one after the other, with an offset where each begins. */
  static final class Offsets extends TextColumn {
    private final ArrowBuffer offsets;
    private final ArrowBuffer data;
    private final int bits;

    Offsets(
        Context context,
        @Nullable ArrowBuffer validity,
        ArrowBuffer offsets,
        int bits,
        ArrowBuffer data) {
      super(context, validity);
      this.offsets = offsets;
      this.bits = bits;
      this.data = data;
    }

    @Override
    byte[] read(long row) {
      long from = offsets.integer(row, bits, true);
      return range(row, data, from, offsets.integer(row + 1, bits, true));
    }
  }

  /** 16 bytes for each row: its length, then short text itself, or where long text is. */
  static final class Views extends TextColumn {
    private static final int VIEW_BYTES = 16;
    private static final int INLINE_BYTES = 12;

    private final ArrowBuffer views;
    private final List<ArrowBuffer> data;

    Views(
        Context context,
        @Nullable ArrowBuffer validity,
        ArrowBuffer views,
        List<ArrowBuffer> data) {
      super(context, validity);
      this.views = views;
      this.data = data;
    }

    @Override
    byte[] read(long row) {
      long length = views.i32(row * 4);
      if (length < 0) {
        throw error(row, "a length of " + length);
      }
      if (length <= INLINE_BYTES) {
        return views.bytes(row * VIEW_BYTES + 4, (int) length);
      }
      int buffer = views.i32(row * 4 + 2);
      if (buffer < 0 || buffer >= data.size()) {
        throw error(row, "there is no buffer " + buffer + " among the " + data.size());
      }
      long from = views.i32(row * 4 + 3);
      return range(row, data.get(buffer), from, from + length);
    }
  }

  /** Indices into a dictionary of text. */
  static final class Encoded extends TextColumn {
    private final DictionaryColumn column;

    Encoded(DictionaryColumn column) {
      super(column.context(), column.validity());
      this.column = column;
    }

    @Override
    byte @Nullable [] read(long row) {
      DictionaryColumn.Value value = column.value(row);
      return ((TextColumn) value.column()).bytes(value.row());
    }
  }
}
