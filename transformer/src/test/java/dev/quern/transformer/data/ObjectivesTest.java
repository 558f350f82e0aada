package dev.quern.transformer.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.quern.transformer.data.AnswersOnly.Turn;
import dev.quern.transformer.data.SequenceClassification.Labelled;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ObjectivesTest {
  private static final int I = Batch.IGNORE;
  private static final int MASK = 1;

  @Test
  void causalLabelsAreMovedByOne() {
    Sample sample = new CausalLm().prepare(new int[] {5, 6, 7}, Chance.of(0));
    assertEquals(Sample.ofTokens(new int[] {5, 6}, new int[] {6, 7}), sample);
    assertThrows(DataException.class, () -> new CausalLm().prepare(new int[] {5}, Chance.of(0)));
  }

  @Test
  void onlyAnswersCount() {
    List<Turn> turns =
        List.of(
            new Turn(new int[] {1, 2}, false),
            new Turn(new int[] {3, 4}, true),
            new Turn(new int[] {5}, false),
            new Turn(new int[] {6}, true));
    Sample sample = new AnswersOnly().prepare(turns, Chance.of(0));
    assertArrayEquals(new int[] {1, 2, 3, 4, 5}, sample.inputs());
    assertArrayEquals(new int[] {I, 3, 4, I, 6}, sample.labels());
  }

  @Test
  void classesAreChecked() {
    SequenceClassification objective = new SequenceClassification(2);
    assertEquals(
        Sample.ofSequence(new int[] {8, 9}, 1),
        objective.prepare(new Labelled(new int[] {8, 9}, 1), Chance.of(0)));
    assertThrows(
        DataException.class, () -> objective.prepare(new Labelled(new int[] {8}, 2), Chance.of(0)));
  }

  @Test
  void masksInTheirShares() {
    int[] ids = IntStream.range(0, 200_000).map(i -> i % 10 == 0 ? 0 : 5 + i % 89).toArray();
    Sample sample = new MaskedLm(MASK, 1000, id -> id < 5).prepare(ids, Chance.of(3));
    double chosen = 0;
    double masked = 0;
    double same = 0;
    for (int i = 0; i < ids.length; i++) {
      if (sample.labels()[i] == I) {
        assertEquals(ids[i], sample.inputs()[i]);
      } else {
        assertNotEquals(0, ids[i], "a special token was chosen");
        assertEquals(ids[i], sample.labels()[i]);
        chosen++;
        masked += sample.inputs()[i] == MASK ? 1 : 0;
        same += sample.inputs()[i] == ids[i] ? 1 : 0;
      }
    }
    // Five standard deviations, and the thousandth of replacements that are the mask or the same.
    assertEquals(0.15, chosen / 180_000, 0.0043);
    assertEquals(0.8 + 0.1 / 1000, masked / chosen, 0.0122);
    assertEquals(0.1 + 0.1 / 1000, same / chosen, 0.0092);
  }

  @Test
  void wholeWordsAreChosenTogether() {
    // Ids from 100 on continue the word before them; id 2 is special.
    MaskedLm objective =
        new MaskedLm(MASK, 200, id -> id == 2, id -> false, 0.3, 1, 0)
            .withWholeWords(id -> id >= 100);
    int[] ids = {2, 10, 100, 101, 11, 12, 102, 2, 103, 104, 13};
    int[][] words = {{1, 2, 3}, {4}, {5, 6}, {8, 9}, {10}};
    int hidden = 0;
    for (int seed = 0; seed < 2000; seed++) {
      Sample sample = objective.prepare(ids, Chance.of(seed));
      for (int[] word : words) {
        for (int place : word) {
          assertEquals(sample.labels()[word[0]] == I, sample.labels()[place] == I, "" + seed);
          assertEquals(sample.labels()[place] == I ? ids[place] : MASK, sample.inputs()[place]);
        }
        hidden += sample.labels()[word[0]] == I ? 0 : 1;
      }
      assertEquals(I, sample.labels()[0]);
      assertEquals(I, sample.labels()[7]);
    }
    assertEquals(0.3, hidden / 10_000.0, 0.023);
  }

  @Test
  void epochsMaskAnewAndRepeatably() {
    Dataset<int[]> data = Dataset.of(List.of(IntStream.range(10, 200).toArray()));
    Dataset<Batch> batches =
        new EpochBatches<>(
            data,
            new MaskedLm(MASK, 300, id -> false),
            new Padding(0),
            BatchOrder.inOrder(1, 1),
            7);
    assertEquals(batches.get(0), batches.get(0));
    assertNotEquals(batches.get(0), batches.get(1));
  }

  @Test
  void sharesAreChecked() {
    assertThrows(
        DataException.class, () -> new MaskedLm(1, 10, id -> false, id -> false, 0.15, 0.8, 0.3));
    assertThrows(
        DataException.class,
        () -> new MaskedLm(1, 10, id -> false, id -> false, Double.NaN, 0.8, 0.1));
    assertThrows(DataException.class, () -> new MaskedLm(10, 10, id -> false));
  }
}
