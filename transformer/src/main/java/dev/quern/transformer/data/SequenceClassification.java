package dev.quern.transformer.data;

/**
 * One label for a whole text.
 *
 * @param classes how many labels there are, at least 1
 */
public record SequenceClassification(int classes)
    implements Objective<SequenceClassification.Labelled> {
  /**
   * A text and its label.
   *
   * @param ids its tokens; not to be changed
   * @param label 0 to {@code classes - 1}
   */
  @SuppressWarnings("ArrayRecordComponent") // A value on its way, never compared.
  public record Labelled(int[] ids, int label) {}

  /**
   * An objective.
   *
   * @throws DataException if there are no classes
   */
  public SequenceClassification {
    DataException.atLeast("sequenceClassification", "classes", classes, 1);
  }

  /**
   * Takes the example as it is.
   *
   * @throws DataException for a label outside the classes
   */
  @Override
  public Sample prepare(Labelled example, Chance chance) {
    if (example.label < 0 || example.label >= classes) {
      throw new DataException(
          "[sequenceClassification] the label is %d; it is 0 to %d"
              .formatted(example.label, classes - 1));
    }
    return Sample.ofSequence(example.ids, example.label);
  }
}
