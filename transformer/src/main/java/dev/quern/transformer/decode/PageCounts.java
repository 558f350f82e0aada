package dev.quern.transformer.decode;

/**
 * How often each page of a pool is held. Page 0 is nobody's and never given out. For any number of
 * threads.
 */
final class PageCounts {
  private final int[] counts;
  private final int[] free; // a stack: the page that was given back last is taken first
  private int left;

  /** Of so many pages, numbered from 1, all free. */
  PageCounts(int pages) {
    counts = new int[pages + 1];
    free = new int[pages];
    for (int page = pages; page > 0; page--) {
      free[left++] = page;
    }
  }

  /** Takes free pages, each held once: all of them, or none and false if there are too few. */
  synchronized boolean take(int[] into) {
    if (into.length > left) {
      return false;
    }
    for (int i = 0; i < into.length; i++) {
      into[i] = free[--left];
      counts[into[i]] = 1;
    }
    return true;
  }

  /** Holds a page that somebody holds once more. */
  synchronized void retain(int page) {
    require(page);
    counts[page]++;
  }

  /** Holds a page once less; a page that nobody holds is free. */
  synchronized void release(int page) {
    require(page);
    counts[page]--;
    if (counts[page] == 0) {
      free[left++] = page;
    }
  }

  /** Whether a page is held more than once: then nobody may write to it. */
  synchronized boolean isShared(int page) {
    return counts[page] > 1;
  }

  /** How often a page is held. */
  synchronized int holders(int page) {
    return counts[page];
  }

  /** Pages that nobody holds. */
  synchronized int free() {
    return left;
  }

  private void require(int page) {
    if (page < 1 || page >= counts.length || counts[page] == 0) {
      throw new IllegalStateException("page " + page + " is held by nobody");
    }
  }
}
