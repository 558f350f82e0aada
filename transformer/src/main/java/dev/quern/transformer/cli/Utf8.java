package dev.quern.transformer.cli;

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
final class Utf8 {
  private static final long MOST_BYTES = 1L << 30;

  private Utf8() {}

  static String read(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new FormatException(file + ": this is a folder; give a UTF-8 text file");
    }
    long size = Files.size(file);
    if (size > MOST_BYTES) {
      throw new FormatException(
          file + ": the text has " + size + " bytes; " + MOST_BYTES + " are the most, cut it");
    }
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    CharBuffer text = CharBuffer.allocate(bytes.remaining() + 1);
    CoderResult result = decoder.decode(bytes, text, true);
    if (result.isError()) {
      throw new FormatException(
          file
              + ": not UTF-8 at byte "
              + bytes.position()
              + "; convert it, for example with iconv");
    }
    return text.flip().toString();
  }
}
