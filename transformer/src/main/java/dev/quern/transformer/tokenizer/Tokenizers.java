package dev.quern.transformer.tokenizer;

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
}
