package dev.quern.transformer.data;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What one step computes on: matrices by name, with a row for each sequence. It knows nothing of
 * tensors.
 *
 * @param fields by name; the constants here are what collators write
 */
public record Batch(Map<String, IntMatrix> fields) {
  /** Token ids: [sequences, length]. */
  public static final String INPUT_IDS = "input_ids";

  /** What is to be predicted at each place, or for each sequence: [sequences, length or 1]. */
  public static final String LABELS = "labels";

  /** 1 where there is a token, 0 where a sequence is filled up: [sequences, length]. */
  public static final String ATTENTION_MASK = "attention_mask";

  /** Which example of its row a token belongs to, from 1; 0 for none: [sequences, length]. */
  public static final String SEGMENT_IDS = "segment_ids";

  /** Place of a token in its example, from 0: [sequences, length]. */
  public static final String POSITION_IDS = "position_ids";

  /** A label that is left out of the loss, as PyTorch's cross-entropy has it by default. */
  public static final int IGNORE = -100;

  /** Copies the map. */
  public Batch {
    fields = Collections.unmodifiableMap(new TreeMap<>(fields));
  }

  /**
   * A matrix.
   *
   * @param name of the field
   * @return its values
   * @throws DataException if there is none of that name
   */
  public IntMatrix field(String name) {
    IntMatrix matrix = fields.get(name);
    if (matrix == null) {
      throw new DataException(
          "[batch] there is no field '"
              + name
              + "'; there are "
              + String.join(", ", fields.keySet()));
    }
    return matrix;
  }

  /**
   * How many tokens there are, without what rows are filled up with.
   *
   * @return the ones of {@link #ATTENTION_MASK}, or the places with a segment; without either, all
   *     input ids
   * @throws DataException if there are no input ids
   */
  public long tokenCount() {
    for (String field : List.of(ATTENTION_MASK, SEGMENT_IDS)) {
      IntMatrix marks = fields.get(field);
      if (marks != null) {
        return Arrays.stream(marks.values()).filter(m -> m != 0).count();
      }
    }
    return field(INPUT_IDS).values().length;
  }

  /**
   * How many labels count.
   *
   * @return the number of labels other than {@link #IGNORE}
   * @throws DataException if there are no labels
   */
  public long labelCount() {
    return Arrays.stream(field(LABELS).values()).filter(l -> l != IGNORE).count();
  }
}
