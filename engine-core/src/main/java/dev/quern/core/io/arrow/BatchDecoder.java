package dev.quern.core.io.arrow;

import dev.quern.core.io.arrow.ArrowColumn.Context;
import dev.quern.core.io.arrow.ArrowType.Offsets;
import dev.quern.core.io.internal.Blame;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.BodyCompression;
import org.apache.arrow.flatbuf.CompressionType;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.RecordBatch;
import org.jspecify.annotations.Nullable;

/**
 * Makes columns of a record batch: a tree of fields meets a flat list of nodes (length and nulls of
 * a column) and a flat list of buffers, which are taken in the tree's order.
 */
final class BatchDecoder {
  private final ArrowBytes source;
  private final Metadata metadata;
  private final MessageReader.Frame frame;
  private final Dictionaries dictionaries;
  private final long rows;
  private final long[] nodes; // (length, null count) pairs
  private final long[] buffers; // (offset, length) pairs
  private final long[] variadic;
  private int node;
  private int buffer;
  private int views;
  private long position;

  private BatchDecoder(
      ArrowBytes source,
      Metadata metadata,
      MessageReader.Frame frame,
      Dictionaries dictionaries,
      RecordBatch batch) {
    this.source = source;
    this.metadata = metadata;
    this.frame = frame;
    this.dictionaries = dictionaries;
    checkUncompressed(batch.compression());
    rows = batch.length();
    nodes = new long[2 * metadata.count(batch.nodesLength(), 16, "nodes")];
    for (int i = 0; i < nodes.length; i += 2) {
      var n = batch.nodes(i / 2);
      nodes[i] = n.length();
      nodes[i + 1] = n.nullCount();
    }
    buffers = new long[2 * metadata.count(batch.buffersLength(), 16, "buffers")];
    for (int i = 0; i < buffers.length; i += 2) {
      var b = batch.buffers(i / 2);
      buffers[i] = b.offset();
      buffers[i + 1] = b.length();
    }
    variadic =
        new long[metadata.count(batch.variadicBufferCountsLength(), 8, "variadic buffer counts")];
    for (int i = 0; i < variadic.length; i++) {
      variadic[i] = batch.variadicBufferCounts(i);
    }
  }

  static BatchDecoder ofBatch(
      ArrowBytes source,
      Metadata metadata,
      MessageReader.Frame frame,
      Dictionaries dictionaries,
      ByteBuffer bytes) {
    RecordBatch batch = (RecordBatch) Message.getRootAsMessage(bytes).header(new RecordBatch());
    return new BatchDecoder(
        source, metadata, frame, dictionaries, metadata.present(batch, "record batch"));
  }

  static BatchDecoder ofDictionary(
      ArrowBytes source,
      Metadata metadata,
      MessageReader.Frame frame,
      Dictionaries dictionaries,
      ByteBuffer bytes) {
    DictionaryBatch dictionary =
        (DictionaryBatch) Message.getRootAsMessage(bytes).header(new DictionaryBatch());
    RecordBatch batch = metadata.present(dictionary, "dictionary").data();
    return new BatchDecoder(
        source, metadata, frame, dictionaries, metadata.present(batch, "data of the dictionary"));
  }

  private void checkUncompressed(@Nullable BodyCompression compression) {
    if (compression != null) {
      String codec = compression.codec() == CompressionType.ZSTD ? "ZSTD" : "LZ4";
      throw metadata
          .blame()
          .unsupported(
              "at offset "
                  + frame.start()
                  + ", the buffers are compressed with "
                  + codec
                  + ", which is not read; write the data uncompressed (pyarrow:"
                  + " IpcWriteOptions(compression=None), feather: compression='uncompressed')");
    }
  }

  /** Decodes all columns; to be called once. */
  List<ArrowColumn> columns(List<ArrowField> fields, long at) {
    position = at;
    List<ArrowColumn> columns = new ArrayList<>();
    for (ArrowField f : fields) {
      ArrowColumn c = column(f, null);
      if (c.length() != rows) {
        throw c.context().error("it has " + c.length() + " rows, its batch has " + rows);
      }
      columns.add(c);
    }
    if (2 * node != nodes.length || 2 * buffer != buffers.length || views != variadic.length) {
      throw metadata.error("record batch", "it has more nodes or buffers than the schema says");
    }
    return columns;
  }

  private ArrowColumn column(ArrowField field, @Nullable Context parent) {
    Context c = context(field, parent);
    ArrowField.Dictionary dictionary = field.dictionary();
    if (dictionary != null) {
      return dictionary(c, dictionary);
    }
    return switch (field.type()) {
      case ArrowType.Null _ -> new OpaqueColumn(c.withNulls(c.length()), null);
      case ArrowType.Bool _ -> new BoolColumn(c, validity(c), data(c, (c.length() + 7) >>> 3));
      case ArrowType.Int _, ArrowType.Floating _, ArrowType.Temporal _ ->
          new NumberColumn(c, validity(c), data(c, size(c, NumberColumn.bits(field.type()) / 8)));
      case ArrowType.FixedBinary t ->
          new TextLayouts.Fixed(c, validity(c), data(c, size(c, t.byteWidth())), t.byteWidth());
      case ArrowType.Binary t -> t.offsets() == Offsets.VIEW ? views(c) : text(c, t.offsets());
      case ArrowType.Lists t -> lists(c, t.offsets());
      case ArrowType.Maps _ -> lists(c, Offsets.INT32);
      case ArrowType.FixedLists t -> fixedLists(c, t.size());
      case ArrowType.Struct _ -> struct(c);
      case ArrowType.Other t -> other(c, t);
    };
  }

  private Context context(ArrowField field, @Nullable Context parent) {
    Blame blame = metadata.blame();
    if (2 * node >= nodes.length) {
      throw new Context(blame, source, field, parent, frame.start(), 0, 0)
          .error("the batch has too few nodes");
    }
    long length = nodes[2 * node];
    long nulls = nodes[2 * node + 1];
    node++;
    Context c = new Context(blame, source, field, parent, frame.start(), length, nulls);
    if (length < 0 || nulls < 0 || nulls > length) {
      throw c.error("a length of " + length + " with " + nulls + " nulls");
    }
    return c;
  }

  /** The next buffer, of which some bytes are needed. */
  private ArrowBuffer data(Context c, long neededBytes) {
    if (2 * buffer >= buffers.length) {
      throw c.error("the batch has too few buffers");
    }
    long offset = buffers[2 * buffer];
    long length = buffers[2 * buffer + 1];
    buffer++;
    if (offset < 0 || length < 0 || length > frame.bodyLength() - offset) {
      throw c.error(
          "a buffer of "
              + length
              + " bytes at "
              + offset
              + " is not within the batch's "
              + frame.bodyLength());
    }
    if (length < neededBytes) {
      throw c.error(
          c.length() + " rows need " + neededBytes + " bytes, but the buffer has " + length);
    }
    return new ArrowBuffer(source, c.blame(), frame.bodyOffset() + offset, length);
  }

  private @Nullable ArrowBuffer validity(Context c) {
    // (length + 7) / 8 without overflow
    long needed = c.nullCount() == 0 ? 0 : (c.length() >>> 3) + ((c.length() & 7) == 0 ? 0 : 1);
    ArrowBuffer bits = data(c, needed);
    return c.nullCount() == 0 ? null : bits;
  }

  private static long size(Context c, int width) {
    if (width > 0 && c.length() > Long.MAX_VALUE / width) {
      throw c.error("it cannot have " + c.length() + " rows of " + width + " bytes");
    }
    return c.length() * width;
  }

  /** Offsets: one more than rows, but writers may leave out the one of no rows. */
  private ArrowBuffer offsets(Context c, Offsets kind) {
    int width = kind == Offsets.INT64 ? Long.BYTES : Integer.BYTES;
    long needed = c.length() == 0 ? 0 : size(c, width);
    if (needed > Long.MAX_VALUE - width) {
      throw c.error("it cannot have " + c.length() + " rows");
    }
    return data(c, needed == 0 ? 0 : needed + width);
  }

  private static int bits(Offsets kind) {
    return kind == Offsets.INT64 ? Long.SIZE : Integer.SIZE;
  }

  private ArrowColumn text(Context c, Offsets kind) {
    ArrowBuffer validity = validity(c);
    ArrowBuffer offsets = offsets(c, kind);
    return new TextLayouts.Offsets(c, validity, offsets, bits(kind), data(c, 0));
  }

  private ArrowColumn views(Context c) {
    ArrowBuffer validity = validity(c);
    ArrowBuffer views = data(c, size(c, 16));
    return new TextLayouts.Views(c, validity, views, variadic(c));
  }

  private List<ArrowBuffer> variadic(Context c) {
    if (views == variadic.length) {
      throw c.error("the batch does not say how many buffers it has");
    }
    long n = variadic[views++];
    if (n < 0 || n > buffers.length / 2 - buffer) {
      throw c.error("it has " + n + " buffers, more than the batch");
    }
    List<ArrowBuffer> list = new ArrayList<>();
    for (long i = 0; i < n; i++) {
      list.add(data(c, 0));
    }
    return list;
  }

  private ArrowColumn lists(Context c, Offsets kind) {
    ArrowBuffer validity = validity(c);
    ArrowBuffer offsets = offsets(c, kind);
    return new ListColumn(c, validity, offsets, bits(kind), child(c, 0));
  }

  private ArrowColumn fixedLists(Context c, int size) {
    ArrowBuffer validity = validity(c);
    ArrowColumn values = child(c, 0);
    if (values.length() < size(c, size)) {
      throw c.error(
          c.length() + " rows of " + size + " elements need more than " + values.length());
    }
    return new ListColumn(c, validity, size, values);
  }

  private ArrowColumn struct(Context c) {
    ArrowBuffer validity = validity(c);
    List<ArrowColumn> children = new ArrayList<>();
    for (int i = 0; i < c.field().children().size(); i++) {
      ArrowColumn child = child(c, i);
      if (child.length() != c.length()) {
        throw child.context().error("its struct has " + c.length() + " rows");
      }
      children.add(child);
    }
    return new StructColumn(c, validity, children);
  }

  private ArrowColumn child(Context c, int i) {
    ArrowField field = c.field().children().get(i);
    return column(field, c);
  }

  private ArrowColumn dictionary(Context c, ArrowField.Dictionary dictionary) {
    ArrowBuffer validity = validity(c);
    ArrowType.Int type = dictionary.indexType();
    ArrowBuffer data = data(c, size(c, type.bits() / 8));
    ArrowField field =
        new ArrowField(c.field().name(), type, c.field().nullable(), List.of(), Map.of(), null);
    return new DictionaryColumn(
        c,
        validity,
        new NumberColumn(c.with(field), validity, data),
        dictionaries.values(dictionary.id(), position));
  }

  /** Passes over what it has. */
  private ArrowColumn other(Context c, ArrowType.Other type) {
    for (int i = 0; i < type.buffers(); i++) {
      data(c, 0);
    }
    for (int i = 0; i < c.field().children().size(); i++) {
      child(c, i);
    }
    return new OpaqueColumn(c, null);
  }
}
