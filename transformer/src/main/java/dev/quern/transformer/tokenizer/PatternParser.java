package dev.quern.transformer.tokenizer;

import dev.quern.transformer.tokenizer.PatternNode.Atomic;
import dev.quern.transformer.tokenizer.PatternNode.Boundary;
import dev.quern.transformer.tokenizer.PatternNode.Choice;
import dev.quern.transformer.tokenizer.PatternNode.Greed;
import dev.quern.transformer.tokenizer.PatternNode.Look;
import dev.quern.transformer.tokenizer.PatternNode.One;
import dev.quern.transformer.tokenizer.PatternNode.Place;
import dev.quern.transformer.tokenizer.PatternNode.Repeat;
import dev.quern.transformer.tokenizer.PatternNode.Sequence;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads a pattern in the syntax of Oniguruma's Ruby flavour, which Hugging Face tokenizers are
 * written in: classes with intersections, properties, groups, look-around, greedy, lazy and
 * possessive repetition. Captures are read and forgotten; back references don't exist.
 */
final class PatternParser {
  private static final int MAX_DEPTH = 60;
  private static final int MAX_COUNT = 1000;

  private final String pattern;
  private int at;
  private int depth;
  private boolean anyCase;
  private boolean dotAll;

  private PatternParser(String pattern) {
    this.pattern = pattern;
  }

  /**
   * Parses a pattern.
   *
   * @throws PatternSyntax if it is malformed or asks for what isn't supported
   */
  static PatternNode parse(String pattern) {
    PatternParser parser = new PatternParser(pattern);
    PatternNode node = parser.choice();
    if (parser.at < pattern.length()) {
      throw parser.error("unmatched )");
    }
    return node;
  }

  private PatternNode choice() {
    if (++depth > MAX_DEPTH) {
      throw error("nested deeper than " + MAX_DEPTH);
    }
    boolean caseOutside = anyCase;
    boolean dotOutside = dotAll;
    List<PatternNode> options = new ArrayList<>();
    options.add(sequence());
    while (accept('|')) {
      options.add(sequence());
    }
    anyCase = caseOutside;
    dotAll = dotOutside;
    depth--;
    return options.size() == 1 ? options.getFirst() : new Choice(options);
  }

  private PatternNode sequence() {
    List<PatternNode> parts = new ArrayList<>();
    while (at < pattern.length() && peek() != '|' && peek() != ')') {
      PatternNode part = quantified(atom());
      if (!(part instanceof Sequence sequence && sequence.parts().isEmpty())) {
        parts.add(part);
      }
    }
    return parts.size() == 1 ? parts.getFirst() : new Sequence(parts);
  }

  private PatternNode quantified(PatternNode atom) {
    PatternNode node = atom;
    while (at < pattern.length()) {
      int least;
      int most;
      int before = at;
      char c = peek();
      if (c == '*' || c == '+' || c == '?') {
        at++;
        least = c == '+' ? 1 : 0;
        most = c == '?' ? 1 : -1;
      } else if (c == '{') {
        at++;
        int[] bounds = bounds();
        if (bounds.length == 0) {
          at = before;
          return node;
        }
        least = bounds[0];
        most = bounds[1];
      } else {
        return node;
      }
      Greed greed = Greed.GREEDY;
      if (accept('?')) {
        greed = Greed.LAZY;
      } else if (c != '{' && accept('+')) {
        greed = Greed.POSSESSIVE;
      }
      if (most < 0 && PatternNode.canBeEmpty(node)) {
        throw error("an unbounded repetition of something that may be empty is not supported");
      }
      node = new Repeat(node, least, most, greed);
    }
    return node;
  }

  /** Reads what follows an opening brace; an empty array if it isn't a repetition. */
  private int[] bounds() {
    int least = number();
    int most = least;
    if (accept(',')) {
      most = number();
      if (least < 0 && most < 0) {
        return new int[0];
      }
      least = Math.max(least, 0);
    }
    if (least < 0 || !accept('}')) {
      return new int[0];
    }
    if (least > MAX_COUNT || most > MAX_COUNT) {
      throw error("more than " + MAX_COUNT + " repetitions are not supported");
    }
    if (most >= 0 && most < least) {
      throw error("a repetition whose bounds are swapped is not supported");
    }
    return new int[] {least, most};
  }

  private int number() {
    int value = -1;
    while (at < pattern.length() && peek() >= '0' && peek() <= '9') {
      value = Math.min(Math.max(value, 0) * 10 + peek() - '0', 1_000_000);
      at++;
    }
    return value;
  }

  private PatternNode atom() {
    int c = next();
    return switch (c) {
      case '(' -> group();
      case '[' -> new One(new CharSet(new PatternClassParser(this).parse()));
      case '.' -> {
        CharSet.Rule newline = PatternClassParser.range('\n', '\n');
        yield one(
            dotAll
                ? PatternClassParser.range(0, Character.MAX_CODE_POINT)
                : new CharSet.Not(newline));
      }
      case '^' -> new Boundary(Place.LINE_START);
      case '$' -> new Boundary(Place.LINE_END);
      case '*', '+', '?' -> throw error("nothing to repeat");
      case '\\' -> escape();
      default -> one(literal(c));
    };
  }

  private PatternNode escape() {
    @Nullable Place place =
        switch (peek()) {
          case 'b' -> Place.WORD_BOUNDARY;
          case 'B' -> Place.NO_WORD_BOUNDARY;
          case 'A' -> Place.TEXT_START;
          case 'z' -> Place.TEXT_END;
          case 'Z' -> Place.TEXT_END_OR_LAST_NEWLINE;
          default -> null;
        };
    if (place == null) {
      return one(new PatternClassParser(this).escape());
    }
    at++;
    return new Boundary(place);
  }

  private PatternNode group() {
    if (!accept('?')) {
      return closed(choice());
    }
    if (accept(':')) {
      return closed(choice());
    }
    if (accept('=')) {
      return new Look(closed(choice()), true, false);
    }
    if (accept('!')) {
      return new Look(closed(choice()), true, true);
    }
    if (accept('>')) {
      return new Atomic(closed(choice()));
    }
    if (accept('#')) {
      skipPast(')');
      return new Sequence(List.of());
    }
    if (!accept('<')) {
      return options();
    }
    if (accept('=')) {
      return behind(closed(choice()), false);
    }
    if (accept('!')) {
      return behind(closed(choice()), true);
    }
    // A named capture, whose name is of no use here.
    skipPast('>');
    return closed(choice());
  }

  private void skipPast(char end) {
    int c = next();
    while (c != end) {
      c = next();
    }
  }

  private PatternNode options() {
    boolean caseOutside = anyCase;
    boolean dotOutside = dotAll;
    boolean on = true;
    while (true) {
      int c = next();
      switch (c) {
        case '-' -> on = false;
        case 'i' -> anyCase = on;
        case 'm' -> dotAll = on;
        case ':' -> {
          PatternNode body = closed(choice());
          anyCase = caseOutside;
          dotAll = dotOutside;
          return body;
        }
        case ')' -> {
          return new Sequence(List.of());
        }
        default -> throw error("group option " + Malformed.quote(Character.toString(c)));
      }
    }
  }

  /** Options of one length each, as a choice of looks at that distance. */
  private PatternNode behind(PatternNode body, boolean negative) {
    List<PatternNode> options = body instanceof Choice choice ? choice.options() : List.of(body);
    List<PatternNode> looks = new ArrayList<>();
    for (PatternNode option : options) {
      if (PatternNode.fixedLength(option) < 0) {
        throw error("a look behind of varying length is not supported");
      }
      looks.add(new Look(option, false, negative));
    }
    if (looks.size() == 1) {
      return looks.getFirst();
    }
    return negative ? new Sequence(looks) : new Choice(looks);
  }

  private PatternNode closed(PatternNode node) {
    if (!accept(')')) {
      throw error("missing )");
    }
    return node;
  }

  private CharSet.Rule literal(int c) {
    CharSet.Rule rule = PatternClassParser.range(c, c);
    return anyCase ? new CharSet.AnyCase(rule) : rule;
  }

  private static PatternNode one(CharSet.Rule rule) {
    return new One(new CharSet(rule));
  }

  boolean atEnd() {
    return at >= pattern.length();
  }

  boolean anyCase() {
    return anyCase;
  }

  /** The next character, which isn't consumed; the pattern must not be at its end. */
  char peek() {
    if (at >= pattern.length()) {
      throw error("unexpected end");
    }
    return pattern.charAt(at);
  }

  /** Whether the pattern goes on with a text. */
  boolean startsWith(String text) {
    return pattern.startsWith(text, at);
  }

  /** Consumes a code point. */
  int next() {
    peek();
    int c = pattern.codePointAt(at);
    at += Character.charCount(c);
    return c;
  }

  /** Consumes a character if it comes next. */
  boolean accept(char c) {
    if (at < pattern.length() && pattern.charAt(at) == c) {
      at++;
      return true;
    }
    return false;
  }

  PatternSyntax error(String what) {
    return new PatternSyntax(
        what + " at character " + at + " of the pattern " + Malformed.quote(pattern));
  }
}
