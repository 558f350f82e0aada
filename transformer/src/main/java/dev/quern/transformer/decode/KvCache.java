package dev.quern.transformer.decode;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.LeakReport;
import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.Storage;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.layers.AttentionCache;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Keys and values of the tokens that a batch of sequences has so far, for every block of a decoder.
 * Sequences may have different lengths. For one thread.
 *
 * <p>In memory a block's keys are [batch, kvHeads, rows, headDim], so that a head's keys follow
 * each other; attention sees them as [batch, rows, kvHeads, headDim]. There is one row more than
 * the capacity: where a sequence that sits a step out writes.
 *
 * <p>Q8_0 stores a head in blocks of 32 elements, each with a scale: 34 bytes instead of F16's 64.
 * A row is quantised once, when it is written; attention reads it as it is. F8_E4M3 stores each
 * element in a byte, rounded to 4 bits of mantissa, of at most ±448, without any scale; heads may
 * have any size.
 */
public final class KvCache implements AutoCloseable {
  private static final List<DType> DTYPES =
      List.of(ScalarType.F32, ScalarType.F16, ScalarType.BF16, ScalarType.F8_E4M3, BlockType.Q8_0);

  private final Engine engine;
  private final Decoder.Dimensions dimensions;
  private final DType dtype;
  private final int capacity;
  private final int[] lengths;
  private final Lifetime lifetime = new Lifetime("KV cache");
  private final List<Storage> storages = new ArrayList<>();
  private final List<Layer> layers = new ArrayList<>();
  private final LeakReport leak;

  /**
   * One block's cache.
   *
   * @param keys [batch, rows, kvHeads, headDim]
   * @param values [batch, rows, kvHeads, headDim]
   */
  private record Layer(Tensor keys, Tensor values) implements AttentionCache {
    @Override
    public void write(Tensor newKeys, Tensor newValues, Tensor starts) {
      keys.executor().apply(new BufferOp.CacheWrite(), List.of(keys, newKeys, starts));
      values.executor().apply(new BufferOp.CacheWrite(), List.of(values, newValues, starts));
    }
  }

  /**
   * An empty cache.
   *
   * @param engine runs the operations on it; on its device keys and values are
   * @param dimensions of the decoder
   * @param dtype F32|F16|BF16|F8_E4M3|Q8_0: how keys and values are stored
   * @param batch number of sequences
   * @param capacity how many tokens each sequence may have
   * @throws ShapeException if batch or capacity are not positive
   * @throws DTypeException if it can't be of that type, or heads are not whole blocks of it
   */
  public KvCache(
      Engine engine, Decoder.Dimensions dimensions, DType dtype, int batch, int capacity) {
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
    if (batch < 1 || capacity < 1) {
      throw new ShapeException(
          "[kvCache] batch " + batch + " and capacity " + capacity + " must be at least 1");
    }
    this.engine = engine;
    this.dimensions = dimensions;
    this.dtype = dtype;
    this.capacity = capacity;
    this.lengths = new int[batch];
    for (int i = 0; i < dimensions.layers(); i++) {
      layers.add(new Layer(allocate(), allocate()));
    }
    this.leak = LeakReport.watch(this, lifetime, storages);
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

  private Tensor allocate() {
    TensorSpec spec =
        TensorSpec.of(
            dtype, lengths.length, dimensions.kvHeads(), capacity + 1L, dimensions.headDim());
    Storage storage = engine.zeroed(spec, lifetime, true);
    storages.add(storage);
    return engine.wrap(storage, spec).permute(0, 2, 1, 3);
  }

  /**
   * Number of sequences.
   *
   * @return the batch
   */
  public int batch() {
    return lengths.length;
  }

  /**
   * How keys and values are stored.
   *
   * @return F32, F16, BF16, F8_E4M3 or Q8_0
   */
  public DType dtype() {
    return dtype;
  }

  /**
   * How many tokens each sequence may have.
   *
   * @return tokens
   */
  public int capacity() {
    return capacity;
  }

  /**
   * Where a sequence writes that sits a step out: a row that nobody reads.
   *
   * @return the row after the capacity
   */
  int idleRow() {
    return capacity;
  }

  /**
   * Number of tokens of a sequence.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @return tokens
   */
  public int length(int sequence) {
    return lengths[check(sequence)];
  }

  /**
   * Size of the keys and values.
   *
   * @return bytes
   */
  public long bytes() {
    return storages.stream().mapToLong(s -> s.spec().byteSize()).sum();
  }

  /**
   * All blocks, for the whole batch.
   *
   * @return one per block
   */
  public List<? extends AttentionCache> layers() {
    return List.copyOf(layers);
  }

  /**
   * All blocks, for one sequence.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @return one per block, of batch 1
   */
  public List<? extends AttentionCache> layers(int sequence) {
    check(sequence);
    return layers.stream()
        .map(l -> new Layer(l.keys.slice(0, sequence, 1), l.values.slice(0, sequence, 1)))
        .toList();
  }

  /**
   * Notes that tokens were written behind those there were.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @param count how many
   * @throws ContextLengthException if that exceeds the capacity
   */
  void advance(int sequence, int count) {
    requireRoom(sequence, count);
    lengths[sequence] += count;
  }

  /**
   * Refuses more tokens than fit.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @param count how many are to be written
   * @throws ContextLengthException if that exceeds the capacity
   */
  void requireRoom(int sequence, int count) {
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
  public void truncate(int sequence, int length) {
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
  }

  /**
   * A new cache whose sequence i continues sequence {@code sources[i]} of this one.
   *
   * @param sources 0 ≤ source &lt; batch; one may come several times
   * @return a cache of its own memory, to be closed
   */
  public KvCache fork(int... sources) {
    for (int s : sources) {
      check(s);
    }
    KvCache forked = new KvCache(engine, dimensions, dtype, sources.length, capacity);
    forked.copyFrom(this, sources);
    return forked;
  }

  /**
   * Sequence i becomes what sequence {@code sources[i]} was: beam search's choice of survivors.
   *
   * @param sources one per sequence, 0 ≤ source &lt; batch; one may come several times
   */
  public void reorder(int... sources) {
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
    copyFrom(this, sources);
  }

  private void copyFrom(KvCache from, int[] sources) {
    int[] copied = new int[sources.length];
    for (int i = 0; i < sources.length; i++) {
      copied[i] = from.lengths[sources[i]];
    }
    int longest = Arrays.stream(copied).max().orElse(0);
    if (longest > 0) {
      try (TensorScope _ = TensorScope.open("kv cache copy")) {
        Tensor index = engine.tensor(sources);
        for (int i = 0; i < layers.size(); i++) {
          copy(from.layers.get(i).keys, layers.get(i).keys, index, longest);
          copy(from.layers.get(i).values, layers.get(i).values, index, longest);
        }
      }
    }
    System.arraycopy(copied, 0, lengths, 0, copied.length);
  }

  /** Gathers into memory of its own first, so that source and target may be the same. */
  private static void copy(Tensor from, Tensor to, Tensor index, int rows) {
    to.slice(1, 0, rows).assign(from.slice(1, 0, rows).indexSelect(0, index));
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
  public void close() {
    if (!lifetime.close(() -> storages.forEach(Storage::recycle))) {
      throw new ScopeClosedException("[kvCache] it was closed twice; close it once");
    }
    leak.done();
  }
}
