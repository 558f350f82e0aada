package dev.quern.core.io.arrow;

import dev.quern.core.io.arrow.MessageReader.Frame;
import dev.quern.core.io.internal.Blame;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.arrow.flatbuf.Block;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.MessageHeader;

/**
 * Finds the messages of a file by its footer. Source: "IPC File Format" of Arrow's columnar format.
 */
final class FooterIndex {
  /** Stands at both ends of a file. */
  static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.US_ASCII);

  /** The magic at the beginning is padded to this. */
  static final int START = 8;

  private static final int TAIL = Integer.BYTES + MAGIC.length;
  private static final int BLOCK_BYTES = 24;

  private final Blame blame;
  private final MessageReader reader;
  private final long footerStart;
  private final Metadata metadata;

  /** A block of the footer. */
  private record Entry(long offset, int metadataLength, long bodyLength, byte kind) {}

  private FooterIndex(Blame blame, ArrowBytes source) {
    this.blame = blame;
    this.reader = new MessageReader(blame, source);
    ArrowBuffer bytes = new ArrowBuffer(source, blame, 0, source.size());
    long end = source.size() - TAIL;
    if (end < START || !isMagic(bytes, source.size() - MAGIC.length)) {
      throw blame.whole(
          "does not end as an Arrow file; it was cut short, or its writer was not closed");
    }
    int length = bytes.int32AtByte(end);
    if (length <= 0 || length > end - START) {
      throw blame.at(
          end, "length of the footer", length + " bytes are not between the file's two ends");
    }
    this.footerStart = end - length;
    this.metadata = Metadata.read(blame, source.all(), footerStart, length);
  }

  static boolean isMagic(ArrowBuffer bytes, long at) {
    return bytes.size() >= at + MAGIC.length && Arrays.equals(bytes.bytes(at, MAGIC.length), MAGIC);
  }

  static ArrowIndex read(Blame blame, ArrowBytes source) {
    return new FooterIndex(blame, source).index();
  }

  private ArrowIndex index() {
    Footer footer = metadata.get("footer", Footer::getRootAsFooter);
    short version =
        MessageReader.checkVersion(metadata, metadata.get("footer", _ -> footer.version()));
    ArrowSchema schema =
        metadata.get("schema", _ -> SchemaReader.read(metadata, version, footer.schema()));
    List<Entry> dictionaries =
        metadata.get("dictionaries", _ -> entries(footer, MessageHeader.DictionaryBatch));
    List<Entry> batches =
        metadata.get("record batches", _ -> entries(footer, MessageHeader.RecordBatch));
    checkApart(dictionaries, batches);
    ArrowIndex.Builder index = new ArrowIndex.Builder();
    for (Entry e : dictionaries) {
      index.dictionary(message(e), 0);
    }
    for (Entry e : batches) {
      index.batch(message(e), 1);
    }
    ArrowIndex built = index.build(schema, schemaFrame(schema), version, true);
    checkReplaced(built);
    return built;
  }

  private List<Entry> entries(Footer footer, byte kind) {
    boolean batches = kind == MessageHeader.RecordBatch;
    int n =
        metadata.count(
            batches ? footer.recordBatchesLength() : footer.dictionariesLength(),
            BLOCK_BYTES,
            "footer");
    List<Entry> list = new ArrayList<>(n);
    for (int i = 0; i < n; i++) {
      Block b = batches ? footer.recordBatches(i) : footer.dictionaries(i);
      list.add(new Entry(b.offset(), b.metaDataLength(), b.bodyLength(), kind));
    }
    return list;
  }

  /** Blocks that share bytes could make a small footer name much more than the file holds. */
  private void checkApart(List<Entry> dictionaries, List<Entry> batches) {
    List<Entry> all = new ArrayList<>(dictionaries);
    all.addAll(batches);
    all.sort(Comparator.comparingLong(Entry::offset));
    long end = START;
    for (Entry e : all) {
      boolean fits =
          e.offset >= end
              && e.offset <= footerStart
              && e.metadataLength > 0
              && e.metadataLength <= footerStart - e.offset
              && e.bodyLength >= 0
              && e.bodyLength <= footerStart - e.offset - e.metadataLength;
      if (!fits) {
        throw metadata.error(
            "footer",
            "the block at "
                + e.offset
                + " of "
                + e.metadataLength
                + " + "
                + e.bodyLength
                + " bytes is not between "
                + end
                + ", where the one before it ends, and the footer at "
                + footerStart);
      }
      end = e.offset + e.metadataLength + e.bodyLength;
    }
  }

  private MessageReader.Read message(Entry e) {
    long end = e.offset + e.metadataLength + e.bodyLength;
    MessageReader.Read message = reader.read(e.offset, end);
    if (message == null || message.kind() != e.kind) {
      throw blame.at(
          e.offset,
          "message",
          "the footer names it a "
              + (e.kind == MessageHeader.RecordBatch ? "record batch" : "dictionary")
              + ", but it is none");
    }
    return message;
  }

  /** The beginning of the stream that a file contains; the footer's schema is a copy of it. */
  private Frame schemaFrame(ArrowSchema schema) {
    MessageReader.Read message = reader.read(START, footerStart);
    if (message == null || message.kind() != MessageHeader.Schema) {
      throw blame.at(START, "message", "a file must begin with its schema");
    }
    if (!message.schema().fields().equals(schema.fields())) {
      throw blame.at(
          START, "schema", "its columns are not those of the footer's, which must be its copy");
    }
    return message.frame();
  }

  /** Without an order between dictionaries and batches, none can say which of two holds. */
  private void checkReplaced(ArrowIndex index) {
    Set<Long> seen = new HashSet<>();
    for (ArrowIndex.Dictionary d : index.dictionaries()) {
      if (!d.isDelta() && !seen.add(d.id())) {
        throw blame.at(
            d.frame().start(),
            "dictionary " + d.id(),
            "is in the file twice; only streams can replace dictionaries");
      }
    }
  }
}
