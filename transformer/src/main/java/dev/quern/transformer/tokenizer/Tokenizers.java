package dev.quern.transformer.tokenizer;

import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufMetadata;
import dev.quern.core.io.gguf.GgufType;
import dev.quern.core.io.gguf.GgufValue;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** Makes tokenizers from what models come with. */
public final class Tokenizers {
  private Tokenizers() {}

  /**
   * A tokenizer from a GGUF file, which may have no tensors: SentencePiece ({@code llama}),
   * byte-level BPE ({@code gpt2}) or WordPiece ({@code bert}). It doesn't need the file afterwards.
   *
   * @param file the file
   * @return the tokenizer
   * @throws dev.quern.core.type.FormatException if the vocabulary is malformed; names file and key
   * @throws dev.quern.core.type.NotSupportedException if its kind isn't supported yet
   */
  public static Tokenizer fromGguf(GgufFile file) {
    return fromGguf(file.metadata(), file.path());
  }

  /**
   * A tokenizer from the metadata of a GGUF file.
   *
   * @param metadata its keys and values
   * @param source the file, for messages
   * @return the tokenizer
   * @throws dev.quern.core.type.FormatException if the vocabulary is malformed; names file and key
   * @throws dev.quern.core.type.NotSupportedException if its kind isn't supported yet
   */
  public static Tokenizer fromGguf(GgufMetadata metadata, Path source) {
    Map<String, Object> values = new HashMap<>();
    metadata
        .asMap()
        .forEach(
            (key, value) -> {
              if (key.startsWith("tokenizer.ggml.") || key.startsWith("general.")) {
                put(values, key, value);
              }
            });
    return fromMetadata(new TokenizerMetadata(source.toString(), values));
  }

  /**
   * A tokenizer from the keys and values of a GGUF file that something else has read.
   *
   * @param metadata its keys and values
   * @return the tokenizer
   * @throws dev.quern.core.type.FormatException if the vocabulary is malformed; names file and key
   * @throws dev.quern.core.type.NotSupportedException if its kind isn't supported yet
   */
  public static Tokenizer fromMetadata(TokenizerMetadata metadata) {
    return GgufTokenizer.load(metadata);
  }

  /**
   * A tokenizer from a {@code tokenizer.json} of Hugging Face's tokenizers library: BPE over bytes
   * or characters, and WordPiece.
   *
   * @param file the file
   * @return the tokenizer
   * @throws java.io.UncheckedIOException if the file can't be read
   * @throws dev.quern.core.type.FormatException if it is malformed; names file and key
   * @throws dev.quern.core.type.NotSupportedException if a part of it isn't supported yet
   */
  public static Tokenizer fromJson(Path file) {
    return JsonTokenizer.load(file, null);
  }

  /**
   * A tokenizer from a Hugging Face folder: {@code tokenizer.json}, and {@code
   * tokenizer_config.json} if it is there, which names the roles of special tokens.
   *
   * @param folder the folder
   * @return the tokenizer
   * @throws java.io.UncheckedIOException if a file can't be read
   * @throws dev.quern.core.type.FormatException if one is malformed; names file and key
   * @throws dev.quern.core.type.NotSupportedException if a part of one isn't supported yet
   */
  public static Tokenizer fromFolder(Path folder) {
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

  /**
   * The tokenizer of a Hugging Face folder in the words of a GGUF file, as llama.cpp's converter
   * writes them: byte-level BPE ({@code gpt2}), also for vocabularies of ASCII characters without
   * merges; BPE with byte fallback ({@code llama}); WordPiece ({@code bert}).
   *
   * <p>What was written is read again and compared with the original on some thousand texts.
   * Differences remain that no text made of the vocabulary shows: GGUF's WordPiece has no limit for
   * the length of a word.
   *
   * @param folder with {@code tokenizer.json}, and {@code tokenizer_config.json} if it is there
   * @param size the model's number of tokens; those beyond the vocabulary are written as unused
   * @param otherwise special tokens whose role the folder does not name, such as those of {@code
   *     config.json}
   * @return the keys {@code tokenizer.ggml.*}, in order; {@link #fromMetadata} reads them
   * @throws java.io.UncheckedIOException if a file can't be read
   * @throws dev.quern.core.type.FormatException if one is malformed, or has more tokens than the
   *     model
   * @throws dev.quern.core.type.NotSupportedException if GGUF can't say what the tokenizer does
   */
  public static TokenizerMetadata toMetadata(
      Path folder, int size, Map<SpecialRole, Integer> otherwise) {
    return GgufVocabulary.of(folder, size, otherwise);
  }

  private static void put(Map<String, Object> values, String key, GgufValue value) {
    switch (value) {
      case GgufValue.Text text -> values.put(key, text.value());
      case GgufValue.Int number -> values.put(key, number.value());
      case GgufValue.Real number -> values.put(key, number.value());
      case GgufValue.Bool truth -> values.put(key, truth.value());
      case GgufValue.Array array -> {
        if (array.elementType() == GgufType.STRING) {
          values.put(key, array.strings());
        } else if (array.elementType().isInteger()) {
          values.put(key, array.longs());
        } else if (array.elementType().isFloating()) {
          values.put(key, array.doubles());
        }
      }
    }
  }
}
