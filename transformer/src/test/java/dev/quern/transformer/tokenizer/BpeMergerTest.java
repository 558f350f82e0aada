package dev.quern.transformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Merging with a list and with a heap against the definition, written out. */
class BpeMergerTest {
  /** Merges small numbers: which pairs merge, how soon, and into what, is random. */
  private static final class RandomMerger extends BpeMerger {
    private final Map<Long, Integer> handles = new HashMap<>();
    private final List<int[]> merges = new ArrayList<>();

    RandomMerger(Random random, int symbols) {
      for (int i = 0; i < 3 * symbols; i++) {
        int left = random.nextInt(symbols);
        int right = random.nextInt(symbols);
        if (handles.putIfAbsent(key(left, right), merges.size()) == null) {
          merges.add(new int[] {random.nextInt(2 * symbols), random.nextInt(symbols)});
        }
      }
    }

    private static long key(int left, int right) {
      return (long) left << 32 | right;
    }

    int find(int left, int right) {
      return handles.getOrDefault(key(left, right), -1);
    }

    @Override
    int pair(int left, int right) {
      return find(id(left), id(right));
    }

    @Override
    int priority(int handle) {
      return merges.get(handle)[0];
    }

    @Override
    int result(int handle) {
      return merges.get(handle)[1];
    }

    List<Integer> merged(List<Integer> symbols) {
      clear();
      for (int i = 0; i < symbols.size(); i++) {
        add(symbols.get(i), i, i + 1);
      }
      merge();
      List<Integer> result = new ArrayList<>();
      int at = 0;
      for (int i = first(); i >= 0; i = next(i)) {
        assertEquals(at, start(i), "symbols cover the text");
        at = end(i);
        result.add(id(i));
      }
      assertEquals(symbols.size(), at);
      return result;
    }

    /** The best pair, the leftmost among equals, again and again. */
    List<Integer> mergedByDefinition(List<Integer> symbols) {
      List<Integer> list = new ArrayList<>(symbols);
      while (true) {
        int best = -1;
        int bestHandle = -1;
        for (int i = 0; i + 1 < list.size(); i++) {
          int handle = find(list.get(i), list.get(i + 1));
          if (handle >= 0 && (best < 0 || priority(handle) < priority(bestHandle))) {
            best = i;
            bestHandle = handle;
          }
        }
        if (best < 0) {
          return list;
        }
        list.set(best, result(bestHandle));
        list.subList(best + 1, best + 2).clear();
      }
    }
  }

  @Test
  void mergesAsDefined() {
    Random random = new Random(11);
    for (int round = 0; round < 400; round++) {
      int symbols = 2 + random.nextInt(12);
      RandomMerger merger = new RandomMerger(random, symbols);
      for (int length : new int[] {0, 1, 2, 5, 39, 40, 41, 42, 150}) {
        List<Integer> text = new ArrayList<>();
        for (int i = 0; i < length; i++) {
          text.add(random.nextInt(symbols));
        }
        assertEquals(merger.mergedByDefinition(text), merger.merged(text));
      }
    }
  }
}
