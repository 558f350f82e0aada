package dev.quern.transformer.decode;

/** Pages that were taken from a pool for sequences to come; what none of them got goes back. */
final class FreshPages implements AutoCloseable {
  private final PageCounts counts;
  private final int[] pages;
  private int given;

  FreshPages(PageCounts counts, int... pages) {
    this.counts = counts;
    this.pages = pages;
  }

  /** The next page, still to be given. */
  int peek() {
    return pages[given];
  }

  /** Says that a sequence holds the next page from now on. */
  void give() {
    given++;
  }

  @Override
  public void close() {
    for (; given < pages.length; given++) {
      counts.release(pages[given]);
    }
  }
}
