package dev.quern.transformer.data;

import org.jspecify.annotations.Nullable;

/** A dataset from some index on. */
final class DatasetStream<E> implements ExampleStream<E> {
  private final Dataset<E> dataset;
  private long position;

  DatasetStream(Dataset<E> dataset, long position) {
    this.dataset = dataset;
    this.position = position;
  }

  @Override
  public @Nullable E next() {
    return position < dataset.size() ? dataset.get(position++) : null;
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public void close() {}
}
