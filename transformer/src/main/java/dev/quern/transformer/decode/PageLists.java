package dev.quern.transformer.decode;

/** The pages that each sequence of a batch holds, in the order of its tokens. */
final class PageLists {
  private final PageCounts counts;
  private final int[][] pages; // (batch) (most)
  private final int[] held; // (batch)

  PageLists(PageCounts counts, int batch, int most) {
    this.counts = counts;
    pages = new int[batch][most];
    held = new int[batch];
  }

  /** How many pages a sequence holds. */
  int held(int sequence) {
    return held[sequence];
  }

  /** How many pages all sequences hold; one that several have counts for each. */
  int held() {
    int all = 0;
    for (int h : held) {
      all += h;
    }
    return all;
  }

  /** The page of a place. */
  int page(int sequence, int place) {
    return pages[sequence][place];
  }

  /** Whether a sequence needs another page to write at a place: it has none there, or shares it. */
  boolean lacks(int sequence, int place) {
    return place >= held[sequence] || counts.isShared(pages[sequence][place]);
  }

  /** How often the page of a place is held. */
  int holders(int sequence, int place) {
    return counts.holders(pages[sequence][place]);
  }

  /** Whether two sequences have the same page at a place. */
  boolean isCommon(int sequence, int other, int place) {
    return place < held[sequence]
        && place < held[other]
        && pages[sequence][place] == pages[other][place];
  }

  /** Puts a page, which the sequence holds from now on, behind the others or in another's place. */
  void put(int sequence, int place, int page) {
    if (place == held[sequence]) {
      held[sequence]++;
    } else {
      counts.release(pages[sequence][place]);
    }
    pages[sequence][place] = page;
  }

  /** Gives back all pages of a sequence but the first. */
  void keep(int sequence, int first) {
    while (held[sequence] > first) {
      counts.release(pages[sequence][--held[sequence]]);
    }
  }

  /** Gives all pages back. */
  void clear() {
    for (int i = 0; i < held.length; i++) {
      keep(i, 0);
    }
  }

  /**
   * Sequence i gets the first {@code keep[i]} pages of sequence {@code sources[i]} in the place of
   * its own; both hold them.
   */
  void share(PageLists from, int[] sources, int[] keep) {
    int[][] shared = new int[sources.length][];
    for (int i = 0; i < sources.length; i++) {
      shared[i] = new int[keep[i]];
      System.arraycopy(from.pages[sources[i]], 0, shared[i], 0, keep[i]);
      for (int page : shared[i]) {
        counts.retain(page);
      }
    }
    clear();
    for (int i = 0; i < sources.length; i++) {
      System.arraycopy(shared[i], 0, pages[i], 0, keep[i]);
      held[i] = keep[i];
    }
  }

  /** All places, a row for each sequence; 0 where it holds no page. */
  int[] table() {
    int most = pages[0].length;
    int[] table = new int[pages.length * most];
    for (int i = 0; i < pages.length; i++) {
      System.arraycopy(pages[i], 0, table, i * most, held[i]);
    }
    return table;
  }
}
