package dev.quern.transformer.tokenizer;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.io.AtomicFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * A vocabulary with a token for each character (code point), in ascending order: what nanoGPT's
 * character-level recipe uses. Written as a BPE model without merges, which {@link
 * Tokenizers#fromJson} and Hugging Face's tokenizers library read. A character that is not in the
 * vocabulary is left out when a text is encoded.
 *
 * {@snippet :
 * CharacterVocabulary.of(text).write(Path.of("tokenizer.json"));
 * }
 *
 * @param characters by id, each of one code point
 */
public record CharacterVocabulary(List<String> characters) {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  /** Copies the list. */
  public CharacterVocabulary {
    characters = List.copyOf(characters);
  }

  /**
   * The characters of a text.
   *
   * @param text at least one character
   * @return a vocabulary of those that occur
   * @throws TokenizerTrainingException if the text is empty
   */
  public static CharacterVocabulary of(String text) {
    if (text.isEmpty()) {
      throw new TokenizerTrainingException("the text is empty; a vocabulary needs a character");
    }
    return new CharacterVocabulary(
        text.codePoints().distinct().sorted().mapToObj(Character::toString).toList());
  }

  /**
   * The tokenizer as a {@code tokenizer.json}.
   *
   * @return JSON over several lines
   */
  public String toJson() {
    ObjectNode root = MAPPER.createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    root.putArray("added_tokens");
    root.putNull("normalizer").putNull("pre_tokenizer").putNull("post_processor");
    root.putObject("decoder").put("type", "Fuse");
    ObjectNode model = root.putObject("model").put("type", "BPE");
    model.putNull("dropout").putNull("unk_token");
    model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
    model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
    ObjectNode vocab = model.putObject("vocab");
    for (int id = 0; id < characters.size(); id++) {
      vocab.put(characters.get(id), id);
    }
    model.putArray("merges");
    return root.toPrettyString();
  }

  /**
   * Writes {@link #toJson()} to a file, as a whole or not at all.
   *
   * @param file usually called {@code tokenizer.json}
   * @throws java.io.UncheckedIOException if that fails; an older file is left as it was
   */
  public void write(Path file) {
    byte[] bytes = toJson().getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, sink -> sink.write(bytes));
  }
}
