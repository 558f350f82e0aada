package dev.quern.transformer.tokenizer;

import java.util.List;

/** The parts of a parsed pattern. */
sealed interface PatternNode {
  /** One code point out of a set. */
  record One(CharSet set) implements PatternNode {}

  /** One part after another; none is the empty pattern. */
  record Sequence(List<PatternNode> parts) implements PatternNode {}

  /** The first part that leads to a match. */
  record Choice(List<PatternNode> options) implements PatternNode {}

  /** A part again and again; {@code most} is -1 where there is no upper bound. */
  record Repeat(PatternNode body, int least, int most, Greed greed) implements PatternNode {}

  /** A part that has to match, or not to match, without being consumed. */
  record Look(PatternNode body, boolean ahead, boolean negative) implements PatternNode {}

  /** A part whose first match is final. */
  record Atomic(PatternNode body) implements PatternNode {}

  /** A condition on the place alone. */
  record Boundary(Place place) implements PatternNode {}

  /** How many repetitions are tried first. */
  enum Greed {
    /** As many as possible, then fewer. */
    GREEDY,
    /** As few as possible, then more. */
    LAZY,
    /** As many as possible, never fewer. */
    POSSESSIVE
  }

  /** Conditions on a place. */
  enum Place {
    LINE_START,
    LINE_END,
    TEXT_START,
    TEXT_END,
    TEXT_END_OR_LAST_NEWLINE,
    WORD_BOUNDARY,
    NO_WORD_BOUNDARY
  }

  /** Whether a node can match without consuming anything. */
  static boolean canBeEmpty(PatternNode node) {
    return switch (node) {
      case One one -> false;
      case Sequence sequence -> sequence.parts().stream().allMatch(PatternNode::canBeEmpty);
      case Choice choice -> choice.options().stream().anyMatch(PatternNode::canBeEmpty);
      case Repeat repeat -> repeat.least() == 0 || canBeEmpty(repeat.body());
      case Look look -> true;
      case Atomic atomic -> canBeEmpty(atomic.body());
      case Boundary boundary -> true;
    };
  }

  /** Length in code points of whatever a node matches, or -1 if it varies. */
  static int fixedLength(PatternNode node) {
    return switch (node) {
      case One one -> 1;
      case Sequence sequence -> {
        int sum = 0;
        for (PatternNode part : sequence.parts()) {
          int length = fixedLength(part);
          if (length < 0) {
            yield -1;
          }
          sum += length;
        }
        yield sum;
      }
      case Choice choice -> {
        int length = fixedLength(choice.options().getFirst());
        for (PatternNode option : choice.options()) {
          if (fixedLength(option) != length) {
            yield -1;
          }
        }
        yield length;
      }
      case Repeat repeat -> {
        int length = fixedLength(repeat.body());
        yield length < 0 || repeat.least() != repeat.most() ? -1 : length * repeat.least();
      }
      case Look look -> 0;
      case Atomic atomic -> fixedLength(atomic.body());
      case Boundary boundary -> 0;
    };
  }
}
