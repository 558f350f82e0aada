package dev.quern.transformer.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongToIntFunction;

/**
 * Several samples in each row, so that little is filled up (Krell et al., "Efficient sequence
 * packing without cross-contamination", 2021). Writes input ids, labels, and with segment and
 * position ids what keeps the samples of a row apart.
 *
 * @param window length of each row, at least 1
 * @param padId what rows are filled up with
 */
public record Packing(int window, int padId) implements Collator<List<Sample>> {
  /**
   * A collator.
   *
   * @throws DataException if the window is below 1
   */
  public Packing {
    DataException.atLeast("packing", "window", window, 1);
  }

  /**
   * Decides which samples share a row: from first to last, each goes to the row that it fills best,
   * the oldest of several, or begins a new one. Samples are read once, for their lengths.
   *
   * @param samples none longer than the window
   * @return a row at each index, in the order in which rows were begun
   * @throws DataException for a sample that is too long, or more than 2³¹ − 1 samples
   */
  public Dataset<List<Sample>> rows(Dataset<Sample> samples) {
    return rows(samples, i -> samples.get(i).length());
  }

  /**
   * Decides which samples share a row, as {@link #rows(Dataset)} does, without reading them.
   *
   * @param samples none longer than the window
   * @param lengths of a sample by its index
   * @return a row at each index, in the order in which rows were begun
   * @throws DataException for a sample that is too long, or more than 2³¹ − 1 samples
   */
  public Dataset<List<Sample>> rows(Dataset<Sample> samples, LongToIntFunction lengths) {
    if (samples.size() > Integer.MAX_VALUE) {
      throw new DataException(
          "[packing] %d samples are too many to decide for at once; pack parts of them"
              .formatted(samples.size()));
    }
    List<List<Long>> rows = new ArrayList<>();
    TreeMap<Integer, List<Integer>> byRoom = new TreeMap<>();
    for (long i = 0; i < samples.size(); i++) {
      int length = lengths.applyAsInt(i);
      if (length > window) {
        throw new DataException(
            "[packing] sample %d has %d tokens, and a window %d; cut it, or take a longer window"
                .formatted(i, length, window));
      }
      Map.Entry<Integer, List<Integer>> best = byRoom.ceilingEntry(length);
      int row = best == null ? rows.size() : best.getValue().removeFirst();
      int room = (best == null ? window : best.getKey()) - length;
      if (best == null) {
        rows.add(new ArrayList<>());
      } else if (best.getValue().isEmpty()) {
        byRoom.remove(best.getKey());
      }
      rows.get(row).add(i);
      if (room > 0) {
        byRoom.computeIfAbsent(room, r -> new ArrayList<>()).add(row);
      }
    }
    return Dataset.of(rows).map(indices -> indices.stream().map(samples::get).toList());
  }

  /**
   * Fills rows.
   *
   * @throws DataException if a row's samples don't fit, or have one label for the whole
   */
  @Override
  public Batch collate(List<List<Sample>> rows) {
    IntMatrix ids = IntMatrix.filled(rows.size(), window, padId);
    IntMatrix labels = IntMatrix.filled(rows.size(), window, Batch.IGNORE);
    IntMatrix segments = IntMatrix.filled(rows.size(), window, 0);
    IntMatrix positions = IntMatrix.filled(rows.size(), window, 0);
    for (int r = 0; r < rows.size(); r++) {
      int at = r * window;
      int segment = 1;
      for (Sample sample : rows.get(r)) {
        int length = sample.length();
        if (!sample.perToken() || at + length > (r + 1) * window) {
          throw new DataException(
              "[packing] row %d does not fit in a window of %d, or has samples without a label for"
                      .formatted(r, window)
                  + " each token; let rows() make the rows");
        }
        System.arraycopy(sample.inputs(), 0, ids.values(), at, length);
        System.arraycopy(sample.labels(), 0, labels.values(), at, length);
        for (int i = 0; i < length; i++) {
          segments.values()[at + i] = segment;
          positions.values()[at + i] = i;
        }
        at += length;
        segment++;
      }
    }
    return new Batch(
        Map.of(
            Batch.INPUT_IDS, ids,
            Batch.LABELS, labels,
            Batch.SEGMENT_IDS, segments,
            Batch.POSITION_IDS, positions));
  }
}
