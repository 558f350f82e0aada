package dev.quern.transformer.data;

import java.util.Objects;

/** Batches of neighbours, in the order of the data or in a shuffled one. */
record PlainOrder(long size, int batchSize, long seed, boolean shuffled) implements BatchOrder {
  @Override
  public long batchesPerEpoch() {
    return shuffled ? size / batchSize : Math.ceilDiv(size, batchSize);
  }

  @Override
  public long[] batch(long epoch, long batch) {
    long first = Objects.checkIndex(batch, batchesPerEpoch()) * batchSize;
    long[] indices = new long[(int) Math.min(batchSize, size - first)];
    Permutation order = shuffled ? Permutation.of(size, Chance.derive(seed, epoch)) : null;
    for (int i = 0; i < indices.length; i++) {
      indices[i] = order == null ? first + i : order.apply(first + i);
    }
    return indices;
  }
}
