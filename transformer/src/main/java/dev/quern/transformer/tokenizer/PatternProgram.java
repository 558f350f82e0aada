package dev.quern.transformer.tokenizer;

import dev.quern.transformer.tokenizer.PatternNode.Greed;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A pattern compiled to instructions for {@link PatternMatcher}. Immutable but for one spare
 * matcher that is lent out, so that splitting many small pieces doesn't allocate one each.
 */
final class PatternProgram {
  static final int SET = 0;
  static final int SPAN = 1;
  static final int SPAN_POSSESSIVE = 2;
  static final int SPLIT = 3;
  static final int JUMP = 4;
  static final int LOOK_AHEAD = 5;
  static final int LOOK_BEHIND = 6;
  static final int ATOMIC = 7;
  static final int PLACE = 8;
  static final int MATCH = 9;

  private static final int MAX_INSTRUCTIONS = 50_000;

  /** What a part can begin with: ASCII members, and whether it can be empty. */
  private record First(long low, long high, boolean empty) {
    First or(First other, boolean nowEmpty) {
      return new First(low | other.low, high | other.high, nowEmpty);
    }
  }

  private final List<int[]> code = new ArrayList<>();
  private final List<@Nullable CharSet> sets = new ArrayList<>();
  private final Map<Integer, PatternNode.Place> places = new HashMap<>();
  private final List<@Nullable First> guards = new ArrayList<>();

  /** Instruction at each address. */
  final int[] operations;

  /**
   * First operand: the preferred branch, the target of a jump, the end of a sub-pattern, the upper
   * bound of a span (-1 for none).
   */
  final int[] first;

  /** Second operand: the other branch of a split, 1 for a negative look, or the length behind. */
  final int[] second;

  /** The sets of SET and SPAN. */
  final @Nullable CharSet[] set;

  /** The conditions of PLACE. */
  final PatternNode.@Nullable Place[] place;

  /** ASCII characters below 64 with which the preferred branch of a split can begin. */
  final long[] guardLow;

  /** ASCII characters from 64 with which the preferred branch of a split can begin. */
  final long[] guardHigh;

  /** Row of the memo of each address that has one, else -1. */
  final int[] memoColumn;

  /** Columns of the memo. */
  final int memoColumns;

  /** ASCII characters that can begin a match. */
  final long startLow;

  /** ASCII characters from 64 that can begin a match. */
  final long startHigh;

  /** Whether a match can be empty. */
  final boolean emptyMatches;

  private final String pattern;
  private final AtomicReference<@Nullable PatternMatcher> spare = new AtomicReference<>();

  private PatternProgram(String pattern, PatternNode node) {
    this.pattern = pattern;
    emit(node);
    instruction(MATCH, 0, 0, null, null);
    int size = code.size();
    this.operations = new int[size];
    this.first = new int[size];
    this.second = new int[size];
    this.set = sets.toArray(new @Nullable CharSet[0]);
    this.place = new PatternNode.@Nullable Place[size];
    places.forEach((address, value) -> place[address] = value);
    this.guardLow = new long[size];
    this.guardHigh = new long[size];
    this.memoColumn = new int[size];
    Arrays.fill(memoColumn, -1);
    int columns = 0;
    for (int i = 0; i < size; i++) {
      int[] instruction = code.get(i);
      operations[i] = instruction[0];
      first[i] = instruction[1];
      second[i] = instruction[2];
      First guard = guards.get(i);
      guardLow[i] = guard == null || guard.empty ? -1L : guard.low;
      guardHigh[i] = guard == null || guard.empty ? -1L : guard.high;
      if (operations[i] == SPLIT && memoColumn[second[i]] < 0) {
        memoColumn[second[i]] = columns;
        columns += PatternMatcher.MARKS;
      }
      if ((operations[i] == SPLIT || operations[i] == SPAN) && memoColumn[i] < 0) {
        memoColumn[i] = columns;
        columns += PatternMatcher.MARKS;
      }
    }
    this.memoColumns = columns;
    First start = firstOf(node);
    this.emptyMatches = start.empty;
    this.startLow = start.empty ? -1L : start.low;
    this.startHigh = start.empty ? -1L : start.high;
    code.clear();
    sets.clear();
    guards.clear();
    places.clear();
  }

  /**
   * Compiles a pattern.
   *
   * @throws PatternSyntax if it is malformed or asks for what isn't supported
   */
  static PatternProgram compile(String pattern) {
    return new PatternProgram(pattern, PatternParser.parse(pattern));
  }

  /** A matcher for the calling thread; give it back with {@link #release}. */
  PatternMatcher acquire() {
    PatternMatcher matcher = spare.getAndSet(null);
    return matcher == null ? new PatternMatcher(this) : matcher;
  }

  void release(PatternMatcher matcher) {
    matcher.forget();
    spare.set(matcher);
  }

  @Override
  public String toString() {
    return pattern;
  }

  private int instruction(
      int operation, int x, int y, @Nullable CharSet charSet, @Nullable First guard) {
    if (code.size() >= MAX_INSTRUCTIONS) {
      throw new PatternSyntax(
          "repetitions that unfold to more than "
              + MAX_INSTRUCTIONS
              + " steps are not supported in the pattern "
              + Malformed.quote(pattern));
    }
    code.add(new int[] {operation, x, y});
    sets.add(charSet);
    guards.add(guard);
    return code.size() - 1;
  }

  private void emit(PatternNode node) {
    switch (node) {
      case PatternNode.One one -> instruction(SET, 0, 0, one.set(), null);
      case PatternNode.Sequence sequence -> sequence.parts().forEach(this::emit);
      case PatternNode.Choice choice -> emitChoice(choice);
      case PatternNode.Repeat repeat -> emitRepeat(repeat);
      case PatternNode.Look look -> {
        int length = look.ahead() ? 0 : PatternNode.fixedLength(look.body());
        int operation = look.ahead() ? LOOK_AHEAD : LOOK_BEHIND;
        int at = instruction(operation, 0, length * 2 + (look.negative() ? 1 : 0), null, null);
        emitSub(at, look.body());
      }
      case PatternNode.Atomic atomic ->
          emitSub(instruction(ATOMIC, 0, 0, null, null), atomic.body());
      case PatternNode.Boundary boundary ->
          places.put(instruction(PLACE, 0, 0, null, null), boundary.place());
    }
  }

  private void emitSub(int at, PatternNode body) {
    emit(body);
    instruction(MATCH, 0, 0, null, null);
    code.get(at)[1] = code.size();
  }

  private void emitChoice(PatternNode.Choice choice) {
    List<Integer> jumps = new ArrayList<>();
    for (int i = 0; i < choice.options().size(); i++) {
      PatternNode option = choice.options().get(i);
      if (i + 1 == choice.options().size()) {
        emit(option);
        break;
      }
      int split = instruction(SPLIT, 0, 0, null, firstOf(option));
      code.get(split)[1] = code.size();
      emit(option);
      jumps.add(instruction(JUMP, 0, 0, null, null));
      code.get(split)[2] = code.size();
    }
    for (int jump : jumps) {
      code.get(jump)[1] = code.size();
    }
  }

  private void emitRepeat(PatternNode.Repeat repeat) {
    if (repeat.greed() == Greed.POSSESSIVE && !(repeat.body() instanceof PatternNode.One)) {
      PatternNode greedy =
          new PatternNode.Repeat(repeat.body(), repeat.least(), repeat.most(), Greed.GREEDY);
      emit(new PatternNode.Atomic(greedy));
      return;
    }
    for (int i = 0; i < repeat.least(); i++) {
      emit(repeat.body());
    }
    int more = repeat.most() < 0 ? -1 : repeat.most() - repeat.least();
    if (more == 0) {
      return;
    }
    if (repeat.body() instanceof PatternNode.One one && repeat.greed() != Greed.LAZY) {
      int operation = repeat.greed() == Greed.POSSESSIVE ? SPAN_POSSESSIVE : SPAN;
      instruction(operation, more, 0, one.set(), null);
      return;
    }
    boolean lazy = repeat.greed() == Greed.LAZY;
    First guard = lazy ? null : firstOf(repeat.body());
    if (more < 0) {
      int split = instruction(SPLIT, 0, 0, null, guard);
      emit(repeat.body());
      instruction(JUMP, split, 0, null, null);
      branch(split, lazy);
      return;
    }
    List<Integer> splits = new ArrayList<>();
    for (int i = 0; i < more; i++) {
      splits.add(instruction(SPLIT, 0, 0, null, guard));
      emit(repeat.body());
    }
    for (int split : splits) {
      branch(split, lazy);
    }
  }

  /** Lets a split go on into the repeated part, or out to the end of the code so far. */
  private void branch(int split, boolean lazy) {
    code.get(split)[lazy ? 2 : 1] = split + 1;
    code.get(split)[lazy ? 1 : 2] = code.size();
  }

  private static First firstOf(PatternNode node) {
    return switch (node) {
      case PatternNode.One one -> new First(one.set().low(), one.set().high(), false);
      case PatternNode.Sequence sequence -> {
        First result = new First(0, 0, true);
        for (PatternNode part : sequence.parts()) {
          First next = firstOf(part);
          result = result.or(next, next.empty);
          if (!next.empty) {
            break;
          }
        }
        yield result;
      }
      case PatternNode.Choice choice -> {
        First result = new First(0, 0, false);
        for (PatternNode option : choice.options()) {
          First next = firstOf(option);
          result = result.or(next, result.empty || next.empty);
        }
        yield result;
      }
      case PatternNode.Repeat repeat -> {
        First body = firstOf(repeat.body());
        yield new First(body.low, body.high, body.empty || repeat.least() == 0);
      }
      case PatternNode.Look look -> new First(0, 0, true);
      case PatternNode.Atomic atomic -> firstOf(atomic.body());
      case PatternNode.Boundary boundary -> new First(0, 0, true);
    };
  }
}
