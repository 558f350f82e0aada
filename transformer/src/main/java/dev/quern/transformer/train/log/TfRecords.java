package dev.quern.transformer.train.log;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/**
 * Writes a file of TFRecords.
 *
 * <p>A record is its length (8 bytes), a checksum of these 8 bytes (4), the data, and a checksum of
 * the data (4), all little-endian. The checksum is CRC-32C, rotated right by 15 bits plus
 * 0xa282ead8, so that the checksum of data which holds checksums is still a good one. Source: the
 * TFRecord page of TensorFlow's guide.
 *
 * <p>Each record goes to the file in one write: whoever reads while it grows, or after a crash,
 * finds whole records and at most one torn one at the end, which TensorBoard passes over.
 */
final class TfRecords implements AutoCloseable {
  private static final int MASK = 0xa282ead8;

  private final Path path;
  private final FileChannel channel;

  /** Creates the file, which must not be there yet. */
  TfRecords(Path path) throws IOException {
    this.path = path;
    channel = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  }

  /** Appends a record. */
  void write(byte[] data) {
    byte[] length = Protobuf.littleEndian(8, b -> b.putLong(data.length));
    ByteBuffer record = ByteBuffer.allocate(16 + data.length).order(ByteOrder.LITTLE_ENDIAN);
    record.put(length).putInt(masked(length));
    record.put(data);
    record.putInt(masked(data)).flip();
    try {
      while (record.hasRemaining()) {
        channel.write(record);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + path + ": " + e.getMessage(), e);
    }
  }

  private static int masked(byte[] data) {
    CRC32C sum = new CRC32C();
    sum.update(data);
    return Integer.rotateRight((int) sum.getValue(), 15) + MASK;
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close " + path + ": " + e.getMessage(), e);
    }
  }
}
