package dev.quern.transformer.data;

import java.util.List;

/**
 * Makes a batch of examples.
 *
 * @param <E> an example
 */
@FunctionalInterface
public interface Collator<E> {
  /**
   * Makes a batch.
   *
   * @param examples at least 1
   * @return the batch
   */
  Batch collate(List<E> examples);
}
