package dev.quern.core.io.arrow;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.quern.core.io.arrow.ColumnData.Buffer;
import dev.quern.core.io.arrow.ColumnData.Node;
import dev.quern.core.io.internal.Blame;
import dev.quern.core.type.FormatException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetEncoder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Columns whose rows differ in length. */
final class ListColumns {
  private ListColumns() {}

  static ColumnData texts(String name, List<? extends @Nullable String> rows) {
    CharsetEncoder encoder = UTF_8.newEncoder();
    List<ByteBuffer> utf8 = new ArrayList<>(rows.size());
    int[] offsets = new int[rows.size() + 1];
    int row = 0;
    for (String text : rows) {
      ByteBuffer bytes = text == null ? ByteBuffer.allocate(0) : encode(name, row, encoder, text);
      utf8.add(bytes);
      offsets[row + 1] = end(name, offsets[row], bytes.remaining());
      row++;
    }
    Buffer data =
        new Buffer(
            offsets[row],
            sink -> utf8.forEach(b -> sink.write(MemorySegment.ofBuffer(b.duplicate()))));
    Validity validity = Validity.of(rows);
    return new ColumnData(
        TensorColumns.field(
            name, new ArrowType.Binary(true, ArrowType.Offsets.INT32), List.of(), Map.of()),
        row,
        List.of(new Node(row, validity.nulls)),
        List.of(validity.bits, Buffer.of(offsets), data));
  }

  private static ByteBuffer encode(String name, int row, CharsetEncoder encoder, String text) {
    try {
      return encoder.encode(CharBuffer.wrap(text));
    } catch (CharacterCodingException e) {
      throw new FormatException(
          "[arrow] column "
              + Blame.quote(name)
              + ", row "
              + row
              + ": the text has half a surrogate pair: "
              + Blame.quote(text),
          e);
    }
  }

  static ColumnData ints(String name, List<int @Nullable []> rows) {
    int[] offsets = new int[rows.size() + 1];
    int row = 0;
    for (int[] list : rows) {
      offsets[row + 1] = end(name, offsets[row], list == null ? 0 : list.length);
      row++;
    }
    List<int @Nullable []> kept = new ArrayList<>(rows);
    Buffer data =
        new Buffer(
            4L * offsets[row],
            sink -> {
              for (int[] list : kept) {
                if (list != null) {
                  sink.write(MemorySegment.ofArray(list));
                }
              }
            });
    Validity validity = Validity.of(rows);
    ArrowField item = TensorColumns.field("item", new ArrowType.Int(32, true), List.of(), Map.of());
    return new ColumnData(
        TensorColumns.field(
            name, new ArrowType.Lists(ArrowType.Offsets.INT32), List.of(item), Map.of()),
        row,
        List.of(new Node(row, validity.nulls), new Node(offsets[row], 0)),
        List.of(validity.bits, Buffer.of(offsets), Buffer.NONE, data));
  }

  private static int end(String name, int start, int length) {
    if (start > Integer.MAX_VALUE - length) {
      throw new FormatException(
          "[arrow] column "
              + Blame.quote(name)
              + " exceeds 2^31 - 1 bytes or elements in one batch; write several batches");
    }
    return start + length;
  }

  /** Which rows are there; no bits if all are. */
  private record Validity(long nulls, Buffer bits) {
    static Validity of(List<? extends @Nullable Object> rows) {
      byte[] bits = new byte[(rows.size() + 7) / 8];
      long nulls = 0;
      int row = 0;
      for (Object o : rows) {
        if (o == null) {
          nulls++;
        } else {
          bits[row >> 3] |= (byte) (1 << (row & 7));
        }
        row++;
      }
      return new Validity(nulls, nulls == 0 ? Buffer.NONE : Buffer.of(bits));
    }
  }
}
