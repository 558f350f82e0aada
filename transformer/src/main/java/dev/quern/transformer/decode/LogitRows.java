package dev.quern.transformer.decode;

/** Takes the logits of a prompt, some positions at a time. */
@FunctionalInterface
public interface LogitRows {
  /**
   * Takes the next rows.
   *
   * @param first index of the token that the first row comes after
   * @param logits [rows · vocabulary], row by row; the taker may keep it
   */
  void accept(int first, float[] logits);
}
