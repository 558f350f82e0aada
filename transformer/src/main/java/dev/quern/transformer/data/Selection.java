package dev.quern.transformer.data;

import java.util.Objects;
import java.util.function.LongFunction;

/** A dataset made of a number and a function. */
record Selection<E>(long size, LongFunction<? extends E> examples) implements Dataset<E> {
  @Override
  public E get(long index) {
    return examples.apply(Objects.checkIndex(index, size));
  }
}
