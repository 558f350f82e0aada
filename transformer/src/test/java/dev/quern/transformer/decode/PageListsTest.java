package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PageListsTest {
  private static final int PAGES = 23;
  private static final int BATCH = 3;
  private static final int MOST = 6;

  /** What all lists hold is what the counts say, and what sequences hold is as the model has it. */
  private static void check(PageCounts counts, List<PageLists> all, List<int[][]> model) {
    int[] held = new int[PAGES + 1];
    for (int[][] batch : model) {
      for (int[] pages : batch) {
        for (int page : pages) {
          held[page]++;
        }
      }
    }
    assertEquals(0, held[0], "page 0 is nobody's");
    int used = 0;
    for (int page = 1; page <= PAGES; page++) {
      used += held[page] > 0 ? 1 : 0;
      assertEquals(held[page] > 1, counts.isShared(page));
    }
    assertEquals(PAGES - used, counts.free());
    for (int l = 0; l < all.size(); l++) {
      int[] expected = new int[BATCH * MOST];
      int together = 0;
      for (int b = 0; b < BATCH; b++) {
        int[] pages = model.get(l)[b];
        assertEquals(pages.length, all.get(l).held(b));
        System.arraycopy(pages, 0, expected, b * MOST, pages.length);
        together += pages.length;
      }
      assertArrayEquals(expected, all.get(l).table());
      assertEquals(together, all.get(l).held());
    }
  }

  /** Sequences grow, shrink, are shared and written to at random; a model says what they hold. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void holdWhatTheyWereGivenAndGiveItBack(long seed) {
    Random random = new Random(seed);
    PageCounts counts = new PageCounts(PAGES);
    List<PageLists> all = new ArrayList<>();
    List<int[][]> model = new ArrayList<>();
    for (int l = 0; l < 3; l++) {
      all.add(new PageLists(counts, BATCH, MOST));
      model.add(new int[BATCH][0]);
    }
    for (int step = 0; step < 2000; step++) {
      int l = random.nextInt(all.size());
      int b = random.nextInt(BATCH);
      PageLists lists = all.get(l);
      int[] pages = model.get(l)[b];
      switch (random.nextInt(4)) {
        case 0 -> {
          int place = random.nextInt(Math.min(pages.length + 1, MOST));
          assertEquals(
              place == pages.length || counts.isShared(pages[place]), lists.lacks(b, place));
          int[] taken = new int[1];
          if (lists.lacks(b, place) && counts.take(taken)) {
            lists.put(b, place, taken[0]);
            int[] grown = Arrays.copyOf(pages, Math.max(pages.length, place + 1));
            grown[place] = taken[0];
            model.get(l)[b] = grown;
          }
        }
        case 1 -> {
          int keep = random.nextInt(pages.length + 1);
          lists.keep(b, keep);
          model.get(l)[b] = Arrays.copyOf(pages, keep);
        }
        case 2 -> {
          int from = random.nextInt(all.size());
          int[] sources = random.ints(BATCH, 0, BATCH).toArray();
          int[] keep = new int[BATCH];
          int[][] shared = new int[BATCH][];
          for (int i = 0; i < BATCH; i++) {
            int[] source = model.get(from)[sources[i]];
            keep[i] = random.nextInt(source.length + 1);
            shared[i] = Arrays.copyOf(source, keep[i]);
          }
          lists.share(all.get(from), sources, keep);
          model.set(l, shared);
        }
        default -> {
          if (random.nextInt(20) == 0) {
            lists.clear();
            model.set(l, new int[BATCH][0]);
          }
        }
      }
      check(counts, all, model);
    }
    all.forEach(PageLists::clear);
    assertEquals(PAGES, counts.free());
  }

  @Test
  void pagesAreTakenAllOrNone() {
    PageCounts counts = new PageCounts(5);
    int[] three = new int[3];
    assertTrue(counts.take(three));
    assertFalse(counts.take(new int[3]));
    assertEquals(2, counts.free());
    assertTrue(counts.take(new int[2]));
    counts.release(three[1]);
    int[] again = new int[1];
    assertTrue(counts.take(again));
    assertEquals(three[1], again[0]);
  }

  @Test
  void freshPagesThatNobodyGotGoBack() {
    PageCounts counts = new PageCounts(4);
    int[] taken = new int[3];
    assertTrue(counts.take(taken));
    try (FreshPages fresh = new FreshPages(counts, taken)) {
      assertEquals(taken[0], fresh.peek());
      fresh.give();
      assertEquals(taken[1], fresh.peek());
    }
    assertEquals(3, counts.free());
  }

  @Test
  void whatNobodyHoldsIsNotGivenBack() {
    PageCounts counts = new PageCounts(2);
    assertThrows(IllegalStateException.class, () -> counts.release(1));
    assertThrows(IllegalStateException.class, () -> counts.retain(2));
    assertThrows(IllegalStateException.class, () -> counts.release(0));
  }
}
