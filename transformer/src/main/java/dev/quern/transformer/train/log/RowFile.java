package dev.quern.transformer.train.log;

import dev.quern.core.type.FormatException;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/**
 * A text file that grows by a row a step, in rising order of steps, and can be gone on with.
 *
 * <p>Each row goes to the file in one write, so that a crash tears at most the last one. Going on,
 * the file is cut where the first row begins that is told again, or that was torn.
 */
final class RowFile implements AutoCloseable {
  /** Where a row tells its step: after a fixed beginning, up to the next character but a digit. */
  private static final int MOST_DIGITS = 18;

  private final Path path;
  private final FileChannel channel;

  private RowFile(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /**
   * Opens a file for rows of a step and later.
   *
   * @param path created if it is missing, with its folder
   * @param header the first line; empty for none
   * @param prefix what stands before a row's step
   * @param firstStep the first step that will be told; 1 begins the file anew
   * @throws FormatException if there is a file with another header
   */
  static RowFile open(Path path, String header, String prefix, long firstStep) {
    try {
      Path folder = path.toAbsolutePath().getParent();
      if (folder != null) {
        Files.createDirectories(folder);
      }
      long keep = firstStep > 1 && Files.exists(path) ? keptBytes(path, prefix, firstStep) : 0;
      if (keep > 0) {
        checkHeader(path, header);
      }
      FileChannel channel =
          FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      RowFile file = new RowFile(path, channel);
      channel.truncate(keep).position(keep);
      if (keep == 0 && !header.isEmpty()) {
        file.write(header);
      }
      return file;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot go on with " + path + ": " + e.getMessage(), e);
    }
  }

  /** Refuses a file whose columns are others than those of the rows to come. */
  private static void checkHeader(Path path, String header) throws IOException {
    byte[] wanted = (header.isEmpty() ? "" : header + "\n").getBytes(StandardCharsets.UTF_8);
    try (InputStream in = Files.newInputStream(path)) {
      if (!Arrays.equals(in.readNBytes(wanted.length), wanted)) {
        throw new FormatException(
            path + ": its first line is not '" + header + "'; move the file away to log anew");
      }
    }
  }

  /** How many bytes stand before the first row that is told again, and before a torn one. */
  private static long keptBytes(Path path, String prefix, long firstStep) throws IOException {
    byte[] begin = prefix.getBytes(StandardCharsets.UTF_8);
    long lineStart = 0;
    long offset = 0;
    int matched = 0; // bytes of the prefix found; -1: this line has another beginning
    int digits = 0;
    long step = 0;
    try (InputStream in = new BufferedInputStream(Files.newInputStream(path), 1 << 16)) {
      for (int b = in.read(); b >= 0; b = in.read()) {
        offset++;
        if (b == '\n') {
          if (digits > 0 && step >= firstStep) {
            return lineStart;
          }
          lineStart = offset;
          matched = 0;
          digits = 0;
          step = 0;
        } else if (matched >= 0 && matched < begin.length) {
          matched = b == begin[matched] ? matched + 1 : -1;
        } else if (matched == begin.length && b >= '0' && b <= '9' && digits < MOST_DIGITS) {
          step = 10 * step + b - '0';
          digits++;
        } else {
          matched = -1;
        }
      }
    }
    return lineStart;
  }

  /** Appends a row, which ends in a line feed of its own. */
  void write(String row) {
    ByteBuffer bytes = StandardCharsets.UTF_8.encode(row + "\n");
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + path + ": " + e.getMessage(), e);
    }
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
