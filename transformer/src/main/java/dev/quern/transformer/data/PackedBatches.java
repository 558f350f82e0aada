package dev.quern.transformer.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Packed rows as batches, epoch after epoch without end, as {@link EpochBatches} makes them of
 * single examples.
 *
 * {@snippet :
 * Packing packing = new Packing(256, padId);
 * Dataset<List<Sample>> rows = packing.rows(samples);
 * Dataset<Batch> batches =
 *     new PackedBatches(rows, packing, BatchOrder.shuffled(rows.size(), 16, seed));
 * }
 *
 * @param rows which samples share a row, of {@link Packing#rows(Dataset)}
 * @param packing makes batches of them
 * @param order which rows come together, and when
 */
public record PackedBatches(Dataset<List<Sample>> rows, Packing packing, BatchOrder order)
    implements Dataset<Batch> {
  @Override
  public long size() {
    return Long.MAX_VALUE;
  }

  @Override
  public Batch get(long index) {
    long epoch = Objects.checkIndex(index, size()) / order.batchesPerEpoch();
    List<List<Sample>> chosen = new ArrayList<>();
    for (long row : order.batch(epoch, index % order.batchesPerEpoch())) {
      chosen.add(rows.get(row));
    }
    return packing.collate(chosen);
  }
}
