package dev.quern.transformer.layers;

/**
 * What attention is, beside its weights.
 *
 * @param heads query heads
 * @param kvHeads key/value heads, a divisor of heads
 * @param causal whether later tokens are hidden
 * @param window how many tokens a query sees at most, itself included; 0 for all
 * @param softCap c of c · tanh(score / c), or 0 for none
 */
public record AttentionOptions(int heads, int kvHeads, boolean causal, int window, float softCap) {

  /**
   * Plain attention.
   *
   * @param heads query heads, and as many key/value heads
   * @param causal whether later tokens are hidden
   * @return the options
   */
  public static AttentionOptions of(int heads, boolean causal) {
    return of(heads, heads, causal);
  }

  /**
   * Grouped-query attention.
   *
   * @param heads query heads
   * @param kvHeads key/value heads, a divisor of heads
   * @param causal whether later tokens are hidden
   * @return the options
   */
  public static AttentionOptions of(int heads, int kvHeads, boolean causal) {
    return new AttentionOptions(heads, kvHeads, causal, 0, 0);
  }

  /**
   * The same with a sliding window (Beltagy et al. 2020).
   *
   * @param tokens how many tokens a query sees at most, itself included; 0 for all
   * @return new options
   */
  public AttentionOptions withWindow(int tokens) {
    return new AttentionOptions(heads, kvHeads, causal, tokens, softCap);
  }

  float scale(long headDim) {
    return (float) (1 / Math.sqrt((double) headDim));
  }
}
