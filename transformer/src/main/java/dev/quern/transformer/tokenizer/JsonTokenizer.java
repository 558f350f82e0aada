package dev.quern.transformer.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.transformer.tokenizer.JsonAddedTokens.Added;
import dev.quern.transformer.tokenizer.StreamingDecoder.DecodeChain;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Builds a tokenizer from a {@code tokenizer.json} of Hugging Face's tokenizers library, and from
 * the {@code tokenizer_config.json} beside it. Truncation and padding, which the file may also ask
 * for, are the caller's business.
 */
final class JsonTokenizer {
  /** Vocabularies leave a few ids out; a file that leaves out more than this many is damaged. */
  private static final int MAX_UNUSED = 1 << 17;

  private static final Map<SpecialRole, String> ROLE_KEYS =
      Map.of(
          SpecialRole.BOS, "bos_token",
          SpecialRole.EOS, "eos_token",
          SpecialRole.UNK, "unk_token",
          SpecialRole.SEP, "sep_token",
          SpecialRole.PAD, "pad_token",
          SpecialRole.CLS, "cls_token",
          SpecialRole.MASK, "mask_token");

  /** Classes whose code frames a text by two settings, whatever the post-processor says. */
  private static final Set<String> FRAMED_BY_CONFIG =
      Set.of("LlamaTokenizer", "LlamaTokenizerFast", "CodeLlamaTokenizer", "GemmaTokenizer");

  private final JsonPlace root;
  private final @Nullable JsonPlace config;

  private JsonTokenizer(JsonPlace root, @Nullable JsonPlace config) {
    this.root = root;
    this.config = config;
  }

  static Tokenizer load(Path file, @Nullable Path configFile) {
    JsonPlace config = configFile == null ? null : JsonPlace.read(configFile);
    return new JsonTokenizer(JsonPlace.read(file), config).build();
  }

  private Tokenizer build() {
    JsonPlace model = root.need("model").needObject();
    List<Added> added = new ArrayList<>();
    Vocabulary ofModel = modelVocabulary(model);
    Vocabulary vocabulary = vocabulary(model, ofModel, added);
    JsonPlace normalizerPlace = root.find("normalizer");
    UnaryOperator<String> normalizer =
        normalizerPlace == null ? null : JsonNormalizers.read(normalizerPlace);
    JsonPreTokenizers.Result pre = JsonPreTokenizers.read(root.find("pre_tokenizer"));
    PreTokenizer preTokenizer = pre.preTokenizer();
    boolean modelSpells = pre.spellsBytes() && JsonModels.canSpellBytes(model, ofModel);
    if (pre.spellsBytes() && !modelSpells) {
      preTokenizer = PreTokenizer.sequence(List.of(preTokenizer, JsonPreTokenizers.BYTE_SPELLING));
    }
    TokenFinder normalizedFinder = JsonAddedTokens.of(added, true, normalizer);
    if (normalizer == null && added.stream().anyMatch(Added::normalized)) {
      normalizer = text -> text;
    }
    JsonPostProcessors.Frame frame = frame(vocabulary);
    // A token that was found in normalised text stands for what it matched there.
    Map<Integer, String> matched = new HashMap<>();
    for (Added token : added) {
      if (token.normalized() && normalizer != null) {
        matched.put(token.id(), normalizer.apply(token.content()));
      }
    }
    DecodeChain decoding =
        DecodeChain.of(
            vocabulary,
            id -> matched.getOrDefault(id, vocabulary.text(id)).getBytes(StandardCharsets.UTF_8),
            JsonDecoders.read(root.find("decoder")));
    return new PipelineTokenizer(
        vocabulary,
        JsonAddedTokens.of(added, false, null),
        normalizer,
        normalizedFinder,
        preTokenizer,
        false,
        JsonModels.read(model, ofModel, modelSpells),
        frame.before(),
        frame.after(),
        decoding);
  }

  /** The tokens that pieces may become; added ones are found before there are pieces. */
  private Vocabulary modelVocabulary(JsonPlace model) {
    if (JsonModels.type(model).equals("Unigram")) {
      throw model.unsupported("models of the kind Unigram are not supported yet");
    }
    JsonPlace vocab = model.need("vocab");
    Set<Map.Entry<String, JsonNode>> entries = vocab.needObject().node().properties();
    int limit = entries.size() + MAX_UNUSED;
    @Nullable String[] texts = new @Nullable String[entries.size()];
    for (Map.Entry<String, JsonNode> entry : entries) {
      JsonPlace place =
          new JsonPlace(root.source(), vocab.path() + "." + entry.getKey(), entry.getValue());
      texts = put(place, texts, place.integer(), entry.getKey(), limit);
    }
    texts = trimmed(texts);
    return Vocabulary.of(
        root.source(), vocab.path(), texts, Vocabulary.allOfType(texts.length, TokenType.NORMAL));
  }

  private Vocabulary vocabulary(JsonPlace model, Vocabulary ofModel, List<Added> added) {
    List<JsonPlace> places = root.list("added_tokens");
    int limit = ofModel.size() + places.size() + MAX_UNUSED;
    @Nullable String[] texts = new @Nullable String[ofModel.size() + places.size()];
    for (int id = 0; id < ofModel.size(); id++) {
      texts[id] = ofModel.spelling(id);
    }
    for (JsonPlace place : places) {
      Added token = Added.read(place);
      int known = ofModel.id(token.content());
      if (known >= 0) {
        token = token.withId(known);
      } else {
        texts = put(place, texts, token.id(), token.content(), limit);
      }
      added.add(token);
    }
    texts = trimmed(texts);
    if (texts.length == 0) {
      throw Malformed.at(root.source(), "model.vocab", "the vocabulary is empty");
    }
    return named(model, texts, added);
  }

  private static @Nullable String[] trimmed(@Nullable String[] texts) {
    int end = texts.length;
    while (end > 0 && texts[end - 1] == null) {
      end--;
    }
    return Arrays.copyOf(texts, end);
  }

  /** Puts a token at its id, in a longer table if need be. */
  private @Nullable String[] put(
      JsonPlace place, @Nullable String[] texts, int id, String text, int limit) {
    if (id < 0 || id >= limit) {
      throw Malformed.at(
          place.source(), place.path(), "id " + id + " is not in [0, " + limit + ")");
    }
    @Nullable String[] table =
        id < texts.length ? texts : Arrays.copyOf(texts, Math.min(limit, 2 * id + 1));
    String other = table[id];
    if (other != null && !other.equals(text)) {
      throw Malformed.at(
          place.source(),
          place.path(),
          "id " + id + " already belongs to " + Malformed.quote(other));
    }
    table[id] = text;
    return table;
  }

  private Vocabulary named(JsonPlace model, @Nullable String[] texts, List<Added> added) {
    byte[] types = Vocabulary.allOfType(texts.length, TokenType.NORMAL);
    boolean fallback = model.bool("byte_fallback", false);
    for (int id = 0; id < texts.length; id++) {
      String text = texts[id];
      if (text == null) {
        types[id] = TokenType.UNUSED.code();
      } else if (fallback && Merges.byteOf(text, DecodeStage.NOTHING).length == 1) {
        types[id] = TokenType.BYTE.code();
      }
    }
    Vocabulary vocabulary = Vocabulary.of(root.source(), "model.vocab", texts, types);
    Map<SpecialRole, Integer> roles = roles(model, vocabulary);
    Set<Integer> ends = new HashSet<>();
    for (SpecialRole role : List.of(SpecialRole.EOS, SpecialRole.EOT)) {
      Integer id = roles.get(role);
      if (id != null) {
        ends.add(id);
      }
    }
    int unknown = roles.getOrDefault(SpecialRole.UNK, Vocabulary.NONE);
    for (Added token : added) {
      int id = token.id();
      TokenType type = token.special() ? TokenType.CONTROL : TokenType.USER_DEFINED;
      types[id] = token.special() && id == unknown ? TokenType.UNKNOWN.code() : type.code();
      if (token.special() && EndOfGeneration.isEnd(token.content())) {
        ends.add(id);
      }
    }
    return vocabulary.with(roles, ends);
  }

  private Map<SpecialRole, Integer> roles(JsonPlace model, Vocabulary vocabulary) {
    Map<SpecialRole, Integer> roles = Vocabulary.noRoles();
    put(roles, SpecialRole.UNK, vocabulary.id(model.text("unk_token", "")));
    JsonPlace settings = config;
    if (settings != null) {
      ROLE_KEYS.forEach(
          (role, key) -> {
            JsonPlace value = settings.find(key);
            if (value != null) {
              String text = value.node().isObject() ? value.text("content") : value.text();
              put(roles, role, vocabulary.id(text));
            }
          });
    }
    return roles;
  }

  private static void put(Map<SpecialRole, Integer> roles, SpecialRole role, int id) {
    if (id >= 0) {
      roles.put(role, id);
    }
  }

  private JsonPostProcessors.Frame frame(Vocabulary vocabulary) {
    JsonPlace processor = root.find("post_processor");
    JsonPostProcessors.Frame frame = JsonPostProcessors.read(processor, vocabulary);
    JsonPlace settings = config;
    if (settings == null) {
      return frame;
    }
    boolean says = settings.find("add_bos_token") != null || settings.find("add_eos_token") != null;
    boolean framed = FRAMED_BY_CONFIG.contains(settings.text("tokenizer_class", ""));
    if (!says || !(framed || processor == null)) {
      return frame;
    }
    return new JsonPostProcessors.Frame(
        role(settings, "add_bos_token", framed, SpecialRole.BOS, vocabulary),
        role(settings, "add_eos_token", false, SpecialRole.EOS, vocabulary));
  }

  private static List<Integer> role(
      JsonPlace settings, String key, boolean fallback, SpecialRole role, Vocabulary vocabulary) {
    if (!settings.bool(key, fallback)) {
      return List.of();
    }
    int id = vocabulary.id(role);
    if (id < 0) {
      throw Malformed.at(
          settings.source(), key, "it is true, and there is no " + ROLE_KEYS.get(role));
    }
    return List.of(id);
  }
}
