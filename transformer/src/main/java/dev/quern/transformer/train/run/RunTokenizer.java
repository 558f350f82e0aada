package dev.quern.transformer.train.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.io.AtomicFile;
import dev.quern.transformer.tokenizer.BpeTrainer;
import dev.quern.transformer.tokenizer.BpeTrainingOptions;
import dev.quern.transformer.tokenizer.CharacterVocabulary;
import dev.quern.transformer.tokenizer.Tokenizer;
import dev.quern.transformer.tokenizer.TokenizerSettings;
import dev.quern.transformer.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The tokenizer of a run: learnt from its texts, or one there is. */
final class RunTokenizer {
  private static final List<String> ENCODER_TOKENS = List.of("[PAD]", "[CLS]", "[SEP]", "[MASK]");
  private static final String END = "<|endoftext|>";
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private RunTokenizer() {}

  /**
   * Learns a byte-level BPE vocabulary, and writes it with the roles of its special tokens.
   *
   * @param folder gets {@code tokenizer.json} and {@code tokenizer_config.json}
   * @param texts to learn from
   * @param size tokens altogether
   * @param encoder whether texts are put between [CLS] and [SEP]; else there is a token for the end
   */
  static Tokenizer bpe(Path folder, Stream<String> texts, int size, boolean encoder) {
    List<String> special = encoder ? ENCODER_TOKENS : List.of(END);
    BpeTrainer trainer = new BpeTrainer(new BpeTrainingOptions(size, 2, special, null));
    texts.forEach(trainer::add);
    write(folder, trainer.train().toJson(), encoder, special);
    return Tokenizers.fromFolder(folder);
  }

  /**
   * A token for each character that occurs, as character-level models have.
   *
   * @param folder gets {@code tokenizer.json}
   * @param text all of it
   */
  static Tokenizer characters(Path folder, String text) {
    CharacterVocabulary.of(text).write(folder.resolve("tokenizer.json"));
    return Tokenizers.fromFolder(folder);
  }

  /**
   * A tokenizer there is.
   *
   * @param folder gets copies of its files
   * @param from a {@code tokenizer.json}, or a folder that has one
   */
  static Tokenizer copied(Path folder, Path from) {
    Path directory = Files.isDirectory(from) ? from : from.resolveSibling(".");
    try {
      for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
        Path source =
            name.equals("tokenizer.json") && !Files.isDirectory(from)
                ? from
                : directory.resolve(name);
        if (Files.isRegularFile(source)) {
          byte[] bytes = Files.readAllBytes(source);
          AtomicFile.write(folder.resolve(name), sink -> sink.write(bytes));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot copy the tokenizer " + from + ": " + e, e);
    }
    return Tokenizers.fromFolder(folder);
  }

  private static void write(Path folder, String json, boolean encoder, List<String> special) {
    try {
      ObjectNode root = (ObjectNode) MAPPER.readTree(json);
      if (encoder) {
        root.set("post_processor", template(special));
      }
      write(folder.resolve("tokenizer.json"), root.toPrettyString());
      // It reads the tokenizer, and finds the roles of tokens by how they are spelled.
      write(
          folder.resolve("tokenizer_config.json"),
          TokenizerSettings.of(folder, Map.of(), 0, !encoder).toJson());
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree is always read", e);
    }
  }

  private static void write(Path file, String json) {
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, sink -> sink.write(bytes));
  }

  /** [CLS] text [SEP], and [CLS] a [SEP] b [SEP] for pairs. */
  private static ObjectNode template(List<String> special) {
    ObjectNode template = MAPPER.createObjectNode().put("type", "TemplateProcessing");
    ArrayNode single = template.putArray("single");
    ArrayNode pair = template.putArray("pair");
    for (ArrayNode list : List.of(single, pair)) {
      piece(list, "SpecialToken", "[CLS]", 0);
      piece(list, "Sequence", "A", 0);
      piece(list, "SpecialToken", "[SEP]", 0);
    }
    piece(pair, "Sequence", "B", 1);
    piece(pair, "SpecialToken", "[SEP]", 1);
    ObjectNode tokens = template.putObject("special_tokens");
    for (String name : List.of("[CLS]", "[SEP]")) {
      ObjectNode token = tokens.putObject(name).put("id", name);
      token.putArray("ids").add(special.indexOf(name));
      token.putArray("tokens").add(name);
    }
    return template;
  }

  private static void piece(ArrayNode list, String kind, String id, int type) {
    list.addObject().putObject(kind).put("id", id).put("type_id", type);
  }
}
