package dev.quern.transformer.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PermutationTest {
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 255, 257, 1000, 4097, 70_000})
  void everyNumberComesOnce(int size) {
    for (long seed = 0; seed < 5; seed++) {
      Permutation p = Permutation.of(size, seed);
      BitSet seen = new BitSet();
      for (int i = 0; i < size; i++) {
        long number = p.apply(i);
        assertTrue(number >= 0 && number < size);
        assertEquals(i, p.placeOf(number));
        seen.set((int) number);
      }
      assertEquals(size, seen.cardinality());
    }
  }

  @Test
  void hugeOnesNeedNoMemory() {
    Permutation p = Permutation.of(1L << 62, 9);
    for (long i : new long[] {0, 1, 1L << 40, (1L << 62) - 1}) {
      assertEquals(i, p.placeOf(p.apply(i)));
    }
    assertThrows(DataException.class, () -> Permutation.of((1L << 62) + 1, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> Permutation.of(5, 0).apply(5));
  }

  /** All 6 orders of 3 numbers, and of 120 orders of 5 all, each about equally often. */
  @Test
  void smallOnesAreUniform() {
    for (int size : new int[] {3, 5}) {
      int orders = size == 3 ? 6 : 120;
      int draws = orders * 200;
      Map<List<Long>, Integer> counts = new HashMap<>();
      for (int seed = 0; seed < draws; seed++) {
        Permutation p = Permutation.of(size, seed);
        counts.merge(LongStream.range(0, size).map(p::apply).boxed().toList(), 1, Integer::sum);
      }
      assertEquals(orders, counts.size());
      double chi2 = counts.values().stream().mapToDouble(c -> (c - 200.0) * (c - 200) / 200).sum();
      // The 99.99 % quantiles of chi² with 5 and 119 degrees of freedom are 25.7 and 183.
      assertTrue(chi2 < (size == 3 ? 25.7 : 183), size + ": " + chi2);
    }
  }

  @Test
  void neighboursAreParted() {
    Permutation p = Permutation.of(100_000, 3);
    double sum = 0;
    for (int i = 1; i < 100_000; i++) {
      sum += Math.abs(p.apply(i) - p.apply(i - 1));
    }
    // Two independent places are a third of the size apart.
    assertEquals(100_000 / 3.0, sum / 99_999, 500);
    assertNotEquals(p.apply(0), Permutation.of(100_000, 4).apply(0));
  }
}
