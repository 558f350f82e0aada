package dev.quern.core.io.arrow;

import dev.quern.core.io.arrow.MessageReader.Frame;
import java.util.ArrayList;
import java.util.List;

/**
 * Where a file's batches and dictionaries are.
 *
 * @param schema of all batches
 * @param schemaFrame the message that holds it
 * @param version of the format, which decides how unions are stored
 * @param batches in their order
 * @param dictionaries in their order
 * @param complete whether its end was marked
 */
record ArrowIndex(
    ArrowSchema schema,
    Frame schemaFrame,
    short version,
    List<Batch> batches,
    List<Dictionary> dictionaries,
    boolean complete) {

  /**
   * A record batch.
   *
   * @param frame where it is
   * @param firstRow how many rows are in the batches before it
   * @param rows how many it has
   * @param position how many messages stand before it; in a file, where all dictionaries come
   *     first, 1
   */
  record Batch(Frame frame, long firstRow, long rows, long position) {}

  /**
   * A dictionary, or an addition to one.
   *
   * @param frame where it is
   * @param id of the dictionary
   * @param isDelta whether it adds values to those before
   * @param position how many messages stand before it; in a file, 0
   */
  record Dictionary(Frame frame, long id, boolean isDelta, long position) {}

  /** Collects batches and dictionaries. */
  static final class Builder {
    /** Enough for a terabyte in batches of 64 kilobytes. */
    private static final int MAX_MESSAGES = 1 << 24;

    private final List<Batch> batches = new ArrayList<>();
    private final List<Dictionary> dictionaries = new ArrayList<>();
    private long rows;

    void batch(MessageReader.Read message, long position) {
      Metadata metadata = message.metadata();
      long n = metadata.get("record batch", _ -> message.batch().length());
      if (n < 0 || n > Long.MAX_VALUE - rows) {
        throw metadata.error("record batch", "it cannot have " + n + " rows");
      }
      checkCount(metadata);
      batches.add(new Batch(message.frame(), rows, n, position));
      rows += n;
    }

    void dictionary(MessageReader.Read message, long position) {
      Metadata metadata = message.metadata();
      var dictionary = message.dictionary();
      long id = metadata.get("dictionary", _ -> dictionary.id());
      boolean delta = metadata.get("dictionary", _ -> dictionary.isDelta());
      checkCount(metadata);
      dictionaries.add(new Dictionary(message.frame(), id, delta, position));
    }

    private void checkCount(Metadata metadata) {
      if (batches.size() + dictionaries.size() >= MAX_MESSAGES) {
        throw metadata.error(
            "message", "there are more than " + MAX_MESSAGES + " of them; write larger batches");
      }
    }

    ArrowIndex build(ArrowSchema schema, Frame schemaFrame, short version, boolean complete) {
      return new ArrowIndex(
          schema, schemaFrame, version, List.copyOf(batches), List.copyOf(dictionaries), complete);
    }
  }
}
