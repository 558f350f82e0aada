package dev.quern.core.io.arrow;

import dev.quern.core.io.internal.Blame;
import org.apache.arrow.flatbuf.MessageHeader;

/**
 * Finds the messages of a stream: a schema, then dictionaries and record batches, then an end mark
 * or simply the end. Source: "IPC Streaming Format" of Arrow's columnar format.
 */
final class StreamIndex {
  private StreamIndex() {}

  static ArrowIndex read(Blame blame, ArrowBytes source) {
    MessageReader reader = new MessageReader(blame, source);
    long end = source.size();
    MessageReader.Read first = reader.read(0, end);
    if (first == null || first.kind() != MessageHeader.Schema) {
      throw blame.at(
          0, "message", "a stream must begin with its schema; these may be no Arrow data at all");
    }
    ArrowSchema schema = first.schema();
    ArrowIndex.Builder index = new ArrowIndex.Builder();
    long at = first.frame().end();
    boolean marked = false;
    for (long position = 1; at < end; position++) {
      MessageReader.Read message = reader.read(at, end);
      if (message == null) {
        marked = true;
        at += reader.markBytes(at);
        break;
      }
      add(index, message, position);
      at = message.frame().end();
    }
    if (at < end) {
      throw blame.at(
          at,
          "end of the stream",
          (end - at) + " bytes follow its mark; if these are several streams, separate them");
    }
    return index.build(schema, first.frame(), first.version(), marked);
  }

  private static void add(ArrowIndex.Builder index, MessageReader.Read message, long position) {
    switch (message.kind()) {
      case MessageHeader.RecordBatch -> index.batch(message, position);
      case MessageHeader.DictionaryBatch -> index.dictionary(message, position);
      default ->
          throw message
              .metadata()
              .error(
                  "message",
                  "its kind is " + message.kind() + ", not that of a batch or dictionary");
    }
  }
}
