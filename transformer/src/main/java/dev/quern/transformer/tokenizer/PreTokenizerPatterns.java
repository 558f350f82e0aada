package dev.quern.transformer.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The pre-tokenizers that {@code tokenizer.ggml.pre} names: the patterns, applied one after another
 * to the pieces of the one before, and the two settings that go with a name.
 *
 * <p>Source: the behaviour of ggml's {@code llama-vocab} for GGUF files, which is what their
 * authors check them against. Where it reads a pattern more coarsely than the model's own {@code
 * tokenizer.json} does, the table does as ggml does: every letter beyond ASCII counts as upper and
 * as lower case for {@code tekken} and {@code gpt-4o}, and white space beyond ASCII is in no range
 * of characters.
 */
final class PreTokenizerPatterns {
  /** What is done about digits besides the patterns. */
  enum Digits {
    /** Nothing. */
    NOTHING,
    /** Runs are split into groups of three before the patterns. */
    GROUPED_BEFORE,
    /** Runs are cut before each group of three after the patterns. */
    CUT_AFTER
  }

  /**
   * A pre-tokenizer.
   *
   * @param patterns what to split by, in order
   * @param digits what is done about digits that no pattern does in linear time
   * @param ignoreMerges a piece that is a token as a whole is that token, whatever its merges say
   * @param addBos whether a file that doesn't say so wants a token at the beginning
   */
  record Family(List<String> patterns, Digits digits, boolean ignoreMerges, boolean addBos) {
    Family(String... patterns) {
      this(List.of(patterns), Digits.NOTHING, false, false);
    }

    Family withIgnoreMerges() {
      return new Family(patterns, digits, true, addBos);
    }

    Family withBos() {
      return new Family(patterns, digits, ignoreMerges, true);
    }

    Family with(Digits newDigits) {
      return new Family(patterns, newDigits, ignoreMerges, addBos);
    }

    PreTokenizer preTokenizer() {
      List<PreTokenizer> steps = new ArrayList<>();
      if (digits == Digits.GROUPED_BEFORE) {
        steps.add(new DigitGroups(Unicode.NUMBERS, false, true));
      }
      for (String pattern : patterns) {
        steps.add(PatternSplit.isolating(pattern));
      }
      if (digits == Digits.CUT_AFTER) {
        steps.add(new ThousandsCuts());
      }
      return PreTokenizer.sequence(steps);
    }
  }

  private static final String BLANKS = "\\s+(?!\\S)|\\s+";
  private static final String LINES = "\\s*[\\r\\n]+|" + BLANKS;
  private static final String GPT2 =
      "'(?:[stmd]|re|ve|ll)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|" + BLANKS;
  private static final String CONTRACTION = "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])";
  private static final String WORD = "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
  private static final String SIGNS = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*";
  private static final String LLAMA3 =
      CONTRACTION + "|" + WORD + "|\\p{N}{1,3}|" + SIGNS + "|" + LINES;
  private static final String QWEN2 = CONTRACTION + "|" + WORD + "|\\p{N}|" + SIGNS + "|" + LINES;
  private static final String DIGIT = "\\p{N}";
  private static final String DIGITS3 = "\\p{N}{1,3}";

  /** Letters that aren't small ASCII ones, then letters that aren't capital ASCII ones. */
  private static final String CAPITAL = "[\\p{L}&&[^a-z]]";

  private static final String SMALL = "[\\p{L}&&[^A-Z]]";
  private static final String SIGNS_AND_SLASHES = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*";

  private static final String ASCII_SIGN = "[!-/:-@\\[-`{-~]";
  private static final String KANJI_AND_KANA = "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{30FF}]+";
  private static final String DEEPSEEK_WORDS =
      ASCII_SIGN
          + "[A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
          + "| ?[\\p{P}\\p{S}]+[\\r\\n]*|"
          + LINES;

  /** Cased letters as an older version of Unicode knew them. */
  private static final String DEEPSEEK_LETTERS =
      "[\\p{Lu}\\p{Ll}\\p{Lt}&&[^\\x{560}-\\x{588}\\x{10C7}-\\x{10FF}\\x{1C80}-\\x{1C8F}"
          + "\\x{2D00}-\\x{2D2D}\\x{A790}-\\x{A7FF}\\x{AB30}-\\x{AB68}\\x{10570}-\\x{105BC}"
          + "\\x{10D50}-\\x{10D85}\\x{16E40}-\\x{1E8FF}]]";

  private static final String DEEPSEEK_SIGNS =
      "\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3001}\\x{3002}]+";
  private static final String DEEPSEEK_EAST_ASIAN =
      "[\\x{4E00}-\\x{9FA5}\\x{0800}-\\x{4E00}\\x{AC00}-\\x{D7FF}&&\\S]+";

  private static final String BLOOM_WORDS =
      " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{FF0C}\\x{3001}\\x{0964}\\x{06D4}\\x{060C})]+";

  private static final String YOUTU_SCRIPTS =
      "[\\x{AC00}-\\x{D7A3}\\x{3131}-\\x{318E}]+"
          + "|[\\x{FF01}\\x{2026}\\x{201C}\\x{201D}\\x{2018}\\x{2019}\\x{2014}\\x{FF1A}\\x{FF1B}"
          + "\\x{FF0C}\\x{3001}-\\x{303F}\\x{FE30}-\\x{FE4F}]+"
          + "|[\\x{3105}-\\x{312F}]+|"
          + KANJI_AND_KANA;

  private static final String AFMOE_SCRIPTS =
      "[\\x{4E00}-\\x{9FFF}\\x{3400}-\\x{4DBF}\\x{8C48}-\\x{FAFF}\\x{3040}-\\x{30FF}"
          + "\\x{FF65}-\\x{FF9F}\\x{2F00}-\\x{2FDF}\\x{0E40}-\\x{0EFF}\\x{1780}-\\x{17FF}"
          + "\\x{1000}-\\x{109F}\\x{AA60}-\\x{AA7F}\\x{A9E0}-\\x{A9FF}\\x{AC00}-\\x{D7AF}"
          + "\\x{1100}-\\x{11FF}]+";

  private static final Map<String, Family> FAMILIES = new TreeMap<>();

  static {
    put(new Family("[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"), "default");
    put(
        new Family(GPT2),
        "gpt-2 phi-2 jina-es jina-de gigachat jina-v1-en jina-v2-es jina-v2-de jina-v2-code"
            + " roberta-bpe a.x-4.0 mellum modern-bert mpt olmo jais exaone4 trillion"
            + " granite-docling");
    put(
        new Family(LLAMA3).withIgnoreMerges().withBos(),
        "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano");
    put(new Family(LLAMA3), "dbrx smaug-bpe chatglm-bpe glm4");
    put(
        new Family(QWEN2),
        "qwen2 deepseek-r1-qwen kormo f2llmv2 stablelm2 hunyuan solar-open megrez grok-2");
    put(
        new Family(
            CONTRACTION
                + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
                + "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|"
                + LINES),
        "qwen35");
    put(
        new Family(DIGIT, GPT2),
        "starcoder refact command-r smollm codeshell exaone minerva-7b mellum2");
    put(new Family("[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"), "falcon");
    put(
        new Family(
            "[\\r\\n]",
            "\\s?" + DEEPSEEK_LETTERS + "+",
            DEEPSEEK_SIGNS,
            "\\s+\\z",
            DEEPSEEK_EAST_ASIAN,
            "\\p{N}+"),
        "deepseek-llm");
    put(
        new Family("[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", DEEPSEEK_EAST_ASIAN, DIGIT),
        "deepseek-coder");
    put(new Family(DIGITS3, KANJI_AND_KANA, DEEPSEEK_WORDS), "deepseek-v3 hunyuan-dense joyai-llm");
    put(new Family(AFMOE_SCRIPTS, DEEPSEEK_WORDS).with(Digits.GROUPED_BEFORE), "afmoe");
    put(new Family(BLOOM_WORDS), "bloom gpt3-finnish poro-chat");
    put(new Family(BLOOM_WORDS, DIGIT), "viking");
    put(
        new Family(casedWords("", "") + "|\\p{N}|" + SIGNS_AND_SLASHES + "|" + LINES)
            .withIgnoreMerges()
            .withBos(),
        "tekken");
    put(
        new Family(casedWords("", contractionAfter()) + "|" + gpt4oRest()),
        "gpt-4o llama4 kanana2 talkie minimax-m2");
    put(
        new Family(casedWords("\\p{M}", contractionAfter()) + "|" + gpt4oRest()).withIgnoreMerges(),
        "granite-embed-multi-97m");
    put(
        new Family(anyCaseWords() + "|" + gpt4oRest()).with(Digits.GROUPED_BEFORE),
        "tiny_aya cohere2moe");
    put(
        new Family(YOUTU_SCRIPTS, anyCaseWords() + "|\\p{N}|" + SIGNS_AND_SLASHES + "|" + LINES)
            .withIgnoreMerges(),
        "youtu");
    put(
        new Family(
                "<sentinel:[0-9]+>",
                "IMGIMG[A-I]{1,4}Z",
                "[\\t\\n]|    |  ",
                DIGIT,
                "[\\p{P}!-/:-@\\[-`{-~]",
                GPT2)
            .withBos(),
        "chameleon");
    put(new Family("\\p{N}+").with(Digits.CUT_AFTER), "superbpe");
    put(
        new Family(
            "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|"
                + WORD
                + "|\\p{N}|"
                + SIGNS
                + "|\\s*[\\r\\n]|"
                + BLANKS),
        "bailingmoe bailingmoe2 llada-moe");
    put(
        new Family(CONTRACTION + "|" + WORD + "|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" + LINES),
        "seed-coder");
    put(new Family("[^\\n]+|\\n+", QWEN2), "laguna");
    put(
        new Family(
            CONTRACTION
                + "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+"
                + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|"
                + BLANKS),
        "exaone-moe");
    put(
        new Family(DIGITS3, CONTRACTION + "|" + WORD + "|\\p{N}+|" + SIGNS + "|" + LINES)
            .withIgnoreMerges(),
        "minicpm5");
    put(
        new Family(
            CONTRACTION
                + "|"
                + WORD
                + "|\\p{N}{1,3}|"
                + SIGNS
                + "|\\s*[\\r\\n]+|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)"
                + "|\\s{32}(?!\\S)|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s"),
        "jais-2");
  }

  private PreTokenizerPatterns() {}

  /** The pre-tokenizer of a name. */
  static Family of(String source, String key, String name) {
    Family family = FAMILIES.get(name);
    if (family == null) {
      throw Malformed.unsupported(
          source,
          key,
          "no pre-tokenizer is called "
              + Malformed.quote(name)
              + "; known are "
              + String.join(", ", names()));
    }
    return family;
  }

  /** All names, in alphabetical order. */
  static Set<String> names() {
    return new TreeSet<>(FAMILIES.keySet());
  }

  private static void put(Family family, String names) {
    for (String name : names.split(" ", -1)) {
      FAMILIES.put(name, family);
    }
  }

  private static String contractionAfter() {
    return "(?:" + CONTRACTION + ")?";
  }

  private static String gpt4oRest() {
    return "\\p{N}{1,3}|" + SIGNS_AND_SLASHES + "|" + LINES;
  }

  /** Words as capitals followed by small letters, where letters beyond ASCII are both. */
  private static String casedWords(String marks, String suffix) {
    String capital = marks.isEmpty() ? CAPITAL : "[\\p{L}" + marks + "&&[^a-z]]";
    String small = marks.isEmpty() ? SMALL : "[\\p{L}" + marks + "&&[^A-Z]]";
    String before = "[^\\r\\n\\p{L}\\p{N}]?";
    return before + capital + "*" + small + "+" + suffix + "|" + before + capital + "+" + small
        + "*" + suffix;
  }

  /** Words whose pattern ggml reads with one class for letters of either case, and with marks. */
  private static String anyCaseWords() {
    return "[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+" + contractionAfter();
  }
}
