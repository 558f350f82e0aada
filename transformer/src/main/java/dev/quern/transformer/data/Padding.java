package dev.quern.transformer.data;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * One sample in each row, filled up on the right to the longest one, or to the next multiple of a
 * number. Writes input ids, attention mask and labels; where a row is filled up, labels are {@link
 * Batch#IGNORE}.
 *
 * @param padId what rows are filled up with
 * @param multiple the length is a multiple of it, at least 1; more than 1 makes fewer different
 *     shapes
 * @param maxLength samples are cut to this length, at least 1, and rows no longer, whatever the
 *     multiple
 */
public record Padding(int padId, int multiple, int maxLength) implements Collator<Sample> {
  /**
   * A collator.
   *
   * @throws DataException if a number is below 1
   */
  public Padding {
    DataException.atLeast("padding", "multiple", multiple, 1);
    DataException.atLeast("padding", "maxLength", maxLength, 1);
  }

  /**
   * Fills up to the longest sample.
   *
   * @param padId what rows are filled up with
   */
  public Padding(int padId) {
    this(padId, 1, Integer.MAX_VALUE);
  }

  /**
   * Fills up.
   *
   * @throws DataException if some samples have a label for each token and others for the whole
   */
  @Override
  public Batch collate(List<Sample> samples) {
    boolean perToken = samples.getFirst().perToken();
    long longest = 1;
    for (Sample sample : samples) {
      longest = Math.max(longest, sample.length());
      if (sample.perToken() != perToken) {
        throw new DataException(
            "[padding] some samples have a label for each token, others for the whole; take one"
                + " objective");
      }
    }
    int length = (int) Math.min((longest + multiple - 1) / multiple * multiple, maxLength);
    int rows = samples.size();
    IntMatrix ids = IntMatrix.filled(rows, length, padId);
    IntMatrix mask = IntMatrix.filled(rows, length, 0);
    IntMatrix labels = IntMatrix.filled(rows, perToken ? length : 1, Batch.IGNORE);
    for (int r = 0; r < rows; r++) {
      Sample sample = samples.get(r);
      int taken = Math.min(sample.length(), length);
      System.arraycopy(sample.inputs(), 0, ids.values(), r * length, taken);
      Arrays.fill(mask.values(), r * length, r * length + taken, 1);
      System.arraycopy(
          sample.labels(), 0, labels.values(), r * labels.columns(), perToken ? taken : 1);
    }
    return new Batch(
        Map.of(Batch.INPUT_IDS, ids, Batch.ATTENTION_MASK, mask, Batch.LABELS, labels));
  }
}
