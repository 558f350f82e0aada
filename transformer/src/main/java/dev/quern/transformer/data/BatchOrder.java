package dev.quern.transformer.data;

/** Which examples make up which batch of an epoch. Without state, and safe to share. */
public interface BatchOrder {
  /**
   * Batches in an epoch.
   *
   * @return at least 1
   */
  long batchesPerEpoch();

  /**
   * The examples of a batch.
   *
   * @param epoch 0 for the first
   * @param batch 0 to {@code batchesPerEpoch() - 1}
   * @return indices into the dataset, at least 1
   */
  long[] batch(long epoch, long batch);

  /**
   * Examples as they stand, the same in each epoch.
   *
   * @param size of the dataset, at least 1
   * @param batchSize at least 1; the last batch may have fewer
   * @return an order
   * @throws DataException if a number is below 1
   */
  static BatchOrder inOrder(long size, int batchSize) {
    DataException.atLeast("batches", "the number of examples", size, 1);
    DataException.atLeast("batches", "batchSize", batchSize, 1);
    return new PlainOrder(size, batchSize, 0, false);
  }

  /**
   * Each epoch in another order, by a {@link Permutation}.
   *
   * @param size of the dataset
   * @param batchSize at least 1, at most {@code size}; what is left over at the end of an epoch is
   *     left out of it
   * @param seed of the orders
   * @return an order
   * @throws DataException if there is not enough for a batch
   */
  static BatchOrder shuffled(long size, int batchSize, long seed) {
    DataException.atLeast("batches", "batchSize", batchSize, 1);
    DataException.atLeast("batches", "the number of examples", size, batchSize);
    return new PlainOrder(size, batchSize, seed, true);
  }
}
