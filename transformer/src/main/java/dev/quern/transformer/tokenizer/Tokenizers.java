package dev.quern.transformer.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Makes tokenizers from what models come with. */
public final class Tokenizers {
  private Tokenizers() {}

  /**
   * A tokenizer from the metadata of a GGUF file: SentencePiece ({@code llama}), byte-level BPE
   * ({@code gpt2}) or WordPiece ({@code bert}).
   *
   * @param metadata the file's key-value pairs
   * @return the tokenizer
   * @throws dev.quern.core.type.FormatException if the vocabulary is malformed; names file and key
   * @throws dev.quern.core.type.NotSupportedException if its kind isn't supported yet
   */
  public static Tokenizer fromGguf(GgufMetadata metadata) {
    return GgufTokenizer.load(metadata);
  }

  /**
   * A tokenizer from a {@code tokenizer.json} of Hugging Face's tokenizers library: BPE over bytes
   * or characters, and WordPiece.
   *
   * @throws IOException if the file can't be read
   * @throws dev.quern.core.type.FormatException if it is malformed; names file and key
   * @throws dev.quern.core.type.NotSupportedException if a part of it isn't supported yet
   */
  public static Tokenizer fromJson(Path file) throws IOException {
    return JsonTokenizer.load(file, null);
  }

  /**
   * A tokenizer from a Hugging Face folder: {@code tokenizer.json}, and {@code
   * tokenizer_config.json} if it is there, which names the roles of special tokens.
   *
   * @throws IOException if a file can't be read
   * @throws dev.quern.core.type.FormatException if one is malformed; names file and key
   * @throws dev.quern.core.type.NotSupportedException if a part of one isn't supported yet
   */
  public static Tokenizer fromFolder(Path folder) throws IOException {
    Path file = folder.resolve("tokenizer.json");
    if (!Files.exists(file)) {
      throw Malformed.unsupported(
          folder.toString(),
          "tokenizer.json",
          "the folder has none; save the tokenizer in the format of the tokenizers library");
    }
    Path config = folder.resolve("tokenizer_config.json");
    return JsonTokenizer.load(file, Files.exists(config) ? config : null);
  }
}
