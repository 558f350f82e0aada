package dev.quern.transformer.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Examples as batches, epoch after epoch without end: batch n is batch {@code n mod
 * batchesPerEpoch} of epoch {@code n / batchesPerEpoch}. What an objective draws depends on the
 * seed, the epoch and the example alone.
 *
 * {@snippet :
 * Dataset<int[]> texts = rows.map(row -> tokenizer.encode(row.text("text")));
 * Dataset<Batch> batches =
 *     new EpochBatches<>(
 *         texts,
 *         new CausalLm(),
 *         new Padding(0),
 *         BatchOrder.shuffled(texts.size(), 16, seed),
 *         seed);
 * }
 *
 * @param data the examples
 * @param objective what is to be learnt from them
 * @param collator makes batches of what the objective makes of them
 * @param order which examples come together, and when
 * @param seed of what the objective draws
 * @param <E> an example
 */
public record EpochBatches<E>(
    Dataset<E> data,
    Objective<? super E> objective,
    Collator<Sample> collator,
    BatchOrder order,
    long seed)
    implements Dataset<Batch> {
  @Override
  public long size() {
    return Long.MAX_VALUE;
  }

  @Override
  public Batch get(long index) {
    long epoch = Objects.checkIndex(index, size()) / order.batchesPerEpoch();
    List<Sample> samples = new ArrayList<>();
    for (long i : order.batch(epoch, index % order.batchesPerEpoch())) {
      samples.add(objective.prepare(data.get(i), Chance.of(seed, epoch, i)));
    }
    return collator.collate(samples);
  }
}
