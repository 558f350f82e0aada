package dev.quern.transformer.cli;

import dev.quern.core.io.TensorFile;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.safetensors.SafetensorsFile;
import dev.quern.core.io.safetensors.SafetensorsFolder;
import java.nio.file.Files;
import java.nio.file.Path;

/** Opens a file of tensors by what it is. */
final class TensorFiles {
  private TensorFiles() {}

  static TensorFile open(Path path) {
    if (Files.isDirectory(path)) {
      return SafetensorsFolder.open(path);
    }
    return path.toString().endsWith(".safetensors")
        ? SafetensorsFile.open(path)
        : GgufFile.open(path);
  }
}
