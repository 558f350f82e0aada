package dev.quern.transformer.tokenizer;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.function.UnaryOperator;

/** The normalizers of a {@code tokenizer.json}. */
final class JsonNormalizers {
  /** Runs of combining marks longer than this are normalised in parts, as UAX 15 suggests. */
  private static final int MAX_MARKS = 4096;

  private JsonNormalizers() {}

  /** Reads a normalizer. */
  static UnaryOperator<String> read(JsonPlace place) {
    String type = place.needObject().text("type");
    return switch (type) {
      case "Sequence" -> {
        List<UnaryOperator<String>> steps = new ArrayList<>();
        for (JsonPlace step : place.need("normalizers").elements()) {
          steps.add(read(step));
        }
        yield text -> {
          String result = text;
          for (UnaryOperator<String> step : steps) {
            result = step.apply(result);
          }
          return result;
        };
      }
      case "Prepend" -> {
        String prefix = place.text("prepend");
        yield text -> text.isEmpty() ? text : prefix + text;
      }
      case "Replace" -> replace(place);
      case "NFC" -> text -> canonical(text, Normalizer.Form.NFC);
      case "NFD" -> text -> canonical(text, Normalizer.Form.NFD);
      case "NFKC" -> text -> canonical(text, Normalizer.Form.NFKC);
      case "NFKD" -> text -> canonical(text, Normalizer.Form.NFKD);
      case "Lowercase" -> JsonNormalizers::lowercase;
      case "StripAccents" -> text -> without(text, c -> Unicode.isOf(c, Unicode.MARKS));
      case "Strip" -> {
        boolean left = place.bool("strip_left", false);
        boolean right = place.bool("strip_right", false);
        yield text -> strip(text, left, right);
      }
      case "BertNormalizer" -> bert(place);
      case "ByteLevel" -> ByteLevelAlphabet::encode;
      default ->
          throw place.unsupported(
              "the normalizer " + Malformed.quote(type) + " is not supported yet");
    };
  }

  private static UnaryOperator<String> replace(JsonPlace place) {
    String content = place.text("content");
    JsonPlace pattern = place.need("pattern").needObject();
    JsonPlace literal = pattern.find("String");
    if (literal != null) {
      String wanted = literal.text();
      return text -> wanted.isEmpty() ? text : text.replace(wanted, content);
    }
    PatternProgram program = JsonPreTokenizers.compile(pattern.need("Regex"));
    return text -> replaceAll(program, text, content);
  }

  private static String replaceAll(PatternProgram program, String text, String content) {
    char[] chars = text.toCharArray();
    PatternMatcher matcher = program.acquire();
    matcher.reset(chars, 0, chars.length);
    StringBuilder result = new StringBuilder(chars.length);
    int done = 0;
    int next = 0;
    while (next <= chars.length && matcher.find(next)) {
      result.append(chars, done, matcher.start() - done).append(content);
      done = matcher.end();
      boolean empty = matcher.start() == done;
      next = empty ? (done == chars.length ? done + 1 : text.offsetByCodePoints(done, 1)) : done;
    }
    program.release(matcher);
    return result.append(chars, done, chars.length - done).toString();
  }

  private static UnaryOperator<String> bert(JsonPlace place) {
    boolean clean = place.bool("clean_text", true);
    boolean ideographs = place.bool("handle_chinese_chars", true);
    boolean lowercase = place.bool("lowercase", true);
    boolean accents = place.bool("strip_accents", lowercase);
    return text -> {
      String result = text;
      if (clean) {
        result = clean(result);
      }
      if (ideographs) {
        result = spaceIdeographs(result);
      }
      if (accents) {
        result =
            without(
                canonical(result, Normalizer.Form.NFD),
                c -> Character.getType(c) == Character.NON_SPACING_MARK);
      }
      return lowercase ? lowercase(result) : result;
    };
  }

  /** Without control characters, and with a space for any white space. */
  private static String clean(String text) {
    StringBuilder result = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            c -> {
              if (c == '\t' || c == '\n' || c == '\r') {
                result.append(' ');
              } else if (c != 0 && c != 0xFFFD && !isControl(c)) {
                result.appendCodePoint(Unicode.isWhiteSpace(c) ? ' ' : c);
              }
            });
    return result.toString();
  }

  private static boolean isControl(int c) {
    int type = Character.getType(c);
    return type == Character.CONTROL || type == Character.FORMAT || type == Character.PRIVATE_USE;
  }

  private static String spaceIdeographs(String text) {
    StringBuilder result = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            c -> {
              if (Unicode.isIdeograph(c, false)) {
                result.append(' ').appendCodePoint(c).append(' ');
              } else {
                result.appendCodePoint(c);
              }
            });
    return result.toString();
  }

  private static String lowercase(String text) {
    StringBuilder result = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            c -> {
              if (c == 0x130) {
                // The one letter whose small form is two code points.
                result.append("i\u0307");
              } else {
                result.appendCodePoint(Character.toLowerCase(c));
              }
            });
    return result.toString();
  }

  private static String without(String text, IntPredicate dropped) {
    StringBuilder result = new StringBuilder(text.length());
    text.codePoints().filter(c -> !dropped.test(c)).forEach(result::appendCodePoint);
    return result.toString();
  }

  private static String strip(String text, boolean left, boolean right) {
    int from = 0;
    int to = text.length();
    while (left && from < to && Unicode.isWhiteSpace(text.charAt(from))) {
      from++;
    }
    while (right && to > from && Unicode.isWhiteSpace(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  /**
   * A Unicode normal form. Sorting combining marks takes quadratic time in the length of their run,
   * which no language's text makes long.
   */
  static String canonical(String text, Normalizer.Form form) {
    StringBuilder result = null;
    int done = 0;
    int marks = 0;
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) < 0x300) {
        marks = 0;
        continue;
      }
      int c = text.codePointAt(i);
      i += Character.charCount(c) - 1;
      marks = Unicode.isOf(c, Unicode.MARKS) ? marks + 1 : 0;
      if (marks > MAX_MARKS) {
        int end = i + 1;
        result = result == null ? new StringBuilder(text.length()) : result;
        result.append(Normalizer.normalize(text.substring(done, end), form));
        done = end;
        marks = 0;
      }
    }
    return result == null
        ? Normalizer.normalize(text, form)
        : result.append(Normalizer.normalize(text.substring(done), form)).toString();
  }
}
