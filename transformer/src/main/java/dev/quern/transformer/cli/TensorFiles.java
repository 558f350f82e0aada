package dev.quern.transformer.cli;

import dev.quern.core.io.TensorFile;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.safetensors.SafetensorsFile;
import dev.quern.core.io.safetensors.SafetensorsFolder;
import dev.quern.core.type.FormatException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Opens a file of tensors by what is in it. */
final class TensorFiles {
  private static final int START_BYTES = 9;

  private TensorFiles() {}

  static TensorFile open(Path path) {
    String name = String.valueOf(path.getFileName());
    if (Files.isDirectory(path) || name.endsWith(".json")) {
      return SafetensorsFolder.open(path);
    }
    byte[] start = start(path);
    if (isGguf(start) || name.endsWith(".gguf")) {
      return GgufFile.open(path);
    }
    if (isSafetensors(start) || name.endsWith(".safetensors")) {
      return SafetensorsFile.open(path);
    }
    throw new FormatException(
        path
            + ": this is neither GGUF nor safetensors, by its first bytes and its name; give a GGUF"
            + " file, a safetensors file, or a folder of safetensors");
  }

  private static byte[] start(Path path) {
    try (InputStream in = Files.newInputStream(path)) {
      return in.readNBytes(START_BYTES);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + path + ": " + e.getMessage(), e);
    }
  }

  private static boolean isGguf(byte[] start) {
    return start.length >= 4
        && start[0] == 'G'
        && start[1] == 'G'
        && start[2] == 'U'
        && start[3] == 'F';
  }

  /** Eight bytes with the length of the header, and the header is a JSON object. */
  private static boolean isSafetensors(byte[] start) {
    return start.length == START_BYTES
        && start[START_BYTES - 1] == '{'
        && start[5] == 0
        && start[6] == 0
        && start[7] == 0;
  }
}
