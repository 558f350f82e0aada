package dev.quern.transformer.tokenizer;

/** Cuts a text at the matches of a pattern. */
final class PatternSplit implements PreTokenizer {
  /** What becomes of the matches, in the words of Hugging Face tokenizers. */
  enum Behavior {
    /** They are dropped. */
    REMOVED,
    /** Each is a piece. */
    ISOLATED,
    /** Each belongs to the piece before it. */
    MERGED_WITH_PREVIOUS,
    /** Each belongs to the piece after it. */
    MERGED_WITH_NEXT,
    /** Adjacent ones are one piece. */
    CONTIGUOUS
  }

  private final PatternProgram pattern;
  private final Behavior behavior;
  private final boolean invert;

  /**
   * Cuts at the matches.
   *
   * @param invert the matches are the pieces, and what is between them counts as matched
   */
  PatternSplit(PatternProgram pattern, Behavior behavior, boolean invert) {
    this.pattern = pattern;
    this.behavior = behavior;
    this.invert = invert;
  }

  /** Every match a piece, and everything between matches too. */
  static PatternSplit isolating(String pattern) {
    return new PatternSplit(PatternProgram.compile(pattern), Behavior.ISOLATED, false);
  }

  @Override
  public void split(char[] chars, int from, int to, boolean first, Sink out) {
    PatternMatcher matcher = pattern.acquire();
    matcher.reset(chars, from, to);
    Collector collector = new Collector(behavior, chars, from, first, out);
    int done = from;
    int next = from;
    while (next <= to && matcher.find(next)) {
      int start = matcher.start();
      int end = matcher.end();
      collector.take(done, start, invert);
      collector.take(start, end, !invert);
      done = end;
      next = end > start ? end : nextPlace(chars, end, to);
    }
    collector.take(done, to, invert);
    collector.finish();
    pattern.release(matcher);
  }

  private static int nextPlace(char[] chars, int at, int to) {
    return at == to ? to + 1 : at + Character.charCount(Unicode.codePointAt(chars, at, to));
  }

  /** Joins matched and unmatched stretches to pieces as a behaviour wants it. */
  private static final class Collector {
    private final Behavior behavior;
    private final char[] chars;
    private final int textStart;
    private final boolean first;
    private final Sink out;
    private int pendingFrom;
    private int pendingTo;
    private boolean pendingMatched;

    Collector(Behavior behavior, char[] chars, int textStart, boolean first, Sink out) {
      this.behavior = behavior;
      this.chars = chars;
      this.textStart = textStart;
      this.first = first;
      this.out = out;
      this.pendingFrom = textStart;
      this.pendingTo = textStart;
    }

    void take(int from, int to, boolean matched) {
      if (from == to) {
        return;
      }
      boolean pending = pendingFrom < pendingTo;
      boolean join =
          pending
              && switch (behavior) {
                case REMOVED, ISOLATED -> false;
                case MERGED_WITH_PREVIOUS -> matched && !pendingMatched;
                case MERGED_WITH_NEXT -> !matched && pendingMatched;
                case CONTIGUOUS -> matched == pendingMatched;
              };
      if (!join) {
        finish();
        pendingFrom = from;
      }
      pendingTo = to;
      pendingMatched = matched;
    }

    void finish() {
      if (pendingFrom < pendingTo && !(behavior == Behavior.REMOVED && pendingMatched)) {
        out.piece(chars, pendingFrom, pendingTo, first && pendingFrom == textStart);
      }
      pendingFrom = pendingTo;
    }
  }
}
