package dev.quern.transformer.decode;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.LeakReport;
import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.Storage;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.families.Decoder;
import java.util.ArrayList;
import java.util.List;

/**
 * Memory for keys and values of many sequences, in pages of some tokens each (Kwon et al. 2023): a
 * page is those tokens' keys and values in all blocks of a decoder. Sessions of one engine and
 * model share a pool: their sequences take pages as they grow and give them back, and those that
 * begin alike have pages in common. So memory goes by the tokens there are, not by the capacity
 * that sequences may reach. For any number of threads.
 *
 * <pre>{@code
 * try (PagePool pool = model.openPagePool(512);
 *     Session session = model.openSession(SessionOptions.of(8, 4096).withPages(pool))) {
 *   ...
 * }
 * }</pre>
 */
public final class PagePool implements AutoCloseable {
  /**
   * Tokens of a page unless told otherwise. On CUDA tiles of keys of all attention kernels lie in
   * such a page, so that none gathers.
   */
  public static final int PAGE_SIZE = 128;

  private final Engine engine;
  private final Decoder.Dimensions dimensions;
  private final DType dtype;
  private final int pages;
  private final int pageSize;
  private final PageCounts counts;
  private final Lifetime lifetime = new Lifetime("page pool");
  private final List<Storage> storages = new ArrayList<>();
  private final List<CacheLayer> layers = new ArrayList<>();
  private final LeakReport leak;

  /**
   * A pool, all of whose pages are free. There is one page more than can be had: where sequences
   * that sit a step out write.
   *
   * @param engine runs the operations on it; on its device keys and values are
   * @param dimensions of the decoder
   * @param dtype how keys and values are stored, as for {@link KvCache}
   * @param pages how many there are
   * @param pageSize tokens of a page
   * @throws ShapeException if pages or pageSize are not positive, or pages is the largest int
   * @throws dev.quern.core.type.DTypeException if keys and values can't be of that type
   * @throws dev.quern.core.type.DeviceException if there is no more memory
   */
  public PagePool(
      Engine engine, Decoder.Dimensions dimensions, DType dtype, int pages, int pageSize) {
    KvCache.requireStorable(dtype, dimensions);
    if (pages < 1 || pageSize < 1 || pages == Integer.MAX_VALUE) {
      throw new ShapeException(
          "[pagePool] "
              + pages
              + " pages of "
              + pageSize
              + " tokens; take from 1 to "
              + (Integer.MAX_VALUE - 1)
              + " pages of at least 1 token");
    }
    this.engine = engine;
    this.dimensions = dimensions;
    this.dtype = dtype;
    this.pages = pages;
    this.pageSize = pageSize;
    this.counts = new PageCounts(pages);
    for (int i = 0; i < dimensions.layers(); i++) {
      layers.add(new CacheLayer(allocate(), allocate(), null));
    }
    this.leak = LeakReport.watch(this, lifetime, storages);
  }

  private Tensor allocate() {
    TensorSpec spec =
        TensorSpec.of(dtype, pages + 1L, dimensions.kvHeads(), pageSize, dimensions.headDim());
    Storage storage = engine.zeroed(spec, lifetime, true);
    storages.add(storage);
    return engine.wrap(storage, spec).permute(0, 2, 1, 3);
  }

  /**
   * How keys and values are stored.
   *
   * @return the element type
   */
  public DType dtype() {
    return dtype;
  }

  /**
   * How many pages there are.
   *
   * @return pages, held or free
   */
  public int pages() {
    return pages;
  }

  /**
   * Tokens of a page.
   *
   * @return tokens
   */
  public int pageSize() {
    return pageSize;
  }

  /**
   * Pages that nobody holds.
   *
   * @return pages
   */
  public int free() {
    return counts.free();
  }

  /**
   * Pages that some sequence holds; one that several sequences hold counts once.
   *
   * @return pages
   */
  public int used() {
    return pages - counts.free();
  }

  /**
   * Size of all keys and values, held or free.
   *
   * @return bytes
   */
  public long bytes() {
    return pageBytes() * (pages + 1L);
  }

  /**
   * Size of a page's keys and values in all blocks.
   *
   * @return bytes
   */
  public long pageBytes() {
    return storages.stream().mapToLong(s -> s.spec().byteSize() / (pages + 1L)).sum();
  }

  /** How often pages are held. */
  PageCounts counts() {
    return counts;
  }

  /** All blocks, as those see them who have this table of pages. */
  List<CacheLayer> layers(Tensor table) {
    return layers.stream().map(l -> new CacheLayer(l.keys(), l.values(), table)).toList();
  }

  /** Takes pages, all or none. */
  FreshPages take(int count) {
    int[] taken = new int[count];
    if (!counts.take(taken)) {
      throw new PagesExhaustedException(count, counts.free(), this);
    }
    return new FreshPages(counts, taken);
  }

  /** Copies a page's keys and values. */
  void copy(int from, int to) {
    for (CacheLayer l : layers) {
      l.keys().slice(0, to, 1).assign(l.keys().slice(0, from, 1));
      l.values().slice(0, to, 1).assign(l.values().slice(0, from, 1));
    }
  }

  /** Refuses sessions of another engine or of a model whose keys and values are others. */
  Engine require(Engine of, Decoder.Dimensions d) {
    if (!lifetime.isOpen()) {
      throw new ScopeClosedException("[pagePool] it was used after it was closed");
    }
    if (of != engine) {
      throw new QuernException(
          "[pagePool] the session is another engine's; give each engine a pool of its own");
    }
    if (d.layers() != dimensions.layers()
        || d.kvHeads() != dimensions.kvHeads()
        || d.headDim() != dimensions.headDim()) {
      throw new ShapeException(
          "[pagePool] its pages are for "
              + dimensions
              + ", and the session's model has "
              + d
              + "; open a pool for that model with its openPagePool");
    }
    return engine;
  }

  /**
   * Gives its memory back, once all sessions that share it are closed.
   *
   * @throws QuernException if sequences still hold pages; the pool stays open then
   * @throws ScopeClosedException if closed twice
   */
  @Override
  public void close() {
    int used = used();
    if (used > 0) {
      throw new QuernException(
          "[pagePool] "
              + used
              + " pages are still held; close the sessions that share the pool before it");
    }
    if (!lifetime.close(() -> storages.forEach(Storage::recycle))) {
      throw new ScopeClosedException("[pagePool] it was closed twice; close it once");
    }
    leak.done();
  }
}
