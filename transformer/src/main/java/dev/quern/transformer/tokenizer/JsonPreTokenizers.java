package dev.quern.transformer.tokenizer;

import dev.quern.transformer.tokenizer.PatternSplit.Behavior;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The pre-tokenizers of a {@code tokenizer.json}. A last step that spells bytes is left to the
 * model, which does it without making strings.
 */
final class JsonPreTokenizers {
  static final String GPT2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
  private static final String DIGIT_GROUPS = "\\d{1,3}(?=(?:\\d{3})*\\b)";
  private static final String SIGN = "[\\p{P}!-/:-@\\[-`{-~]";
  private static final String WORD = "\\w\\x{200C}\\x{200D}";

  private final List<PreTokenizer> steps = new ArrayList<>();
  private boolean spellsBytes;

  private JsonPreTokenizers() {}

  /**
   * A reader's result.
   *
   * @param preTokenizer the steps, without a last one that spells bytes
   * @param spellsBytes whether there is such a last one
   */
  record Result(PreTokenizer preTokenizer, boolean spellsBytes) {}

  /** Reads a pre-tokenizer; null is the one that does nothing. */
  static Result read(@Nullable JsonPlace place) {
    JsonPreTokenizers reader = new JsonPreTokenizers();
    if (place != null) {
      reader.add(place);
    }
    return new Result(PreTokenizer.sequence(reader.steps), reader.spellsBytes);
  }

  /** Compiles a pattern, and says where it stands if it can't be compiled. */
  static PatternProgram compile(JsonPlace place) {
    try {
      return PatternProgram.compile(place.text());
    } catch (PatternSyntax e) {
      throw place.unsupported(String.valueOf(e.getMessage()));
    }
  }

  /** A pre-tokenizer that spells bytes, where the model can't do it. */
  static final PreTokenizer BYTE_SPELLING =
      (chars, from, to, first, out) -> {
        char[] spelled = ByteLevelAlphabet.encode(new String(chars, from, to - from)).toCharArray();
        if (spelled.length > 0) {
          out.piece(spelled, 0, spelled.length, first);
        }
      };

  private void add(JsonPlace place) {
    String type = place.needObject().text("type");
    if (!type.equals("Sequence") && spellsBytes) {
      steps.add(BYTE_SPELLING);
      spellsBytes = false;
    }
    switch (type) {
      case "Sequence" -> place.need("pretokenizers").elements().forEach(this::add);
      case "ByteLevel" -> {
        if (place.bool("add_prefix_space", true)) {
          steps.add(JsonPreTokenizers::prefixSpace);
        }
        if (place.bool("use_regex", true)) {
          steps.add(PatternSplit.isolating(GPT2));
        }
        spellsBytes = true;
      }
      case "Split" -> steps.add(split(place));
      case "Metaspace" -> addMetaspace(place);
      case "BertPreTokenizer" -> {
        steps.add(of("\\s", Behavior.REMOVED, false));
        steps.add(of(SIGN, Behavior.ISOLATED, false));
      }
      case "Whitespace" ->
          steps.add(of("[" + WORD + "]+|[^" + WORD + "\\s]+", Behavior.REMOVED, true));
      case "WhitespaceSplit" -> steps.add(of("\\s", Behavior.REMOVED, false));
      case "Digits" -> {
        boolean single = place.bool("individual_digits", false);
        steps.add(of("\\p{N}", single ? Behavior.ISOLATED : Behavior.CONTIGUOUS, false));
      }
      case "Punctuation" -> {
        JsonPlace behavior = place.find("behavior");
        steps.add(of(SIGN, behavior == null ? Behavior.ISOLATED : behavior(behavior), false));
      }
      case "CharDelimiterSplit" ->
          steps.add(of(literal(place.text("delimiter")), Behavior.REMOVED, false));
      default ->
          throw place.unsupported(
              "the pre-tokenizer " + Malformed.quote(type) + " is not supported yet");
    }
  }

  private static PreTokenizer of(String pattern, Behavior behavior, boolean invert) {
    return new PatternSplit(PatternProgram.compile(pattern), behavior, invert);
  }

  private static PreTokenizer split(JsonPlace place) {
    JsonPlace pattern = place.need("pattern").needObject();
    JsonPlace literal = pattern.find("String");
    Behavior behavior = behavior(place.need("behavior"));
    boolean invert = place.bool("invert", false);
    if (literal != null) {
      if (literal.text().isEmpty()) {
        throw literal.wrong("a text to split at");
      }
      return of(literal(literal.text()), behavior, invert);
    }
    JsonPlace regex = pattern.need("Regex");
    if (regex.text().equals(DIGIT_GROUPS) && behavior == Behavior.ISOLATED && !invert) {
      return new DigitGroups(1 << Character.DECIMAL_DIGIT_NUMBER, true, false);
    }
    return new PatternSplit(compile(regex), behavior, invert);
  }

  private static Behavior behavior(JsonPlace place) {
    return switch (place.text()) {
      case "Removed" -> Behavior.REMOVED;
      case "Isolated" -> Behavior.ISOLATED;
      case "MergedWithPrevious" -> Behavior.MERGED_WITH_PREVIOUS;
      case "MergedWithNext" -> Behavior.MERGED_WITH_NEXT;
      case "Contiguous" -> Behavior.CONTIGUOUS;
      default ->
          throw place.wrong("Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
    };
  }

  /** A pattern that matches a text and nothing else. */
  private static String literal(String text) {
    StringBuilder pattern = new StringBuilder();
    text.codePoints().forEach(c -> pattern.append(String.format("\\x{%X}", c)));
    return pattern.toString();
  }

  private static void prefixSpace(
      char[] chars, int from, int to, boolean first, PreTokenizer.Sink out) {
    prefix(' ', true, chars, from, to, first, out);
  }

  private static void prefix(
      char mark,
      boolean wanted,
      char[] chars,
      int from,
      int to,
      boolean first,
      PreTokenizer.Sink out) {
    if (from == to) {
      return;
    }
    if (!wanted || chars[from] == mark) {
      out.piece(chars, from, to, first);
      return;
    }
    char[] longer = new char[1 + to - from];
    longer[0] = mark;
    System.arraycopy(chars, from, longer, 1, to - from);
    out.piece(longer, 0, longer.length, first);
  }

  private void addMetaspace(JsonPlace place) {
    String replacement = place.text("replacement", String.valueOf(Unicode.SPACE_MARK));
    if (replacement.length() != 1) {
      throw place.unsupported("a replacement of more than one UTF-16 unit is not supported");
    }
    char mark = replacement.charAt(0);
    String scheme = prependScheme(place);
    steps.add(
        (chars, from, to, first, out) -> {
          char[] marked = java.util.Arrays.copyOfRange(chars, from, to);
          for (int i = 0; i < marked.length; i++) {
            marked[i] = marked[i] == ' ' ? mark : marked[i];
          }
          boolean wanted = scheme.equals("always") || (scheme.equals("first") && first);
          prefix(mark, wanted, marked, 0, marked.length, first, out);
        });
    if (place.bool("split", true)) {
      steps.add(of(literal(replacement), Behavior.MERGED_WITH_NEXT, false));
    }
  }

  /** Where a Metaspace puts its mark: always, first or never. */
  static String prependScheme(JsonPlace place) {
    JsonPlace scheme = place.find("prepend_scheme");
    if (scheme == null) {
      return place.bool("add_prefix_space", true) ? "always" : "never";
    }
    String text = scheme.text();
    if (!text.equals("always") && !text.equals("first") && !text.equals("never")) {
      throw scheme.wrong("always, first or never");
    }
    return text;
  }
}
