package dev.quern.transformer.data;

import dev.quern.core.io.ByteSink;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.CRC32C;

/** Takes the ids of a {@link TokenFile} that is being written. For one thread. */
public final class TokenSink {
  private static final int BUFFER_BYTES = 1 << 16;

  private final ByteSink sink;
  private final TokenType type;
  private final CRC32C crc = new CRC32C();
  private final byte[] header = new byte[TokenFile.HEADER_BYTES];
  private final ByteBuffer buffer =
      ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private long count;

  TokenSink(ByteSink sink, TokenType type) {
    this.sink = sink;
    this.type = type;
    ByteBuffer.wrap(header)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(TokenFile.BEGINS)
        .putInt(TokenFile.VERSION)
        .putInt(type.code());
    sink.write(header);
  }

  /**
   * Appends ids.
   *
   * @param ids all of them
   * @throws DataException for an id that the file's type can't hold
   * @throws java.io.UncheckedIOException if writing fails
   */
  public void write(int... ids) {
    for (int id : ids) {
      if (!type.holds(id)) {
        throw new DataException(
            "[tokenFile] id %d, at place %d, does not fit in %s; take another type"
                .formatted(id, count, type));
      }
      if (buffer.remaining() < type.bytes()) {
        flush();
      }
      if (type == TokenType.U16) {
        buffer.putShort((short) id);
      } else {
        buffer.putInt(id);
      }
      count++;
    }
  }

  private void flush() {
    byte[] bytes = Arrays.copyOf(buffer.array(), buffer.position());
    crc.update(bytes);
    sink.write(bytes);
    buffer.clear();
  }

  /** Writes the trailer. */
  void finish() {
    flush();
    sink.padTo(8);
    byte[] trailer = new byte[TokenFile.TRAILER_BYTES];
    ByteBuffer fields = ByteBuffer.wrap(trailer).order(ByteOrder.LITTLE_ENDIAN);
    fields.putLong(count).putInt((int) crc.getValue());
    MemorySegment soFar = MemorySegment.ofArray(trailer).asSlice(0, fields.position());
    fields.putInt(TokenFile.seal(MemorySegment.ofArray(header), soFar)).putLong(TokenFile.ENDS);
    sink.write(trailer);
  }
}
