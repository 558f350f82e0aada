package dev.quern.transformer.cli;

import dev.quern.core.io.TensorFile;
import dev.quern.core.io.TensorInfo;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.type.FormatException;
import dev.quern.transformer.tokenizer.Tokenizer;
import dev.quern.transformer.tokenizer.Tokenizers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** What commands need of a model's files without loading the model. */
final class ModelFiles {
  private ModelFiles() {}

  /** The tokenizer of a GGUF file or a Hugging Face folder. */
  static Tokenizer tokenizer(Path model) {
    if (Files.isDirectory(model)) {
      return Tokenizers.fromFolder(model);
    }
    if (!Files.exists(model)) {
      throw new FormatException(
          model + ": no such file or folder; give a GGUF file or a Hugging Face folder");
    }
    try (GgufFile file = GgufFile.open(model)) {
      return Tokenizers.fromGguf(file);
    }
  }

  /** The element type that most bytes of a model are in. */
  static String mainType(TensorFile file) {
    Map<String, Long> bytes = new HashMap<>();
    for (TensorInfo t : file.tensors().values()) {
      bytes.merge(t.typeName(), t.byteSize(), Long::sum);
    }
    return bytes.entrySet().stream()
        .max(Map.Entry.comparingByValue())
        .map(Map.Entry::getKey)
        .orElse("none");
  }
}
