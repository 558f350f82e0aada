package dev.quern.transformer.tokenizer;

import dev.quern.transformer.tokenizer.CharSet.Rule;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Reads classes, {@code [...]}, and the escapes that stand for characters, for a pattern. */
final class PatternClassParser {
  private static final int MAX_DEPTH = 30;
  private static final Rule HEX_DIGIT =
      new CharSet.Union(List.of(range('0', '9'), range('A', 'F'), range('a', 'f')));

  private final PatternParser input;
  private int depth;

  PatternClassParser(PatternParser input) {
    this.input = input;
  }

  static Rule range(int first, int last) {
    return new CharSet.Range(first, last);
  }

  /** Reads a class whose opening bracket is consumed. */
  Rule parse() {
    if (++depth > MAX_DEPTH) {
      throw input.error("classes nested deeper than " + MAX_DEPTH);
    }
    boolean negated = input.accept('^');
    List<Rule> intersection = new ArrayList<>();
    List<Rule> union = new ArrayList<>();
    boolean first = true;
    while (first || input.peek() != ']') {
      if (input.startsWith("&&")) {
        input.next();
        input.next();
        intersection.add(new CharSet.Union(List.copyOf(union)));
        union.clear();
      } else {
        member(union);
      }
      first = false;
    }
    input.next();
    depth--;
    Rule rule = new CharSet.Union(List.copyOf(union));
    if (!intersection.isEmpty()) {
      intersection.add(rule);
      rule = new CharSet.Intersection(List.copyOf(intersection));
    }
    if (input.anyCase()) {
      rule = new CharSet.AnyCase(rule);
    }
    return negated ? new CharSet.Not(rule) : rule;
  }

  private void member(List<Rule> union) {
    if (input.startsWith("[:")) {
      Rule posix = posix();
      union.add(posix);
      return;
    }
    int c = input.next();
    if (c == '[') {
      union.add(parse());
      return;
    }
    Rule rule = range(c, c);
    if (c == '\\') {
      rule = escape();
    }
    if (input.peek() == '-' && single(rule) >= 0) {
      input.next();
      if (input.peek() == ']') {
        union.add(rule);
        union.add(range('-', '-'));
        return;
      }
      int end = input.next();
      int last = end == '\\' ? single(escape()) : end;
      int start = single(rule);
      if (last < start) {
        throw input.error("a range whose ends are swapped");
      }
      rule = range(start, last);
    }
    union.add(rule);
  }

  private static int single(Rule rule) {
    return rule instanceof CharSet.Range range && range.first() == range.last()
        ? range.first()
        : -1;
  }

  private Rule posix() {
    input.next();
    input.next();
    boolean negated = input.accept('^');
    StringBuilder name = new StringBuilder();
    while (input.peek() != ':') {
      name.appendCodePoint(input.next());
    }
    input.next();
    if (!input.accept(']')) {
      throw input.error("a bracket expression that doesn't end with :]");
    }
    Rule rule = named(name.toString());
    return negated ? new CharSet.Not(rule) : rule;
  }

  /** Reads an escape whose backslash is consumed and that stands for one code point. */
  Rule escape() {
    int c = input.next();
    return switch (c) {
      case 'n' -> range('\n', '\n');
      case 'r' -> range('\r', '\r');
      case 't' -> range('\t', '\t');
      case 'f' -> range('\f', '\f');
      case 'v' -> range(0x0B, 0x0B);
      case 'a' -> range(7, 7);
      case 'e' -> range(0x1B, 0x1B);
      case '0' -> range(0, 0);
      case 's' -> new CharSet.WhiteSpace();
      case 'S' -> new CharSet.Not(new CharSet.WhiteSpace());
      case 'd' -> new CharSet.Categories(1 << Character.DECIMAL_DIGIT_NUMBER);
      case 'D' -> new CharSet.Not(new CharSet.Categories(1 << Character.DECIMAL_DIGIT_NUMBER));
      case 'w' -> new CharSet.Word();
      case 'W' -> new CharSet.Not(new CharSet.Word());
      case 'h' -> HEX_DIGIT;
      case 'H' -> new CharSet.Not(HEX_DIGIT);
      case 'p' -> property(false);
      case 'P' -> property(true);
      case 'x' -> codePoint(input.accept('{') ? hex(8, '}') : hex(2, (char) 0));
      case 'u' -> codePoint(hex(4, (char) 0));
      default -> {
        boolean letterOrDigit = c < 128 && Character.isLetterOrDigit(c);
        if (letterOrDigit) {
          throw input.error("the escape \\" + Character.toString(c) + " is not supported");
        }
        yield range(c, c);
      }
    };
  }

  private Rule codePoint(int value) {
    if (value > Character.MAX_CODE_POINT) {
      throw input.error("a character beyond U+10FFFF");
    }
    return range(value, value);
  }

  private int hex(int digits, char closing) {
    int value = 0;
    int read = 0;
    while (read < digits && !input.atEnd() && Character.digit(input.peek(), 16) >= 0) {
      value = (value << 4 | Character.digit(input.next(), 16)) & 0x0FFFFFFF;
      read++;
    }
    if (read == 0 || (closing != 0 && !input.accept(closing))) {
      throw input.error("an escape with hexadecimal digits that is not complete");
    }
    return value;
  }

  private Rule property(boolean negatedOutside) {
    if (!input.accept('{')) {
      throw input.error("a property without braces");
    }
    boolean negated = input.accept('^') != negatedOutside;
    StringBuilder name = new StringBuilder();
    while (input.peek() != '}') {
      name.appendCodePoint(input.next());
    }
    input.next();
    Rule rule = named(name.toString());
    return negated ? new CharSet.Not(rule) : rule;
  }

  private Rule named(String name) {
    String key = name.replace("_", "").replace(" ", "").toLowerCase(Locale.ROOT);
    int categories = categories(key);
    if (categories != 0) {
      return new CharSet.Categories(categories);
    }
    switch (key) {
      case "any" -> {
        return range(0, Character.MAX_CODE_POINT);
      }
      case "ascii" -> {
        return range(0, 0x7F);
      }
      case "space", "whitespace" -> {
        return new CharSet.WhiteSpace();
      }
      case "word" -> {
        return new CharSet.Word();
      }
      case "xdigit" -> {
        return HEX_DIGIT;
      }
      default -> {
        try {
          return new CharSet.Script(Character.UnicodeScript.forName(name));
        } catch (IllegalArgumentException e) {
          throw input.error("the property " + Malformed.quote(name) + " is not supported");
        }
      }
    }
  }

  private static int categories(String key) {
    return switch (key) {
      case "l", "letter" -> Unicode.LETTERS;
      case "lu", "uppercaseletter", "upper" -> 1 << Character.UPPERCASE_LETTER;
      case "ll", "lowercaseletter", "lower" -> 1 << Character.LOWERCASE_LETTER;
      case "lt", "titlecaseletter" -> 1 << Character.TITLECASE_LETTER;
      case "lm", "modifierletter" -> 1 << Character.MODIFIER_LETTER;
      case "lo", "otherletter" -> 1 << Character.OTHER_LETTER;
      case "m", "mark" -> Unicode.MARKS;
      case "mn", "nonspacingmark" -> 1 << Character.NON_SPACING_MARK;
      case "mc", "spacingmark" -> 1 << Character.COMBINING_SPACING_MARK;
      case "me", "enclosingmark" -> 1 << Character.ENCLOSING_MARK;
      case "n", "number" -> Unicode.NUMBERS;
      case "nd", "decimalnumber", "digit" -> 1 << Character.DECIMAL_DIGIT_NUMBER;
      case "nl", "letternumber" -> 1 << Character.LETTER_NUMBER;
      case "no", "othernumber" -> 1 << Character.OTHER_NUMBER;
      case "p", "punctuation", "punct" -> Unicode.PUNCTUATION;
      case "pc" -> 1 << Character.CONNECTOR_PUNCTUATION;
      case "pd" -> 1 << Character.DASH_PUNCTUATION;
      case "ps" -> 1 << Character.START_PUNCTUATION;
      case "pe" -> 1 << Character.END_PUNCTUATION;
      case "pi" -> 1 << Character.INITIAL_QUOTE_PUNCTUATION;
      case "pf" -> 1 << Character.FINAL_QUOTE_PUNCTUATION;
      case "po" -> 1 << Character.OTHER_PUNCTUATION;
      case "s", "symbol" -> Unicode.SYMBOLS;
      case "sm" -> 1 << Character.MATH_SYMBOL;
      case "sc" -> 1 << Character.CURRENCY_SYMBOL;
      case "sk" -> 1 << Character.MODIFIER_SYMBOL;
      case "so" -> 1 << Character.OTHER_SYMBOL;
      case "z", "separator" -> Unicode.SEPARATORS;
      case "zs" -> 1 << Character.SPACE_SEPARATOR;
      case "zl" -> 1 << Character.LINE_SEPARATOR;
      case "zp" -> 1 << Character.PARAGRAPH_SEPARATOR;
      case "c", "other" -> Unicode.OTHERS;
      case "cc", "cntrl" -> 1 << Character.CONTROL;
      case "cf" -> 1 << Character.FORMAT;
      case "co" -> 1 << Character.PRIVATE_USE;
      case "cn" -> 1 << Character.UNASSIGNED;
      case "alpha" -> Unicode.LETTERS | Unicode.MARKS;
      case "alnum" -> Unicode.LETTERS | Unicode.MARKS | 1 << Character.DECIMAL_DIGIT_NUMBER;
      default -> 0;
    };
  }
}
