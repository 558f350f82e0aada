package dev.quern.transformer.data;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Collects examples until there are enough for a batch. */
final class BatchedStream<E, B> implements ExampleStream<B> {
  private final ExampleStream<E> examples;
  private final int batchSize;
  private final Function<? super List<E>, ? extends B> collate;
  private long position;

  BatchedStream(
      ExampleStream<E> examples,
      long position,
      int batchSize,
      Function<? super List<E>, ? extends B> collate) {
    this.examples = examples;
    this.position = position;
    this.batchSize = batchSize;
    this.collate = collate;
  }

  @Override
  public @Nullable B next() {
    List<E> batch = new ArrayList<>(batchSize);
    while (batch.size() < batchSize) {
      E example = examples.next();
      if (example == null) {
        break;
      }
      batch.add(example);
    }
    if (batch.isEmpty()) {
      return null;
    }
    position++;
    return collate.apply(batch);
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public void close() {
    examples.close();
  }
}
