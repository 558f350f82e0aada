package dev.quern.transformer.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.function.LongFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SplitsTest {
  private static final SplitRatio RATIO = new SplitRatio(0.7, 0.2, 0.1);

  private static Dataset<Integer> numbers(int size) {
    return Dataset.of(IntStream.range(0, size).boxed().toList());
  }

  private static <E> List<E> all(Dataset<E> data) {
    return ExampleSource.drain(data.inOrder().open(0));
  }

  private static void coversAll(int size, Split<Dataset<Integer>> split) {
    List<Integer> seen = new ArrayList<>(all(split.train()));
    seen.addAll(all(split.validation()));
    seen.addAll(all(split.test()));
    assertEquals(size, seen.size());
    assertEquals(size, new HashSet<>(seen).size());
  }

  @Test
  void boundsAreThoseOfDecimals() {
    assertEquals(1_003_854, new SplitRatio(0.9, 0.1, 0).trainEnd(1_115_394));
    assertEquals(1_115_394, new SplitRatio(0.9, 0.1, 0).validationEnd(1_115_394));
    // 0.7 + 0.2 is less than 0.9 in binary.
    assertEquals(9, RATIO.validationEnd(10));
    assertEquals(7, RATIO.trainEnd(10));
    assertEquals(10, new SplitRatio(1, 0, 0).trainEnd(10));
    assertThrows(DataException.class, () -> new SplitRatio(0.5, 0.4, 0));
    assertThrows(DataException.class, () -> new SplitRatio(1.5, -0.5, 0));
    assertThrows(DataException.class, () -> new SplitRatio(Double.NaN, 0.5, 0.5));
  }

  @Test
  void contiguousPartsStandWhereTheyStood() {
    Split<TokenSequence> split = Splits.contiguous(TokenSequence.of(1, 2, 3, 4, 5), RATIO);
    assertArrayEquals(new int[] {1, 2, 3}, split.train().read(0, 3));
    assertEquals(3, split.train().size());
    assertArrayEquals(new int[] {4}, split.validation().read(0, 1));
    assertArrayEquals(new int[] {5}, split.test().read(0, 1));
    assertEquals(List.of(0, 1, 2), all(Splits.contiguous(numbers(5), RATIO).train()));
  }

  @Test
  void randomPartsAreSeeded() {
    for (int size : new int[] {0, 1, 7, 100, 1001}) {
      Split<Dataset<Integer>> split = Splits.random(numbers(size), RATIO, 5);
      coversAll(size, split);
      assertEquals(size * 7L / 10, split.train().size());
      assertEquals(all(split.train()), all(Splits.random(numbers(size), RATIO, 5).train()));
    }
    assertNotEquals(
        all(Splits.random(numbers(100), RATIO, 5).train()),
        all(Splits.random(numbers(100), RATIO, 6).train()));
  }

  @Test
  void stratifiedPartsHaveTheirShareOfEachLabel() {
    Random random = new Random(2);
    for (int round = 0; round < 20; round++) {
      int size = 1 + random.nextInt(500);
      int[] labels = random.ints(size, 0, 1 + random.nextInt(30)).map(l -> l * l - 5).toArray();
      Split<Dataset<Integer>> split =
          Splits.stratified(numbers(size), i -> labels[i], RATIO, round);
      coversAll(size, split);
      LongFunction<Dataset<Integer>> part =
          p -> p == 0 ? split.train() : p == 1 ? split.validation() : split.test();
      for (int p = 0; p < 3; p++) {
        Dataset<Integer> data = part.apply(p);
        assertEquals(RATIO.share(p) * size, data.size(), 3.0, "part " + p);
        for (int label : labels) {
          long whole = IntStream.of(labels).filter(l -> l == label).count();
          long here = all(data).stream().filter(i -> labels[i] == label).count();
          assertTrue(Math.abs(here - RATIO.share(p) * whole) < 1, "label " + label);
        }
      }
      assertEquals(
          all(split.test()),
          all(Splits.stratified(numbers(size), i -> labels[i], RATIO, round).test()));
    }
  }

  @Test
  void rareLabelsAreNotAlwaysInTheSamePart() {
    Split<Dataset<Integer>> split =
        Splits.stratified(numbers(100), i -> i, new SplitRatio(0.5, 0.5, 0), 1);
    assertEquals(50, split.train().size());
    assertEquals(50, split.validation().size());
  }

  @Test
  void leaksAreFound() {
    Dataset<String> texts = Dataset.of(List.of("a", "b", "a", "c", "B", "d", "e", "f", "g", "d"));
    Split<Dataset<String>> split = Splits.contiguous(texts, new SplitRatio(0.4, 0.4, 0.2));
    LeakReport exact = LeakCheck.check(split, text -> text);
    assertEquals(1, exact.count());
    assertEquals("test[1] = validation[1]", exact.leaks().getFirst().toString());
    LeakReport loose = LeakCheck.check(split, text -> text.toLowerCase(java.util.Locale.ROOT));
    assertEquals(2, loose.count());
    LeakException e = assertThrows(LeakException.class, loose::requireNone);
    assertEquals(2, e.report().count());
    assertTrue(e.getMessage().contains("validation[0] = train[1]"), e.getMessage());
    LeakCheck.check(Splits.contiguous(texts, new SplitRatio(1, 0, 0)), text -> text).requireNone();
  }
}
