package dev.quern.transformer.data;

import java.util.Map;
import java.util.Objects;

/**
 * Windows at random places of a corpus, without end, as nanoGPT trains: row r of batch n begins at
 * a place drawn from (seed, n, r), uniformly over all places from which {@code context + 1} ids
 * follow. Labels are the inputs moved by one.
 *
 * @param tokens the corpus, longer than the context
 * @param context length of a window, at least 1
 * @param batchSize windows in a batch, at least 1
 * @param seed which places
 */
public record RandomWindows(TokenSequence tokens, int context, int batchSize, long seed)
    implements Dataset<Batch> {
  /**
   * Windows.
   *
   * @throws DataException if a number is below 1 or the corpus is too short
   */
  public RandomWindows {
    DataException.atLeast("randomWindows", "context", context, 1);
    DataException.atLeast("randomWindows", "batchSize", batchSize, 1);
    DataException.atLeast("randomWindows", "the corpus's length", tokens.size(), context + 1L);
  }

  @Override
  public long size() {
    return Long.MAX_VALUE;
  }

  @Override
  public Batch get(long index) {
    Chance chance = Chance.of(seed, Objects.checkIndex(index, size()));
    IntMatrix ids = IntMatrix.filled(batchSize, context, 0);
    IntMatrix labels = IntMatrix.filled(batchSize, context, 0);
    for (int r = 0; r < batchSize; r++) {
      long start = chance.below(tokens.size() - context);
      tokens.read(start, ids.values(), r * context, context);
      tokens.read(start + 1, labels.values(), r * context, context);
    }
    return new Batch(Map.of(Batch.INPUT_IDS, ids, Batch.LABELS, labels));
  }
}
