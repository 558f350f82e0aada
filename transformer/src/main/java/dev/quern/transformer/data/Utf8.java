package dev.quern.transformer.data;

import dev.quern.core.type.FormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Text files, refused with the place if they are not UTF-8. */
public final class Utf8 {
  private static final long MOST_BYTES = 1L << 30;

  private Utf8() {}

  /**
   * Reads a whole text.
   *
   * @param file of at most 2³⁰ bytes
   * @return its text
   * @throws FormatException if it is not UTF-8, with the offset of the first byte that isn't; if it
   *     is too large, or a folder
   * @throws IOException if it can't be read
   */
  public static String read(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new FormatException(file + ": this is a folder; give a UTF-8 text file");
    }
    long size = Files.size(file);
    if (size > MOST_BYTES) {
      throw new FormatException(
          file + ": the text has " + size + " bytes; " + MOST_BYTES + " are the most, cut it");
    }
    return decode(file, 0, ByteBuffer.wrap(Files.readAllBytes(file)));
  }

  /** Decodes a part of a file, which begins at an offset. */
  static String decode(Path file, long offsetBytes, ByteBuffer bytes) {
    int from = bytes.position();
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    CharBuffer text = CharBuffer.allocate(bytes.remaining() + 1);
    CoderResult result = decoder.decode(bytes, text, true);
    if (result.isError()) {
      throw new FormatException(
          file
              + ": not UTF-8 at byte "
              + (offsetBytes + bytes.position() - from)
              + "; convert it, for example with iconv");
    }
    return text.flip().toString();
  }
}
