package dev.quern.transformer.data;

/**
 * What a model is to learn from an example: which ids it sees, and what it is to predict.
 *
 * @param <E> an example, such as its token ids
 */
@FunctionalInterface
public interface Objective<E> {
  /**
   * Prepares an example.
   *
   * @param example one of the dataset
   * @param chance belongs to this example in this epoch: what is drawn from it is the same when the
   *     run is resumed, and another in the next epoch
   * @return what the model gets
   */
  Sample prepare(E example, Chance chance);
}
