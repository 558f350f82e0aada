package dev.quern.core.io.arrow;

import java.util.List;
import java.util.Map;

/**
 * The columns of a file, the same in each of its batches.
 *
 * @param fields in their order
 * @param metadata text pairs; a key that stands twice has its last value
 */
public record ArrowSchema(List<ArrowField> fields, Map<String, String> metadata) {

  /** Copies. */
  public ArrowSchema {
    fields = List.copyOf(fields);
    metadata = Map.copyOf(metadata);
  }

  /**
   * The columns' names.
   *
   * @return immutable, in their order; a name may stand twice
   */
  public List<String> names() {
    return fields.stream().map(ArrowField::name).toList();
  }
}
