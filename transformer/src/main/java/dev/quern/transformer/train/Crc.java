package dev.quern.transformer.train;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/** CRC-32C of files, at the speed of memory. */
public final class Crc {
  private static final long PIECE_BYTES = 1 << 26;

  private Crc() {}

  /**
   * The checksum of a file.
   *
   * @param file any
   * @return 0 to 2³² − 1
   * @throws IOException if it can't be read
   */
  public static long of(Path file) throws IOException {
    CRC32C crc = new CRC32C();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        Arena arena = Arena.ofConfined()) {
      long size = channel.size();
      MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
      for (long from = 0; from < size; from += PIECE_BYTES) {
        crc.update(all.asSlice(from, Math.min(PIECE_BYTES, size - from)).asByteBuffer());
      }
    }
    return crc.getValue();
  }
}
