package dev.quern.transformer.tokenizer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The tokenizer of a Hugging Face folder in the words of GGUF ({@code tokenizer.ggml.*}), under the
 * names that llama.cpp's converter writes: {@code gpt2} for byte-level BPE, {@code llama} for BPE
 * with byte fallback, {@code bert} for WordPiece.
 *
 * <p>The two formats don't say the same things: GGUF has names for a few pre-tokenizers, and scores
 * in the place of merges. What can't be said is refused, and what was said is read again and
 * compared on texts made of the vocabulary ({@link SameTokens}).
 */
final class GgufVocabulary {
  private static final String PREFIX = "tokenizer.ggml.";

  private static final Map<SpecialRole, String> ROLE_KEYS = roleKeys();

  private final JsonPlace root;
  private final Tokenizer tokenizer;
  private final Vocabulary vocabulary;
  private final int size;
  private final Map<SpecialRole, Integer> roles;
  private final Map<String, Object> pairs = new LinkedHashMap<>();

  private GgufVocabulary(
      Path folder, int size, Map<SpecialRole, Integer> otherwise, Tokenizer tokenizer) {
    Path file = folder.resolve("tokenizer.json");
    this.root = JsonPlace.read(file);
    this.tokenizer = tokenizer;
    this.vocabulary = tokenizer.vocabulary();
    this.size = size;
    this.roles = new LinkedHashMap<>(otherwise);
    this.roles.putAll(vocabulary.roles());
    if (vocabulary.size() > size) {
      throw Malformed.at(
          file.toString(),
          "model.vocab",
          vocabulary.size() + " tokens for a model that has " + size);
    }
  }

  private static Map<SpecialRole, String> roleKeys() {
    Map<SpecialRole, String> keys = new LinkedHashMap<>();
    keys.put(SpecialRole.BOS, "bos_token_id");
    keys.put(SpecialRole.EOS, "eos_token_id");
    keys.put(SpecialRole.EOT, "eot_token_id");
    keys.put(SpecialRole.EOM, "eom_token_id");
    keys.put(SpecialRole.UNK, "unknown_token_id");
    keys.put(SpecialRole.SEP, "seperator_token_id"); // misspelled in the specification
    keys.put(SpecialRole.PAD, "padding_token_id");
    keys.put(SpecialRole.CLS, "cls_token_id");
    keys.put(SpecialRole.MASK, "mask_token_id");
    return keys;
  }

  /** Reads a folder's tokenizer and says it in GGUF's words; {@link Tokenizers#toMetadata}. */
  static TokenizerMetadata of(Path folder, int size, Map<SpecialRole, Integer> otherwise) {
    Tokenizer tokenizer = Tokenizers.fromFolder(folder);
    return new GgufVocabulary(folder, size, otherwise, tokenizer).build();
  }

  private TokenizerMetadata build() {
    JsonPlace model = root.need("model");
    switch (JsonModels.type(model)) {
      case "WordPiece" -> wordPiece(model);
      case "BPE" -> {
        if (model.bool("byte_fallback", false)) {
          return sentencePiece(model);
        }
        if (root.find("pre_tokenizer") == null && model.need("merges").elements().isEmpty()) {
          characters(model);
        } else {
          byteLevel(model);
        }
      }
      default ->
          throw model.unsupported(
              Malformed.quote(JsonModels.type(model)) + " has no kind of its own in GGUF");
    }
    TokenizerMetadata made = made();
    SameTokens.check(tokenizer, made);
    return made;
  }

  private TokenizerMetadata made() {
    return new TokenizerMetadata(root.source(), new LinkedHashMap<>(pairs));
  }

  // ---- byte-level BPE ----

  private void byteLevel(JsonPlace model) {
    refuse("normalizer", root.find("normalizer"));
    for (String key : List.of("unk_token", "continuing_subword_prefix", "end_of_word_suffix")) {
      JsonPlace value = model.find(key);
      if (value != null && !value.text().isEmpty() && !isAdded(value.text())) {
        throw value.unsupported("GGUF's byte-level BPE has no '" + key + "'");
      }
    }
    String pre = PreTokenizerNames.of(root, model.bool("ignore_merges", false));
    begin("gpt2", pre, false);
    tokens(text -> text);
    types(false);
    pairs.put(PREFIX + "merges", merges(model));
    frame();
  }

  /** A vocabulary of characters: byte-level BPE without merges, where a character is a byte. */
  private void characters(JsonPlace model) {
    refuse("normalizer", root.find("normalizer"));
    for (int id = 0; id < vocabulary.size(); id++) {
      String text = vocabulary.text(id);
      if (vocabulary.type(id) == TokenType.NORMAL
          && (text.length() != 1 || text.charAt(0) > 0x7F)) {
        throw model.unsupported(
            "GGUF spells text in bytes, so of a vocabulary of characters only ASCII can be"
                + " written, and "
                + Malformed.quote(text)
                + " is not; take a byte-level BPE vocabulary");
      }
    }
    begin("gpt2", "gpt-2", false);
    tokens(ByteLevelAlphabet::encode);
    types(false);
    pairs.put(PREFIX + "merges", List.of());
    frame();
  }

  private boolean isAdded(String text) {
    int id = vocabulary.id(text);
    return id >= 0 && vocabulary.type(id) != TokenType.NORMAL;
  }

  private static List<String> merges(JsonPlace model) {
    List<String> lines = new ArrayList<>();
    for (JsonPlace merge : model.need("merges").elements()) {
      lines.add(
          merge.node().isTextual()
              ? merge.text()
              : merge.elements().get(0).text() + " " + merge.elements().get(1).text());
    }
    return lines;
  }

  // ---- BPE with byte fallback ----

  /**
   * In GGUF a piece has a score, and of two neighbours that make a piece those with the best score
   * are merged first; here a pair of pieces has a rank. A piece's score is the rank of the first
   * pair that makes it. Whether the text begins with a space is found out by trying.
   */
  private TokenizerMetadata sentencePiece(JsonPlace model) {
    begin("llama", "default", true);
    tokens(text -> text);
    pairs.put(PREFIX + "scores", scores(model));
    types(true);
    frame();
    pairs.put(PREFIX + "add_space_prefix", true);
    TokenizerMetadata prefixed = made();
    String text = SameTokens.difference(tokenizer, prefixed);
    if (text == null) {
      return prefixed;
    }
    Map<String, Object> other = new LinkedHashMap<>(pairs);
    other.put(PREFIX + "add_space_prefix", false);
    TokenizerMetadata plain = new TokenizerMetadata(root.source(), other);
    if (SameTokens.difference(tokenizer, plain) == null) {
      return plain;
    }
    throw SameTokens.refusal(prefixed, text);
  }

  private float[] scores(JsonPlace model) {
    float[] scores = new float[size];
    List<String> merges = merges(model);
    Arrays.fill(scores, Float.NaN);
    for (int rank = 0; rank < merges.size(); rank++) {
      int id = vocabulary.id(merges.get(rank).replace(" ", ""));
      if (id >= 0 && Float.isNaN(scores[id])) {
        scores[id] = -rank;
      }
    }
    // What no merge makes comes after all that one does; tokens that are not text have no score.
    for (int id = 0; id < size; id++) {
      if (Float.isNaN(scores[id])) {
        boolean text = id < vocabulary.size() && vocabulary.type(id) == TokenType.NORMAL;
        scores[id] = text ? -(float) (merges.size() + id) : 0;
      }
    }
    return scores;
  }

  // ---- WordPiece ----

  private void wordPiece(JsonPlace model) {
    String marker = model.text("continuing_subword_prefix", "##");
    if (!marker.equals("##")) {
      throw model.unsupported(
          "GGUF knows continuing pieces by ##, and these begin with " + Malformed.quote(marker));
    }
    JsonPlace normalizer = root.need("normalizer").needObject();
    JsonPlace pre = root.need("pre_tokenizer").needObject();
    if (!normalizer.text("type").equals("BertNormalizer")
        || !normalizer.bool("clean_text", true)
        || !normalizer.bool("handle_chinese_chars", true)) {
      throw normalizer.unsupported(
          "GGUF's WordPiece cleans texts as a BertNormalizer with clean_text and"
              + " handle_chinese_chars does, and in no other way");
    }
    if (!pre.text("type").equals("BertPreTokenizer")) {
      throw pre.unsupported("GGUF's WordPiece splits texts as a BertPreTokenizer does");
    }
    begin("bert", "default", false);
    int cls = needed(SpecialRole.CLS);
    int sep = needed(SpecialRole.SEP);
    needed(SpecialRole.UNK);
    // Readers take the token at the beginning and at the end for these.
    roles.putIfAbsent(SpecialRole.BOS, cls);
    roles.putIfAbsent(SpecialRole.EOS, sep);
    tokens(text -> text.startsWith(marker) ? text.substring(marker.length()) : "\u2581" + text);
    types(false);
    boolean lowercase = normalizer.bool("lowercase", true);
    pairs.put(PREFIX + "normalizer.lowercase", lowercase);
    pairs.put(PREFIX + "normalizer.strip_accents", normalizer.bool("strip_accents", lowercase));
    ids();
    Frame frame = Frame.of(tokenizer);
    if (!frame.before.equals(List.of(cls)) || !frame.after.equals(List.of(sep))) {
      throw root.unsupported(
          "GGUF's WordPiece puts cls before a text and sep after it, and this tokenizer doesn't");
    }
  }

  private int needed(SpecialRole role) {
    Integer id = roles.get(role);
    if (id == null) {
      throw Malformed.at(
          root.source(),
          "added_tokens",
          "GGUF's WordPiece needs tokens for cls, sep and unk, and there is none for "
              + role
              + "; name it in tokenizer_config.json");
    }
    return id;
  }

  // ---- what all have ----

  private void begin(String model, String pre, boolean mayStrip) {
    pairs.put(PREFIX + "model", model);
    pairs.put(PREFIX + "pre", pre);
    for (JsonPlace added : root.list("added_tokens")) {
      for (String key : List.of("single_word", "lstrip", "rstrip")) {
        if (!mayStrip && added.bool(key, false)) {
          throw added.unsupported(
              "GGUF can't say that "
                  + Malformed.quote(added.text("content"))
                  + " has "
                  + key
                  + "; set it to false");
        }
      }
    }
  }

  private void refuse(String key, @Nullable JsonPlace place) {
    if (place != null) {
      throw place.unsupported(
          "GGUF's byte-level BPE has no " + key + "; set it to null if it changes nothing");
    }
  }

  /** Spells a token in GGUF. */
  private interface Spelling {
    String of(String text);
  }

  private void tokens(Spelling spelling) {
    List<String> tokens = new ArrayList<>(size);
    for (int id = 0; id < size; id++) {
      if (id >= vocabulary.size() || vocabulary.type(id) == TokenType.UNUSED) {
        tokens.add("[PAD" + id + "]");
      } else {
        String text = vocabulary.text(id);
        tokens.add(vocabulary.type(id) == TokenType.NORMAL ? spelling.of(text) : text);
      }
    }
    pairs.put(PREFIX + "tokens", tokens);
  }

  private void types(boolean withUnknown) {
    int[] types = new int[size];
    for (int id = 0; id < size; id++) {
      TokenType type = id < vocabulary.size() ? vocabulary.type(id) : TokenType.UNUSED;
      boolean control = type == TokenType.UNKNOWN && !withUnknown;
      types[id] = (control ? TokenType.CONTROL : type).code();
    }
    pairs.put(PREFIX + "token_type", types);
  }

  private void ids() {
    ROLE_KEYS.forEach(
        (role, key) -> {
          Integer id = roles.get(role);
          if (id != null && id < vocabulary.size()) {
            pairs.put(PREFIX + key, id);
          }
        });
  }

  /**
   * The ids with a role, and which of them stand around a text. An encoder's text begins with cls
   * and ends with sep; GGUF has these stand for the tokens at the beginning and at the end.
   */
  private void frame() {
    Frame frame = Frame.of(tokenizer);
    standIn(SpecialRole.BOS, SpecialRole.CLS, frame.before);
    standIn(SpecialRole.EOS, SpecialRole.SEP, frame.after);
    ids();
    pairs.put(PREFIX + "add_bos_token", isOnly(frame.before, SpecialRole.BOS, "before"));
    pairs.put(PREFIX + "add_eos_token", isOnly(frame.after, SpecialRole.EOS, "after"));
  }

  private void standIn(SpecialRole role, SpecialRole other, List<Integer> ids) {
    Integer id = roles.get(other);
    if (id != null && ids.equals(List.of(id))) {
      roles.putIfAbsent(role, id);
    }
  }

  private boolean isOnly(List<Integer> ids, SpecialRole role, String where) {
    if (ids.isEmpty()) {
      return false;
    }
    if (ids.size() != 1 || !ids.getFirst().equals(roles.get(role))) {
      throw root.unsupported(
          "the tokenizer puts the tokens "
              + ids
              + " "
              + where
              + " a text; GGUF can say this of the "
              + role
              + " token alone, which is "
              + roles.get(role));
    }
    return true;
  }

  /** What a tokenizer puts around a text. */
  private record Frame(List<Integer> before, List<Integer> after) {
    static Frame of(Tokenizer tokenizer) {
      for (int id = 0; id < tokenizer.vocabularySize(); id++) {
        if (tokenizer.vocabulary().type(id) != TokenType.NORMAL) {
          continue;
        }
        String text = tokenizer.decode(id);
        int[] inner = tokenizer.encode(text);
        int[] whole = tokenizer.encode(text, EncodeOptions.ADD_SPECIAL);
        if (inner.length > 0) {
          int extra = whole.length - inner.length;
          for (int before = 0; before <= extra; before++) {
            if (Arrays.equals(whole, before, before + inner.length, inner, 0, inner.length)) {
              return new Frame(
                  list(whole, 0, before), list(whole, before + inner.length, whole.length));
            }
          }
        }
      }
      return new Frame(List.of(), List.of());
    }

    private static List<Integer> list(int[] ids, int from, int to) {
      return Arrays.stream(ids, from, to).boxed().toList();
    }
  }
}
