package dev.quern.transformer.data;

import java.util.Map;
import java.util.Objects;

/**
 * A corpus in windows that don't overlap, for evaluation: each id but the first is a label exactly
 * once. All batches have the same shape; what the corpus leaves empty has label {@link
 * Batch#IGNORE} and id 0.
 *
 * @param tokens the corpus, of at least 2 ids
 * @param context length of a window, at least 1
 * @param batchSize windows in a batch, at least 1
 */
public record OrderedWindows(TokenSequence tokens, int context, int batchSize)
    implements Dataset<Batch> {
  /**
   * Windows.
   *
   * @throws DataException if a number is below 1 or the corpus has fewer than 2 ids
   */
  public OrderedWindows {
    DataException.atLeast("orderedWindows", "context", context, 1);
    DataException.atLeast("orderedWindows", "batchSize", batchSize, 1);
    DataException.atLeast("orderedWindows", "the corpus's length", tokens.size(), 2);
  }

  /**
   * How many windows there are, the last one perhaps shorter.
   *
   * @return at least 1
   */
  public long windows() {
    return Math.ceilDiv(tokens.size() - 1, context);
  }

  @Override
  public long size() {
    return Math.ceilDiv(windows(), batchSize);
  }

  @Override
  public Batch get(long index) {
    long first = Objects.checkIndex(index, size()) * batchSize;
    IntMatrix ids = IntMatrix.filled(batchSize, context, 0);
    IntMatrix labels = IntMatrix.filled(batchSize, context, Batch.IGNORE);
    for (int r = 0; r < batchSize && first + r < windows(); r++) {
      long start = (first + r) * context;
      int length = (int) Math.min(context, tokens.size() - 1 - start);
      tokens.read(start, ids.values(), r * context, length);
      tokens.read(start + 1, labels.values(), r * context, length);
    }
    return new Batch(Map.of(Batch.INPUT_IDS, ids, Batch.LABELS, labels));
  }
}
