package dev.quern.transformer.decode;

import java.lang.foreign.MemorySegment;

/** Chooses the token that follows a step, from the logits where they lie: nothing is copied. */
@FunctionalInterface
public interface TokenChooser {
  /**
   * Chooses a token. Called during {@link Session#step(int, TokenChooser)}; it may not use the
   * session, nor keep the logits.
   *
   * @param sequence whose logits these are, 0 ≤ sequence &lt; batch
   * @param logits [vocabulary] F32, read-only, overwritten by the next step
   * @return 0 ≤ token &lt; vocabulary
   */
  int choose(int sequence, MemorySegment logits);

  /**
   * Takes the likeliest token, the lowest id among equals, never a NaN.
   *
   * @return a chooser for one thread
   */
  static TokenChooser greedy() {
    ArgMax likeliest = new ArgMax();
    return (_, logits) -> likeliest.of(logits);
  }
}
