package dev.quern.core.io.arrow;

import com.google.flatbuffers.Table;
import dev.quern.core.io.internal.Blame;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.jspecify.annotations.Nullable;

/**
 * The frames that messages stand in: a mark, the length of the metadata, the metadata, and the body
 * whose length the metadata says.
 */
final class MessageReader {
  /** Begins a message, since version 0.15 of the format. */
  static final int CONTINUATION = -1;

  private final Blame blame;
  private final ArrowBytes source;
  private final ArrowBuffer bytes;

  /**
   * Where a message is.
   *
   * @param start of the frame
   * @param metadataOffset after mark and length
   * @param metadataLength with its padding
   * @param bodyLength of the body that follows the metadata
   */
  record Frame(long start, long metadataOffset, int metadataLength, long bodyLength) {
    long bodyOffset() {
      return metadataOffset + metadataLength;
    }

    long end() {
      return bodyOffset() + bodyLength;
    }
  }

  /** What a message's metadata says, and where it was. */
  record Read(Frame frame, Metadata metadata, byte kind, short version, Message message) {

    ArrowSchema schema() {
      Schema table = (Schema) header(new Schema());
      return metadata.get("schema", _ -> SchemaReader.read(metadata, version, table));
    }

    RecordBatch batch() {
      return (RecordBatch) header(new RecordBatch());
    }

    DictionaryBatch dictionary() {
      return (DictionaryBatch) header(new DictionaryBatch());
    }

    private Table header(Table empty) {
      return metadata.get("message", _ -> metadata.present(message.header(empty), "its header"));
    }
  }

  MessageReader(Blame blame, ArrowBytes source) {
    this.blame = blame;
    this.source = source;
    this.bytes = new ArrowBuffer(source, blame, 0, source.size());
  }

  /**
   * Reads the message at an offset.
   *
   * @param start of the frame
   * @param end what the frame may not pass
   * @return null if there is an end-of-stream mark instead
   */
  @Nullable Read read(long start, long end) {
    if (end - start < Integer.BYTES) {
      throw blame.at(start, "message", "the file ends within the length of a message");
    }
    int prefix = Integer.BYTES;
    int length = bytes.int32AtByte(start);
    if (length == CONTINUATION) {
      if (end - start < 2 * Integer.BYTES) {
        throw blame.at(start, "message", "the file ends within the length of a message");
      }
      prefix = 2 * Integer.BYTES;
      length = bytes.int32AtByte(start + Integer.BYTES);
    }
    if (length == 0) {
      return null;
    }
    long metadataOffset = start + prefix;
    if (length < 0 || length > end - metadataOffset) {
      throw blame.at(
          start,
          "length of the message",
          Integer.toUnsignedString(length)
              + " bytes of metadata do not fit into the remaining "
              + (end - metadataOffset)
              + "; if these are no Arrow data, convert them");
    }
    Metadata metadata = Metadata.read(blame, source.all(), metadataOffset, length);
    Message message = metadata.get("message", Message::getRootAsMessage);
    long body = metadata.get("length of the body", _ -> message.bodyLength());
    long rest = end - metadataOffset - length;
    if (body < 0 || body > rest) {
      throw blame.at(
          metadataOffset,
          "length of the body",
          body + " bytes do not fit into the remaining " + rest + "; the file may have been cut");
    }
    byte kind = metadata.get("message", _ -> message.headerType());
    short version = checkVersion(metadata, metadata.get("message", _ -> message.version()));
    if (kind == MessageHeader.Tensor || kind == MessageHeader.SparseTensor) {
      throw blame.unsupported(
          "at offset "
              + start
              + " there is a tensor outside any column, which is not read; write it as a column"
              + " of type arrow.fixed_shape_tensor");
    }
    return new Read(
        new Frame(start, metadataOffset, length, body), metadata, kind, version, message);
  }

  /** How long the end-of-stream mark is that stands there. */
  int markBytes(long start) {
    return bytes.int32AtByte(start) == CONTINUATION ? 2 * Integer.BYTES : Integer.BYTES;
  }

  static short checkVersion(Metadata metadata, short version) {
    if (version < MetadataVersion.V4 || version > MetadataVersion.V5) {
      throw metadata
          .blame()
          .unsupported(
              "at offset "
                  + metadata.offset()
                  + ", metadata version "
                  + (version + 1)
                  + " is not read, only 4 and 5; write the data again with a current Arrow");
    }
    return version;
  }
}
