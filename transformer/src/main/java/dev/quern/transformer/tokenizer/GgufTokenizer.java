package dev.quern.transformer.tokenizer;

import dev.quern.transformer.tokenizer.StreamingDecoder.DecodeChain;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Builds a tokenizer from the {@code tokenizer.ggml} keys of a GGUF file (GGUF specification,
 * "Tokenizer"), for the models {@code llama}, {@code gpt2} and {@code bert}.
 */
final class GgufTokenizer {
  private static final String PREFIX = "tokenizer.ggml.";
  private static final String MODEL = PREFIX + "model";
  private static final String TOKENS = PREFIX + "tokens";
  private static final String MERGES = PREFIX + "merges";
  private static final String SCORES = PREFIX + "scores";
  private static final String TYPES = PREFIX + "token_type";

  private static final Map<SpecialRole, String> ROLE_KEYS =
      Map.of(
          SpecialRole.BOS, "bos_token_id",
          SpecialRole.EOS, "eos_token_id",
          SpecialRole.EOT, "eot_token_id",
          SpecialRole.EOM, "eom_token_id",
          SpecialRole.UNK, "unknown_token_id",
          SpecialRole.SEP, "separator_token_id",
          SpecialRole.PAD, "padding_token_id",
          SpecialRole.CLS, "cls_token_id",
          SpecialRole.MASK, "mask_token_id");

  private static final Map<SpecialRole, Integer> LLAMA_DEFAULTS =
      Map.of(SpecialRole.BOS, 1, SpecialRole.EOS, 2, SpecialRole.UNK, 0);
  private static final Map<SpecialRole, Integer> BERT_DEFAULTS =
      Map.of(
          SpecialRole.PAD,
          0,
          SpecialRole.UNK,
          100,
          SpecialRole.CLS,
          101,
          SpecialRole.SEP,
          102,
          SpecialRole.MASK,
          103);

  private final TokenizerMetadata metadata;
  private final @Nullable String[] tokens;
  private final byte[] types;
  private Vocabulary vocabulary;

  private GgufTokenizer(TokenizerMetadata metadata) {
    this.metadata = metadata;
    @Nullable String[] strings = metadata.strings(TOKENS);
    if (strings == null || strings.length == 0) {
      throw Malformed.at(metadata.source(), TOKENS, "the vocabulary is missing or empty");
    }
    for (int i = 0; i < strings.length; i++) {
      String text = strings[i];
      if (text != null && text.isEmpty()) {
        strings[i] = null;
      }
    }
    this.tokens = strings;
    this.types = readTypes();
    this.vocabulary = Vocabulary.of(metadata.source(), TOKENS, tokens, types);
  }

  /** Builds the tokenizer that a file describes. */
  static Tokenizer load(TokenizerMetadata metadata) {
    String model = metadata.string(MODEL);
    if (model == null) {
      throw Malformed.at(metadata.source(), MODEL, "the file says nothing about its tokenizer");
    }
    return switch (model) {
      case "llama" -> new GgufTokenizer(metadata).sentencePiece();
      case "gpt2" -> new GgufTokenizer(metadata).bytePairs();
      case "bert" -> new GgufTokenizer(metadata).wordPiece();
      default ->
          throw Malformed.unsupported(
              metadata.source(),
              MODEL,
              "tokenizers of the kind "
                  + Malformed.quote(model)
                  + " are not supported yet; known are llama, gpt2, bert");
    };
  }

  private byte[] readTypes() {
    byte[] result = Vocabulary.allOfType(tokens.length, TokenType.NORMAL);
    int[] codes = metadata.ints(TYPES);
    if (codes == null) {
      return result;
    }
    checkLength(TYPES, codes.length);
    for (int i = 0; i < codes.length; i++) {
      result[i] = TokenType.ofCode(codes[i]).code();
    }
    return result;
  }

  private void checkLength(String key, int length) {
    if (length != tokens.length) {
      throw Malformed.at(
          metadata.source(), key, length + " entries for " + tokens.length + " tokens");
    }
  }

  private Tokenizer sentencePiece() {
    float[] scores = metadata.floats(SCORES);
    if (scores == null) {
      throw Malformed.at(metadata.source(), SCORES, "the scores are missing");
    }
    checkLength(SCORES, scores.length);
    for (int i = 0; i < scores.length; i++) {
      if (Float.isNaN(scores[i])) {
        throw Malformed.at(metadata.source(), SCORES + "[" + i + "]", "the score is not a number");
      }
    }
    Map<SpecialRole, Integer> roles = roles(LLAMA_DEFAULTS);
    boolean prefix = metadata.bool(PREFIX + "add_space_prefix", true);
    PieceModel model =
        new SentencePieceModel(
            vocabulary,
            scores,
            roles.getOrDefault(SpecialRole.UNK, Vocabulary.NONE),
            SpaceMarks.onlyLead(tokens));
    DecodeChain decoding =
        DecodeChain.of(
            vocabulary,
            id -> spelling(id, Spelling.MARKED),
            (options, last) ->
                prefix && !options.continuation()
                    ? new DecodeStage.StripStart(last, (byte) ' ', 1)
                    : last);
    List<Integer> before = frame("add_bos_token", true, SpecialRole.BOS, roles);
    List<Integer> after = frame("add_eos_token", false, SpecialRole.EOS, roles);
    return tokenizer(roles, new MarkedText(prefix), model, before, after, decoding);
  }

  private Tokenizer bytePairs() {
    String preKey = PREFIX + "pre";
    PreTokenizerPatterns.Family family =
        PreTokenizerPatterns.of(metadata.source(), preKey, metadata.string(preKey, "default"));
    @Nullable String[] merges = metadata.strings(MERGES);
    if (merges == null) {
      throw Malformed.at(metadata.source(), MERGES, "the merges are missing");
    }
    PairTable table = Merges.read(metadata.source(), MERGES, vocabulary, merges, 0);
    Map<SpecialRole, Integer> roles = roles(Map.of());
    PieceModel model =
        new BpeModel(vocabulary, table, BpeModel.Settings.overBytes(family.ignoreMerges()), false);
    DecodeChain decoding =
        DecodeChain.of(vocabulary, id -> spelling(id, Spelling.BYTES), (options, last) -> last);
    List<Integer> before = frame("add_bos_token", family.addBos(), SpecialRole.BOS, roles);
    List<Integer> after = frame("add_eos_token", false, SpecialRole.EOS, roles);
    return tokenizer(roles, family.preTokenizer(), model, before, after, decoding);
  }

  private Tokenizer wordPiece() {
    Map<SpecialRole, Integer> roles = roles(BERT_DEFAULTS);
    if (metadata.has(PREFIX + "bos_token_id")) {
      roles.put(SpecialRole.CLS, roles.get(SpecialRole.BOS));
    }
    Integer unknown = roles.get(SpecialRole.UNK);
    Integer cls = roles.get(SpecialRole.CLS);
    Integer sep = roles.get(SpecialRole.SEP);
    if (unknown == null || cls == null || sep == null) {
      throw Malformed.at(
          metadata.source(),
          PREFIX + (unknown == null ? "unknown" : cls == null ? "cls" : "separator") + "_token_id",
          "a word-piece vocabulary needs it");
    }
    boolean lowercase = metadata.bool(PREFIX + "normalizer.lowercase", true);
    boolean stripAccents = metadata.bool(PREFIX + "normalizer.strip_accents", lowercase);
    PieceModel model =
        new WordPieceModel(
            vocabulary, unknown, String.valueOf(Unicode.SPACE_MARK), "", Integer.MAX_VALUE);
    DecodeChain decoding =
        DecodeChain.of(
            vocabulary,
            id -> spelling(id, Spelling.MARKED),
            (options, last) -> new DecodeStage.CleanSpaces(last));
    return tokenizer(
        roles,
        new GgufBertWords(lowercase, stripAccents),
        model,
        List.of(cls),
        List.of(sep),
        decoding);
  }

  private Tokenizer tokenizer(
      Map<SpecialRole, Integer> roles,
      PreTokenizer preTokenizer,
      PieceModel model,
      List<Integer> before,
      List<Integer> after,
      DecodeChain decoding) {
    Set<Integer> ends = EndOfGeneration.detect(vocabulary, types, roles);
    vocabulary = vocabulary.with(roles, ends);
    String name = metadata.string("general.name", "").toLowerCase(Locale.ROOT);
    String pre = metadata.string(PREFIX + "pre", "");
    String architecture = metadata.string("general.architecture", "");
    boolean jina =
        pre.startsWith("jina-v2-")
            || architecture.equals("nomic-bert-moe")
            || architecture.equals("jina-bert-v3");
    boolean phi3 = name.contains("phi-3") || name.contains("phi3");
    // GGUF has no key for the white space that a token swallows; readers go by the model's name.
    Predicate<String> stripLeft =
        text ->
            (jina && text.equals("<mask>"))
                || (name.contains("modern-bert") && text.equals("[MASK]"));
    Set<String> keeps = Set.of("<unk>", "<s>", "<|endoftext|>");
    Predicate<String> stripRight = text -> phi3 && !keeps.contains(text);
    return new PipelineTokenizer(
        vocabulary,
        new GgufTokenFinder(vocabulary, stripLeft, stripRight),
        null,
        TokenFinder.NONE,
        preTokenizer,
        true,
        model,
        before,
        after,
        decoding);
  }

  private Map<SpecialRole, Integer> roles(Map<SpecialRole, Integer> defaults) {
    Map<SpecialRole, Integer> roles = Vocabulary.noRoles();
    defaults.forEach(
        (role, id) -> {
          if (id < tokens.length) {
            roles.put(role, id);
          }
        });
    ROLE_KEYS.forEach((role, key) -> read(roles, role, PREFIX + key));
    // The specification misspells this one, and files follow it.
    read(roles, SpecialRole.SEP, PREFIX + "seperator_token_id");
    return roles;
  }

  private void read(Map<SpecialRole, Integer> roles, SpecialRole role, String key) {
    int id = metadata.id(key, tokens.length);
    if (id >= 0) {
      roles.put(role, id);
    }
  }

  private List<Integer> frame(
      String flag, boolean fallback, SpecialRole role, Map<SpecialRole, Integer> roles) {
    boolean wanted = metadata.bool(PREFIX + flag, fallback);
    Integer id = roles.get(role);
    if (wanted && id == null && metadata.has(PREFIX + flag)) {
      throw Malformed.at(
          metadata.source(),
          PREFIX + flag,
          "it is true, and there is no " + PREFIX + ROLE_KEYS.get(role));
    }
    return wanted && id != null ? List.of(id) : List.of();
  }

  private enum Spelling {
    MARKED,
    BYTES
  }

  private byte[] spelling(int id, Spelling spelling) {
    String text = vocabulary.text(id);
    return switch (vocabulary.type(id)) {
      case NORMAL ->
          spelling == Spelling.BYTES
              ? ByteLevelAlphabet.decode(text)
              : text.replace(Unicode.SPACE_MARK, ' ').getBytes(StandardCharsets.UTF_8);
      case BYTE -> Merges.byteOf(text, DecodeStage.NOTHING);
      case UNUSED -> DecodeStage.NOTHING;
      case UNKNOWN, CONTROL, USER_DEFINED -> text.getBytes(StandardCharsets.UTF_8);
    };
  }
}
