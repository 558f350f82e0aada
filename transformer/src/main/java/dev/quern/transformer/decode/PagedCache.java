package dev.quern.transformer.decode;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.LeakReport;
import dev.quern.core.memory.Storage;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.families.Decoder;
import java.util.Arrays;
import java.util.List;

/**
 * A cache whose sequences have pages of a {@link PagePool}, which they take as they grow. Copies of
 * sequences share pages; who writes to a page that others have too gets a copy of it first.
 *
 * <p>The table, [batch, n] I32, is a tensor beside the pool: whatever was recorded over the cache
 * reads it anew in each run. It is written when a step needs it to be another, so not between the
 * ends of pages. A sequence that sits a step out has page 0 first, and writes and reads its first
 * row.
 */
final class PagedCache extends KvCache {
  private final Engine engine;
  private final Decoder.Dimensions dimensions;
  private final PagePool pool;
  private final PageLists lists;
  private final Storage storage;
  private final Tensor table;
  private final boolean[] idle;
  private final LeakReport leak;
  private boolean changed;

  /** An empty cache. */
  PagedCache(Engine engine, Decoder.Dimensions dimensions, PagePool pool, int batch, int capacity) {
    super(pool.dtype(), batch, capacity);
    this.engine = pool.require(engine, dimensions);
    this.dimensions = dimensions;
    this.pool = pool;
    int most = pages(capacity);
    lists = new PageLists(pool.counts(), batch, most);
    idle = new boolean[batch];
    TensorSpec spec = TensorSpec.of(ScalarType.I32, batch, most);
    storage = engine.zeroed(spec, lifetime(), true);
    table = engine.wrap(storage, spec);
    leak = LeakReport.watch(this, lifetime(), List.of(storage), lists::clear);
  }

  /** Pages of so many tokens. */
  private int pages(int tokens) {
    return Math.ceilDiv(tokens, pool.pageSize());
  }

  @Override
  int idleRow() {
    return 0;
  }

  @Override
  public long bytes() {
    return lists.held() * pool.pageBytes();
  }

  @Override
  public List<CacheLayer> layers() {
    return pool.layers(table);
  }

  @Override
  List<CacheLayer> sequenceLayers(int sequence) {
    return pool.layers(table.slice(0, sequence, 1));
  }

  @Override
  void hold(int[] tokens, int count) {
    int lacking = 0;
    for (int i = 0; i < tokens.length; i++) {
      int own = tokens[i] == Session.IDLE ? 0 : lacking(i, count);
      lacking += own == 0 ? 0 : own - left(tokens, i, count);
    }
    if (lacking > 0) {
      try (FreshPages fresh = pool.take(lacking)) {
        for (int i = 0; i < tokens.length; i++) {
          if (tokens[i] != Session.IDLE) {
            grow(i, count, fresh);
          }
        }
      }
    }
    for (int i = 0; i < tokens.length; i++) {
      rest(i, tokens[i] == Session.IDLE);
    }
    publish();
  }

  @Override
  void hold(int sequence, int count) {
    int lacking = lacking(sequence, count);
    if (lacking > 0) {
      try (FreshPages fresh = pool.take(lacking)) {
        grow(sequence, count, fresh);
      }
    }
    rest(sequence, false);
    publish();
  }

  /** How many pages a sequence needs, to write so many tokens behind those it has. */
  private int lacking(int sequence, int count) {
    int lacking = 0;
    for (int at = first(sequence); at < end(sequence, count); at++) {
      lacking += lists.lacks(sequence, at) ? 1 : 0;
    }
    return lacking;
  }

  /**
   * How many of the pages that a sequence {@link #lacking lacks} it doesn't when its turn comes:
   * whoever shares them grows before it, and has copies then.
   */
  private int left(int[] tokens, int sequence, int count) {
    int left = 0;
    for (int at = first(sequence); at < end(sequence, count); at++) {
      int before = 0;
      for (int i = 0; i < sequence; i++) {
        boolean writes = tokens[i] != Session.IDLE && at >= first(i) && at < end(i, count);
        before += writes && lists.isCommon(sequence, i, at) ? 1 : 0;
      }
      left += before > 0 && before == lists.holders(sequence, at) - 1 ? 1 : 0;
    }
    return left;
  }

  /** The place of the page to which a sequence writes first. */
  private int first(int sequence) {
    return length(sequence) / pool.pageSize();
  }

  /** The place behind those to which it writes so many tokens. */
  private int end(int sequence, int count) {
    return pages(length(sequence) + count);
  }

  private void grow(int sequence, int count, FreshPages fresh) {
    int length = length(sequence);
    for (int at = first(sequence); at < end(sequence, count); at++) {
      if (lists.lacks(sequence, at)) {
        if (at * pool.pageSize() < length) {
          pool.copy(lists.page(sequence, at), fresh.peek());
        }
        lists.put(sequence, at, fresh.peek());
        fresh.give();
        changed = true;
      }
    }
  }

  private void rest(int sequence, boolean sitsOut) {
    changed |= idle[sequence] != sitsOut;
    idle[sequence] = sitsOut;
  }

  /** Writes the table, if it isn't as it was. */
  private void publish() {
    if (!changed) {
      return;
    }
    int most = pages(capacity());
    int[] pages = lists.table();
    for (int i = 0; i < idle.length; i++) {
      if (idle[i]) {
        pages[i * most] = 0;
      }
    }
    try (TensorScope _ = TensorScope.open("page table")) {
      table.assign(engine.tensor(pages, idle.length, most));
    }
    changed = false;
  }

  @Override
  void shortened(int sequence) {
    lists.keep(sequence, pages(length(sequence)));
  }

  @Override
  KvCache empty(int batch) {
    return new PagedCache(engine, dimensions, pool, batch, capacity());
  }

  @Override
  void adopt(KvCache from, int[] sources, int[] copied) {
    int[] keep = new int[copied.length];
    Arrays.setAll(keep, i -> pages(copied[i]));
    lists.share(((PagedCache) from).lists, sources, keep);
    changed = true;
  }

  @Override
  void free() {
    lists.clear();
    storage.recycle();
  }

  @Override
  void closed() {
    leak.done();
  }
}
