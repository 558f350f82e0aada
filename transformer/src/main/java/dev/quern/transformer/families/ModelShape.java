package dev.quern.transformer.families;

import dev.quern.core.type.QuernException;
import java.util.List;

/**
 * The size of a model that is to be made.
 *
 * @param vocabulary number of tokens
 * @param dim extent of the hidden states, a multiple of the heads
 * @param layers number of blocks
 * @param heads query heads
 * @param kvHeads key/value heads; as many as heads where a family has no grouped queries
 * @param hidden extent inside the feed-forward layer
 * @param contextLength how many tokens a sequence may have
 * @param tied whether the output projection is the embedding
 * @param head what it computes
 * @param labels names of the classes of a {@link Head#CLASSES}, else none
 */
public record ModelShape(
    int vocabulary,
    int dim,
    int layers,
    int heads,
    int kvHeads,
    int hidden,
    int contextLength,
    boolean tied,
    Head head,
    List<String> labels) {
  /** What a model computes from its last hidden states. */
  public enum Head {
    /** Logits of tokens. */
    TOKENS,
    /** Logits of classes for the whole sequence. */
    CLASSES
  }

  /**
   * Checks the sizes.
   *
   * @throws QuernException if one is not positive, or the heads don't divide what they should
   */
  public ModelShape {
    positive("vocabulary", vocabulary);
    positive("dim", dim);
    positive("layers", layers);
    positive("heads", heads);
    positive("kv_heads", kvHeads);
    positive("hidden", hidden);
    positive("context", contextLength);
    if (dim % heads != 0 || heads % kvHeads != 0) {
      throw new QuernException(
          "[model] dim=%d, heads=%d, kv_heads=%d: heads must divide dim, and kv_heads heads"
              .formatted(dim, heads, kvHeads));
    }
    labels = List.copyOf(labels);
    if (head == Head.CLASSES && labels.size() < 2) {
      throw new QuernException(
          "[model] a classifier has at least 2 labels, got " + labels + "; name them");
    }
  }

  private static void positive(String name, int value) {
    if (value <= 0) {
      throw new QuernException("[model] %s is %d; it must be positive".formatted(name, value));
    }
  }
}
