package dev.quern.transformer.data;

import java.util.Comparator;
import java.util.Objects;
import java.util.function.LongToIntFunction;
import java.util.stream.LongStream;

/**
 * Batches of examples of about the same length, so that little is filled up. Each epoch shuffles
 * all examples, takes pools of {@code pool} batches, sorts each pool by length and cuts it into
 * batches, whose order is shuffled again. Nothing is remembered: a batch is found anew each time.
 *
 * @param size of the dataset
 * @param batchSize at least 1, at most {@code size}; what is left over at the end of an epoch is
 *     left out of it, whatever its length
 * @param pool batches sorted together, at least 1; more means closer lengths and less chance
 * @param lengths of an example by its index; without state, asked once for each example of a pool
 * @param seed of the orders
 */
public record LengthBuckets(
    long size, int batchSize, int pool, LongToIntFunction lengths, long seed)
    implements BatchOrder {
  private static final long BATCHES = 1;

  /** An example and its length, which may take reading it to know. */
  private record Measured(int length, long index) {}

  /**
   * An order.
   *
   * @throws DataException if there is not enough for a batch, or a number is below 1
   */
  public LengthBuckets {
    DataException.atLeast("lengthBuckets", "batchSize", batchSize, 1);
    DataException.atLeast("lengthBuckets", "pool", pool, 1);
    DataException.atLeast("lengthBuckets", "the number of examples", size, batchSize);
  }

  @Override
  public long batchesPerEpoch() {
    return size / batchSize;
  }

  @Override
  public long[] batch(long epoch, long batch) {
    long count = batchesPerEpoch();
    Objects.checkIndex(batch, count);
    long place = Permutation.of(count, Chance.derive(seed, epoch, BATCHES)).apply(batch);
    Permutation order = Permutation.of(size, Chance.derive(seed, epoch));
    long first = place / pool * pool;
    long last = Math.min(first + pool, count);
    return LongStream.range(first * batchSize, last * batchSize)
        .map(order::apply)
        .mapToObj(i -> new Measured(lengths.applyAsInt(i), i))
        .sorted(Comparator.comparingInt(Measured::length).thenComparingLong(Measured::index))
        .skip((place - first) * batchSize)
        .limit(batchSize)
        .mapToLong(Measured::index)
        .toArray();
  }
}
