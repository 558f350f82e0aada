package dev.quern.transformer.tokenizer;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Makes the {@code tokenizer_config.json} that Transformers wants beside a {@code tokenizer.json}:
 * the class that reads it, and the roles of the special tokens.
 *
 * {@snippet :
 * String json = TokenizerSettings.of(folder, Map.of(), 256, true).toJson();
 * }
 */
public final class TokenizerSettings {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  /** How tokens with a role are usually spelled, the most usual first. */
  private static final Map<SpecialRole, List<String>> SPELLINGS =
      new EnumMap<>(
          Map.of(
              SpecialRole.BOS, List.of("<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>"),
              SpecialRole.EOS, List.of("</s>", "<|end_of_text|>", "<|endoftext|>", "<eos>"),
              SpecialRole.UNK, List.of("<unk>", "[UNK]", "<|unk|>"),
              SpecialRole.PAD, List.of("<pad>", "[PAD]", "<|pad|>"),
              SpecialRole.SEP, List.of("[SEP]"),
              SpecialRole.CLS, List.of("[CLS]"),
              SpecialRole.MASK, List.of("[MASK]", "<mask>")));

  private static final Map<SpecialRole, String> KEYS =
      new EnumMap<>(
          Map.of(
              SpecialRole.BOS, "bos_token",
              SpecialRole.EOS, "eos_token",
              SpecialRole.UNK, "unk_token",
              SpecialRole.PAD, "pad_token",
              SpecialRole.SEP, "sep_token",
              SpecialRole.CLS, "cls_token",
              SpecialRole.MASK, "mask_token"));

  private final ObjectNode node;
  private final Map<SpecialRole, Integer> roles;

  private TokenizerSettings(ObjectNode node, Map<SpecialRole, Integer> roles) {
    this.node = node;
    this.roles = roles;
  }

  /**
   * The settings of a folder's tokenizer: those of its {@code tokenizer_config.json}, if there is
   * one, and what that does not say.
   *
   * <p>A role belongs to the token that the settings name; else to {@code otherwise}'s; else to the
   * special token that is usually spelled so, such as {@code <|endoftext|>} for the end.
   *
   * @param folder with {@code tokenizer.json}
   * @param otherwise special tokens whose role the folder's tokenizer does not name
   * @param contextLength how many tokens the model takes, or 0 if not known
   * @param generates whether the model continues texts, so that it knows no token types
   * @return the settings
   * @throws java.io.UncheckedIOException if a file can't be read
   * @throws dev.quern.core.type.FormatException if one is malformed
   * @throws dev.quern.core.type.NotSupportedException if a part of one isn't supported yet
   */
  public static TokenizerSettings of(
      Path folder, Map<SpecialRole, Integer> otherwise, int contextLength, boolean generates) {
    Vocabulary vocabulary = Tokenizers.fromFolder(folder).vocabulary();
    Path file = folder.resolve("tokenizer_config.json");
    ObjectNode node =
        Files.exists(file) ? JsonPlace.read(file).node().deepCopy() : MAPPER.createObjectNode();
    if (!node.hasNonNull("tokenizer_class")) {
      node.put("tokenizer_class", "PreTrainedTokenizerFast");
    }
    if (!node.hasNonNull("model_max_length") && contextLength > 0) {
      node.put("model_max_length", contextLength);
    }
    if (!node.has("clean_up_tokenization_spaces")) {
      node.put("clean_up_tokenization_spaces", false);
    }
    if (generates && !node.has("model_input_names")) {
      node.putArray("model_input_names").add("input_ids").add("attention_mask");
    }
    Map<SpecialRole, Integer> roles = roles(vocabulary, otherwise);
    roles.forEach(
        (role, id) -> {
          String key = KEYS.get(role);
          if (key != null && !node.hasNonNull(key)) {
            node.put(key, vocabulary.text(id));
          }
        });
    return new TokenizerSettings(node, roles);
  }

  private static Map<SpecialRole, Integer> roles(
      Vocabulary vocabulary, Map<SpecialRole, Integer> otherwise) {
    Map<SpecialRole, Integer> roles = new EnumMap<>(SpecialRole.class);
    SPELLINGS.forEach(
        (role, spellings) -> {
          for (String spelling : spellings) {
            int id = vocabulary.id(spelling);
            if (id >= 0 && vocabulary.type(id).isSkippedInText()) {
              roles.putIfAbsent(role, id);
            }
          }
        });
    otherwise.forEach(
        (role, id) -> {
          if (id < vocabulary.size()) {
            roles.put(role, id);
          }
        });
    roles.putAll(vocabulary.roles());
    return roles;
  }

  /**
   * The tokens that have a role.
   *
   * @return role to token
   */
  public Map<SpecialRole, Integer> roles() {
    return new EnumMap<>(roles);
  }

  /**
   * The settings as {@code tokenizer_config.json} has them.
   *
   * @return JSON over several lines
   */
  public String toJson() {
    return node.toPrettyString() + "\n";
  }
}
