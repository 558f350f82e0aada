package dev.quern.transformer.tokenizer;

import dev.quern.core.type.NotSupportedException;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Finds the matches of a pattern, one after another, preferring what a backtracking matcher
 * prefers.
 *
 * <p>Two things make it safe for hostile text, where {@link java.util.regex.Pattern} overflows the
 * stack or takes quadratic time: alternatives wait on a stack of its own, and once a text turns out
 * to need much backtracking, the pairs of instruction and place that failed are remembered and
 * never tried twice (as in RE2's bit-state matcher), so that the whole text costs linear time.
 * Sub-patterns (look-around, atomic groups) aren't remembered; a budget of steps ends what they
 * could run away with.
 */
final class PatternMatcher {
  /** Kinds of marks: an alternative was taken up, a span was left for good, a split was reached. */
  static final int MARKS = 3;

  private static final int TAKEN = 0;
  private static final int SPANNED = 1;
  private static final int REACHED = 2;

  private static final int PLAIN = -1;
  private static final long MAX_MEMO_BITS = 1L << 30;

  private final PatternProgram program;
  private char[] text = new char[0];
  private int from;
  private int to;
  private int matchStart;
  private int matchEnd;

  /** Alternatives: address, place, and the least place of a span or {@link #PLAIN}. */
  private int[] stack = new int[96];

  private int top;
  private long steps;
  private long memoAfter;
  private long budget;
  private long @Nullable [] memo;

  PatternMatcher(PatternProgram program) {
    this.program = program;
  }

  /** Begins with a new text, {@code chars[from, to)}; nothing outside it is looked at. */
  void reset(char[] chars, int newFrom, int newTo) {
    this.text = chars;
    this.from = newFrom;
    this.to = newTo;
    this.steps = 0;
    long length = (long) newTo - newFrom;
    this.memoAfter =
        (length + 1) * program.memoColumns <= MAX_MEMO_BITS ? 4096 + 32 * length : Long.MAX_VALUE;
    this.budget = 4_000_000 + 1000 * length;
    this.memo = null;
  }

  /** Lets go of the text. */
  void forget() {
    text = new char[0];
    memo = null;
    if (stack.length > 4096) {
      stack = new int[96];
    }
  }

  /**
   * Looks for the first match that begins at a place or after it.
   *
   * @throws NotSupportedException if the pattern takes far more than linear time on this text
   */
  boolean find(int at) {
    int place = at;
    while (place <= to) {
      if (mayStart(place)) {
        top = 0;
        int end = run(0, place, true);
        if (end >= 0) {
          matchStart = place;
          matchEnd = end;
          if (memo != null) {
            forgetMarksAt(end);
          }
          return true;
        }
      }
      if (place == to) {
        return false;
      }
      place = after(place);
    }
    return false;
  }

  int start() {
    return matchStart;
  }

  int end() {
    return matchEnd;
  }

  private boolean mayStart(int place) {
    if (place == to) {
      return program.emptyMatches;
    }
    char c = text[place];
    return c >= 128 || ((c < 64 ? program.startLow : program.startHigh) >>> c & 1) != 0;
  }

  /** Runs from an address until a match and returns its end, or -1. */
  private int run(int startAddress, int startPlace, boolean main) {
    int base = top;
    int address = startAddress;
    int place = startPlace;
    while (true) {
      steps++;
      boolean alive = true;
      switch (program.operations[address]) {
        case PatternProgram.SET -> {
          int end = consume(setAt(address), place);
          alive = end >= 0;
          place = end;
          address++;
        }
        case PatternProgram.SPAN -> {
          int end = span(address, place, main);
          alive = end >= 0;
          place = end;
          address++;
        }
        case PatternProgram.SPAN_POSSESSIVE -> {
          place = scan(setAt(address), place, program.first[address], -1);
          address++;
        }
        case PatternProgram.SPLIT -> {
          if (main && memo != null && !mark(address, REACHED, place)) {
            alive = false;
          } else if (mayPrefer(address, place)) {
            push(program.second[address], place, PLAIN);
            address = program.first[address];
          } else {
            address = program.second[address];
          }
        }
        case PatternProgram.JUMP -> address = program.first[address];
        case PatternProgram.LOOK_AHEAD -> {
          boolean found = run(address + 1, place, false) >= 0;
          alive = found != ((program.second[address] & 1) != 0);
          address = program.first[address];
        }
        case PatternProgram.LOOK_BEHIND -> {
          int behind = before(place, program.second[address] >> 1);
          boolean found = behind >= 0 && run(address + 1, behind, false) == place;
          alive = found != ((program.second[address] & 1) != 0);
          address = program.first[address];
        }
        case PatternProgram.ATOMIC -> {
          place = run(address + 1, place, false);
          alive = place >= 0;
          address = program.first[address];
        }
        case PatternProgram.PLACE -> {
          alive = isAt(Objects.requireNonNull(program.place[address]), place);
          address++;
        }
        default -> {
          top = base;
          return place;
        }
      }
      if (alive) {
        continue;
      }
      checkBudget(main);
      while (true) {
        if (top == base) {
          return -1;
        }
        int least = stack[top - 1];
        place = stack[top - 2];
        address = stack[top - 3];
        boolean remember = main && memo != null;
        if (least == PLAIN) {
          top -= 3;
          if (remember && !mark(address, TAKEN, place)) {
            continue;
          }
          break;
        }
        // Leaving the span here has failed: leave it one code point earlier.
        if (remember && program.first[address] < 0) {
          mark(address, SPANNED, place);
        }
        if (place == least) {
          top -= 3;
          continue;
        }
        place = before(place, 1);
        stack[top - 2] = place;
        address++;
        break;
      }
    }
  }

  private CharSet setAt(int address) {
    return Objects.requireNonNull(program.set[address]);
  }

  private int consume(CharSet set, int place) {
    if (place == to) {
      return -1;
    }
    char c = text[place];
    if (c < 128) {
      return ((c < 64 ? set.low() : set.high()) >>> c & 1) != 0 ? place + 1 : -1;
    }
    int codePoint = Unicode.codePointAt(text, place, to);
    return set.has(codePoint) ? place + Character.charCount(codePoint) : -1;
  }

  /** Goes as far as a span can, and leaves the shorter ways of taking it on the stack. */
  private int span(int address, int place, boolean main) {
    int most = program.first[address];
    boolean remember = main && memo != null && most < 0;
    int end = scan(setAt(address), place, most, remember ? address : -1);
    if (remember) {
      if (marked(address, SPANNED, end)) {
        if (end == place) {
          return -1;
        }
        end = before(end, 1);
      }
      push(address, end, place);
    } else if (end > place) {
      push(address, end, place);
    }
    return end;
  }

  /** End of the run of a set; with an address, the run also ends at its first mark. */
  private int scan(CharSet set, int start, int most, int markAddress) {
    long low = set.low();
    long high = set.high();
    int left = most < 0 ? Integer.MAX_VALUE : most;
    int place = start;
    while (place < to && left-- > 0) {
      if (markAddress >= 0 && marked(markAddress, SPANNED, place)) {
        break;
      }
      char c = text[place];
      if (c < 128) {
        if (((c < 64 ? low : high) >>> c & 1) == 0) {
          break;
        }
        place++;
      } else {
        int codePoint = Unicode.codePointAt(text, place, to);
        if (!set.has(codePoint)) {
          break;
        }
        place += Character.charCount(codePoint);
      }
    }
    steps += place - start;
    return place;
  }

  private boolean mayPrefer(int address, int place) {
    long low = program.guardLow[address];
    if (place == to) {
      return low == -1L;
    }
    char c = text[place];
    return c >= 128 || ((c < 64 ? low : program.guardHigh[address]) >>> c & 1) != 0;
  }

  private void push(int address, int place, int least) {
    if (top + 3 > stack.length) {
      stack = Arrays.copyOf(stack, stack.length * 2);
    }
    stack[top] = address;
    stack[top + 1] = place;
    stack[top + 2] = least;
    top += 3;
  }

  private void checkBudget(boolean main) {
    if (main && memo == null && steps > memoAfter) {
      memo = new long[(int) ((((long) to - from + 1) * program.memoColumns + 63) / 64)];
    }
    if (steps > budget) {
      throw new NotSupportedException(
          "[tokenizer] the pattern "
              + Malformed.quote(program.toString())
              + " took more than "
              + budget
              + " steps on a text of "
              + (to - from)
              + " characters; use a pattern without nested repetition in its look-around");
    }
  }

  private boolean marked(int address, int kind, int place) {
    long bit = bit(address, kind, place);
    return (Objects.requireNonNull(memo)[(int) (bit >> 6)] >>> bit & 1) != 0;
  }

  /** Marks a pair; false if it was marked before. */
  private boolean mark(int address, int kind, int place) {
    long bit = bit(address, kind, place);
    long[] bits = Objects.requireNonNull(memo);
    int word = (int) (bit >> 6);
    boolean fresh = (bits[word] >>> bit & 1) == 0;
    bits[word] |= 1L << bit;
    return fresh;
  }

  private long bit(int address, int kind, int place) {
    return (long) (place - from) * program.memoColumns + program.memoColumn[address] + kind;
  }

  /** A match went through pairs that are marked; only those at its end can come up again. */
  private void forgetMarksAt(int place) {
    long[] bits = Objects.requireNonNull(memo);
    long begin = (long) (place - from) * program.memoColumns;
    for (long bit = begin; bit < begin + program.memoColumns; bit++) {
      bits[(int) (bit >> 6)] &= ~(1L << bit);
    }
  }

  private int after(int place) {
    return place + Character.charCount(Unicode.codePointAt(text, place, to));
  }

  /** The place some code points earlier, or -1 beyond the start. */
  private int before(int place, int codePoints) {
    int result = place;
    for (int i = 0; i < codePoints; i++) {
      if (result <= from) {
        return -1;
      }
      result--;
      if (result > from
          && Character.isLowSurrogate(text[result])
          && Character.isHighSurrogate(text[result - 1])) {
        result--;
      }
    }
    return result;
  }

  private boolean isAt(PatternNode.Place kind, int place) {
    return switch (kind) {
      case LINE_START -> place == from || text[place - 1] == '\n';
      case LINE_END -> place == to || text[place] == '\n';
      case TEXT_START -> place == from;
      case TEXT_END -> place == to;
      case TEXT_END_OR_LAST_NEWLINE -> place == to || (place + 1 == to && text[place] == '\n');
      case WORD_BOUNDARY -> wordBefore(place) != wordAfter(place);
      case NO_WORD_BOUNDARY -> wordBefore(place) == wordAfter(place);
    };
  }

  private boolean wordBefore(int place) {
    int before = before(place, 1);
    return before >= 0 && Unicode.isWord(Unicode.codePointAt(text, before, to));
  }

  private boolean wordAfter(int place) {
    return place < to && Unicode.isWord(Unicode.codePointAt(text, place, to));
  }
}
