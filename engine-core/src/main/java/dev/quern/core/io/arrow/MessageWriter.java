package dev.quern.core.io.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.quern.core.io.ByteSink;
import dev.quern.core.io.arrow.ColumnData.Buffer;
import dev.quern.core.io.arrow.ColumnData.Node;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flatbuf.Block;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;

/** Writes messages in their frames, with all memory of columns at multiples of 64 bytes. */
final class MessageWriter {
  /** What the format recommends; it demands 8. */
  static final int ALIGNMENT = 64;

  private static final int PREFIX = 2 * Integer.BYTES;

  private final ByteSink sink;
  private final List<Written> batches = new ArrayList<>();

  /** Where a batch was written. */
  private record Written(long offset, int metadataLength, long bodyLength) {}

  MessageWriter(ByteSink sink) {
    this.sink = sink;
  }

  void schema(ArrowSchema schema) {
    FlatBufferBuilder out = new FlatBufferBuilder();
    finish(out, MessageHeader.Schema, new SchemaEncoder(out).schema(schema), 0);
  }

  void batch(ArrowColumns columns) {
    List<Buffer> buffers = columns.columns().stream().flatMap(c -> c.buffers().stream()).toList();
    List<Node> nodes = columns.columns().stream().flatMap(c -> c.nodes().stream()).toList();
    FlatBufferBuilder out = new FlatBufferBuilder();
    RecordBatch.startNodesVector(out, nodes.size());
    for (Node n : nodes.reversed()) {
      FieldNode.createFieldNode(out, n.length(), n.nullCount());
    }
    int nodeVector = out.endVector();
    long body = 0;
    for (Buffer b : buffers) {
      body = Math.addExact(body, padded(b.byteSize()));
    }
    long offset = body;
    RecordBatch.startBuffersVector(out, buffers.size());
    for (Buffer b : buffers.reversed()) {
      offset -= padded(b.byteSize());
      org.apache.arrow.flatbuf.Buffer.createBuffer(out, offset, b.byteSize());
    }
    int bufferVector = out.endVector();
    int batch = RecordBatch.createRecordBatch(out, columns.rows(), nodeVector, bufferVector, 0, 0);
    long start = sink.position();
    int metadata = finish(out, MessageHeader.RecordBatch, batch, body);
    for (Buffer b : buffers) {
      b.source().writeTo(sink);
      sink.padTo(ALIGNMENT);
    }
    batches.add(new Written(start, metadata, body));
  }

  private static long padded(long bytes) {
    return Math.addExact(bytes, ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** Writes metadata so that the body after it begins at a multiple; returns the frame's length. */
  private int finish(FlatBufferBuilder out, byte kind, int header, long bodyLength) {
    out.finish(Message.createMessage(out, MetadataVersion.V5, kind, header, bodyLength, 0));
    byte[] message = out.sizedByteArray();
    long end = padded(sink.position() + PREFIX + message.length);
    int length = (int) (end - sink.position() - PREFIX);
    sink.write(words(MessageReader.CONTINUATION, length));
    sink.write(message);
    sink.padTo(ALIGNMENT);
    return PREFIX + length;
  }

  void end() {
    sink.write(words(MessageReader.CONTINUATION, 0));
  }

  void footer(ArrowSchema schema) {
    FlatBufferBuilder out = new FlatBufferBuilder();
    int encoded = new SchemaEncoder(out).schema(schema);
    Footer.startDictionariesVector(out, 0);
    int dictionaries = out.endVector();
    Footer.startRecordBatchesVector(out, batches.size());
    for (Written b : batches.reversed()) {
      Block.createBlock(out, b.offset, b.metadataLength, b.bodyLength);
    }
    int blocks = out.endVector();
    out.finish(Footer.createFooter(out, MetadataVersion.V5, encoded, dictionaries, blocks, 0));
    byte[] footer = out.sizedByteArray();
    sink.write(footer);
    sink.write(words(footer.length));
    sink.write(FooterIndex.MAGIC);
  }

  private static byte[] words(int... words) {
    ByteBuffer b = ByteBuffer.allocate(4 * words.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int w : words) {
      b.putInt(w);
    }
    return b.array();
  }
}
