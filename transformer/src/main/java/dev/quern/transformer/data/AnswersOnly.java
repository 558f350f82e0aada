package dev.quern.transformer.data;

import java.util.Arrays;
import java.util.List;

/**
 * Instruction tuning: each token from those before it, but only those of answers count. A label is
 * {@link Batch#IGNORE} where the next token belongs to a question.
 */
public record AnswersOnly() implements Objective<List<AnswersOnly.Turn>> {
  /**
   * A part of a conversation.
   *
   * @param ids its tokens, with the special ones that the chat template puts there; not to be
   *     changed
   * @param answer whether the model is to learn to say it
   */
  @SuppressWarnings("ArrayRecordComponent") // A value on its way, never compared.
  public record Turn(int[] ids, boolean answer) {}

  /**
   * Joins the turns.
   *
   * @throws DataException for fewer than 2 ids altogether
   */
  @Override
  public Sample prepare(List<Turn> turns, Chance chance) {
    int length = turns.stream().mapToInt(t -> t.ids.length).sum();
    DataException.atLeast("answersOnly", "the number of ids", length, 2);
    int[] ids = new int[length];
    int[] labels = new int[length];
    int at = 0;
    for (Turn turn : turns) {
      int end = at + turn.ids.length;
      System.arraycopy(turn.ids, 0, ids, at, turn.ids.length);
      if (turn.answer) {
        System.arraycopy(turn.ids, 0, labels, at, turn.ids.length);
      } else {
        Arrays.fill(labels, at, end, Batch.IGNORE);
      }
      at = end;
    }
    return Sample.ofTokens(Arrays.copyOf(ids, length - 1), Arrays.copyOfRange(labels, 1, length));
  }
}
