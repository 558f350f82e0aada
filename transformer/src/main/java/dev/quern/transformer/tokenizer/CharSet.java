package dev.quern.transformer.tokenizer;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A set of code points, as a class of a pattern describes it. Membership below U+10000 is worked
 * out once per page of 256 code points and then read from a bitmap.
 */
final class CharSet {
  /** How a class is put together; evaluated only when a page is filled. */
  sealed interface Rule {
    boolean has(int codePoint);
  }

  /** Code points from a first to a last, both included. */
  record Range(int first, int last) implements Rule {
    @Override
    public boolean has(int codePoint) {
      return codePoint >= first && codePoint <= last;
    }
  }

  /** General categories: bit n stands for the category that {@link Character#getType} calls n. */
  record Categories(int bits) implements Rule {
    @Override
    public boolean has(int codePoint) {
      return (bits >>> Character.getType(codePoint) & 1) != 0;
    }
  }

  /** Characters of a script. */
  record Script(Character.UnicodeScript script) implements Rule {
    @Override
    public boolean has(int codePoint) {
      return Character.UnicodeScript.of(codePoint) == script;
    }
  }

  /** The White_Space property. */
  record WhiteSpace() implements Rule {
    @Override
    public boolean has(int codePoint) {
      return Unicode.isWhiteSpace(codePoint);
    }
  }

  /** Characters of words: alphabetic ones, marks, decimal digits and connecting punctuation. */
  record Word() implements Rule {
    @Override
    public boolean has(int codePoint) {
      return Unicode.isWord(codePoint);
    }
  }

  /** Everything that another rule leaves out. */
  record Not(Rule rule) implements Rule {
    @Override
    public boolean has(int codePoint) {
      return !rule.has(codePoint);
    }
  }

  /** What any of several rules has. */
  record Union(List<Rule> rules) implements Rule {
    @Override
    public boolean has(int codePoint) {
      for (Rule rule : rules) {
        if (rule.has(codePoint)) {
          return true;
        }
      }
      return false;
    }
  }

  /** What all of several rules have. */
  record Intersection(List<Rule> rules) implements Rule {
    @Override
    public boolean has(int codePoint) {
      for (Rule rule : rules) {
        if (!rule.has(codePoint)) {
          return false;
        }
      }
      return true;
    }
  }

  /** A rule regardless of case. */
  record AnyCase(Rule rule) implements Rule {
    @Override
    public boolean has(int codePoint) {
      for (int variant : Unicode.caseVariants(codePoint)) {
        if (rule.has(variant)) {
          return true;
        }
      }
      return false;
    }
  }

  private final Rule rule;
  private final long low;
  private final long high;
  private final long[] @Nullable [] pages = new long[256][];

  CharSet(Rule rule) {
    this.rule = rule;
    this.low = bits(0);
    this.high = bits(64);
  }

  Rule rule() {
    return rule;
  }

  /** Members 0 to 63, one bit each. */
  long low() {
    return low;
  }

  /** Members 64 to 127, one bit each. */
  long high() {
    return high;
  }

  boolean has(int codePoint) {
    if (codePoint < 128) {
      return ((codePoint < 64 ? low : high) >>> codePoint & 1) != 0;
    }
    if (codePoint >= 0x10000) {
      return rule.has(codePoint);
    }
    long[] page = pages[codePoint >> 8];
    if (page == null) {
      page = new long[4];
      int base = codePoint & 0xFF00;
      for (int i = 0; i < 4; i++) {
        page[i] = bits(base + 64 * i);
      }
      pages[codePoint >> 8] = page;
    }
    return (page[codePoint >> 6 & 3] >>> codePoint & 1) != 0;
  }

  private long bits(int from) {
    long bits = 0;
    for (int i = 0; i < 64; i++) {
      if (rule.has(from + i)) {
        bits |= 1L << i;
      }
    }
    return bits;
  }
}
