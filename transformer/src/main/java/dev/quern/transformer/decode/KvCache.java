package dev.quern.transformer.decode;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.Lifetime;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.ShapeException;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.layers.AttentionCache;
import java.util.List;

/**
 * Keys and values of the tokens that a batch of sequences has so far, for every block of a decoder.
 * Sequences may have different lengths. For one thread.
 *
 * <p>They are in memory of the cache's own, as much as all sequences need to reach the capacity, or
 * in pages of a {@link PagePool}, as many as the tokens there are need.
 *
 * <p>Q8_0 stores a head in blocks of 32 elements, each with a scale: 34 bytes instead of F16's 64.
 * A row is quantised once, when it is written; attention reads it as it is. F8_E4M3 stores each
 * element in a byte, rounded to 4 bits of mantissa, of at most ±448, without any scale; heads may
 * have any size.
 */
public abstract sealed class KvCache implements AutoCloseable permits ContiguousCache, PagedCache {
  private static final List<DType> DTYPES =
      List.of(ScalarType.F32, ScalarType.F16, ScalarType.BF16, ScalarType.F8_E4M3, BlockType.Q8_0);

  private final DType dtype;
  private final int capacity;
  private final int[] lengths;
  private final Lifetime lifetime = new Lifetime("KV cache");
  private long changes;

  KvCache(DType dtype, int batch, int capacity) {
    if (batch < 1 || capacity < 1) {
      throw new ShapeException(
          "[kvCache] batch " + batch + " and capacity " + capacity + " must be at least 1");
    }
    this.dtype = dtype;
    this.capacity = capacity;
    this.lengths = new int[batch];
  }

  /**
   * An empty cache.
   *
   * @param engine runs the operations on it; on its device keys and values are
   * @param dimensions of the decoder
   * @param options batch, capacity, the pool if there is one, and else the type, F32 without one
   * @return the cache, to be closed
   * @throws DTypeException if it can't be of that type, or heads are not whole blocks of it
   */
  public static KvCache of(Engine engine, Decoder.Dimensions dimensions, SessionOptions options) {
    PagePool pool = options.pages();
    if (pool != null) {
      return new PagedCache(engine, dimensions, pool, options.batch(), options.capacity());
    }
    DType asked = options.cacheDType();
    DType dtype = asked == null ? ScalarType.F32 : asked;
    return new ContiguousCache(engine, dimensions, dtype, options.batch(), options.capacity());
  }

  /** Refuses types that keys and values of a decoder can't be stored in. */
  static void requireStorable(DType dtype, Decoder.Dimensions dimensions) {
    checkDType(dtype);
    if (dimensions.headDim() % dtype.blockLength() != 0) {
      throw new DTypeException(
          "[kvCache] "
              + dtype.name()
              + " stores "
              + dtype.blockLength()
              + " elements of a head together, and the heads of this model have "
              + dimensions.headDim()
              + "; take F16");
    }
  }

  /** Refuses types that keys and values can't be stored in. */
  static void checkDType(DType dtype) {
    if (!DTYPES.contains(dtype)) {
      throw new DTypeException(
          "[kvCache] a KV cache can't be "
              + dtype.name()
              + "; take F32, F16, BF16, F8_E4M3 or Q8_0");
    }
  }

  /**
   * Number of sequences.
   *
   * @return the batch
   */
  public final int batch() {
    return lengths.length;
  }

  /**
   * How keys and values are stored.
   *
   * @return F32, F16, BF16, F8_E4M3 or Q8_0
   */
  public final DType dtype() {
    return dtype;
  }

  /**
   * How many tokens each sequence may have.
   *
   * @return tokens
   */
  public final int capacity() {
    return capacity;
  }

  /** Where a sequence writes that sits a step out: a row that no other reads. */
  abstract int idleRow();

  /**
   * Number of tokens of a sequence.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @return tokens
   */
  public final int length(int sequence) {
    return lengths[check(sequence)];
  }

  /**
   * Size of the keys and values.
   *
   * @return bytes; of pages those that sequences hold, each for each
   */
  public abstract long bytes();

  /**
   * All blocks, for the whole batch.
   *
   * @return one per block
   */
  public abstract List<? extends AttentionCache> layers();

  /**
   * All blocks, for one sequence.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @return one per block, of batch 1
   */
  public final List<? extends AttentionCache> layers(int sequence) {
    return sequenceLayers(check(sequence));
  }

  abstract List<? extends AttentionCache> sequenceLayers(int sequence);

  /**
   * Makes room for the next steps: before whatever writes is run.
   *
   * @param tokens one per sequence; {@link Session#IDLE} for a sequence that sits the steps out
   * @param count how many steps
   * @throws ContextLengthException if a sequence has no room for as many
   * @throws PagesExhaustedException if its pool has too few pages; then it is as it was
   */
  final void reserve(int[] tokens, int count) {
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] != Session.IDLE) {
        requireRoom(i, count);
      }
    }
    hold(tokens, count);
  }

  /**
   * Makes room for tokens of one sequence.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @param count how many
   * @throws ContextLengthException if that exceeds the capacity
   * @throws PagesExhaustedException if its pool has too few pages; then it is as it was
   */
  final void reserve(int sequence, int count) {
    requireRoom(sequence, count);
    hold(sequence, count);
  }

  /** Gets memory for steps that the capacity has room for. */
  abstract void hold(int[] tokens, int count);

  /** Gets memory for tokens that the capacity has room for. */
  abstract void hold(int sequence, int count);

  /**
   * Notes that tokens were written behind those there were.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @param count how many
   * @throws ContextLengthException if that exceeds the capacity
   */
  final void advance(int sequence, int count) {
    requireRoom(sequence, count);
    lengths[sequence] += count;
    changes++;
  }

  /**
   * Refuses more tokens than fit.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @param count how many are to be written
   * @throws ContextLengthException if that exceeds the capacity
   */
  final void requireRoom(int sequence, int count) {
    int length = length(sequence);
    if (count > capacity - length) {
      throw new ContextLengthException(
          "[kvCache] sequence "
              + sequence
              + " has "
              + length
              + " tokens and "
              + count
              + " more don't fit in its capacity of "
              + capacity
              + "; truncate it, or open a session of a larger capacity");
    }
  }

  /**
   * Forgets the end of a sequence.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @param length 0 ≤ length ≤ present length
   */
  public final void truncate(int sequence, int length) {
    rewind(sequence, length);
    shortened(sequence);
  }

  /** Gives back what a sequence has no use for at its length. */
  abstract void shortened(int sequence);

  /** As {@link #truncate}, but what was behind the length stays there, to be advanced over. */
  final void rewind(int sequence, int length) {
    if (length < 0 || length > length(sequence)) {
      throw new ShapeException(
          "[kvCache] sequence "
              + sequence
              + " has "
              + length(sequence)
              + " tokens and can't be truncated to "
              + length);
    }
    lengths[sequence] = length;
    changes++;
  }

  /**
   * A new cache whose sequence i continues sequence {@code sources[i]} of this one. In pages of a
   * pool nothing is copied before one of the two writes to a page that both have.
   *
   * @param sources 0 ≤ source &lt; batch; one may come several times
   * @return a cache of its own, to be closed
   */
  public final KvCache fork(int... sources) {
    for (int s : sources) {
      check(s);
    }
    KvCache forked = empty(sources.length);
    try {
      forked.become(this, sources);
      return forked;
    } catch (RuntimeException e) {
      forked.close();
      throw e;
    }
  }

  /**
   * Sequence i becomes what sequence {@code sources[i]} was: beam search's choice of survivors.
   *
   * @param sources one per sequence, 0 ≤ source &lt; batch; one may come several times
   */
  public final void reorder(int... sources) {
    if (sources.length != lengths.length) {
      throw new ShapeException(
          "[kvCache] reorder takes one source per sequence ("
              + lengths.length
              + "), got "
              + sources.length);
    }
    for (int s : sources) {
      check(s);
    }
    become(this, sources);
  }

  private void become(KvCache from, int[] sources) {
    int[] copied = new int[sources.length];
    for (int i = 0; i < sources.length; i++) {
      copied[i] = from.lengths[sources[i]];
    }
    adopt(from, sources, copied);
    System.arraycopy(copied, 0, lengths, 0, copied.length);
    changes++;
  }

  /** An empty cache of another batch, which may {@link #adopt} this one's sequences. */
  abstract KvCache empty(int batch);

  /** Takes over sequences of a cache of its kind, of it as well, and of each so many tokens. */
  abstract void adopt(KvCache from, int[] sources, int[] copied);

  /** Another number whenever a sequence was advanced, shortened or became another. */
  final long changes() {
    return changes;
  }

  /** Until when it may be used. */
  final Lifetime lifetime() {
    return lifetime;
  }

  private int check(int sequence) {
    if (!lifetime.isOpen()) {
      throw new ScopeClosedException("[kvCache] it was used after it was closed");
    }
    if (sequence < 0 || sequence >= lengths.length) {
      throw new ShapeException(
          "[kvCache] there is no sequence " + sequence + " in a batch of " + lengths.length);
    }
    return sequence;
  }

  /**
   * Gives its memory back. If an operation of another thread is using it, the memory is recycled
   * when that has ended; the next use throws.
   *
   * @throws ScopeClosedException if closed twice
   */
  @Override
  public final void close() {
    if (!lifetime.close(this::free)) {
      throw new ScopeClosedException("[kvCache] it was closed twice; close it once");
    }
    closed();
  }

  /** Gives its memory back, when nobody uses it any more. */
  abstract void free();

  /** Says that nobody forgot it. */
  abstract void closed();
}
