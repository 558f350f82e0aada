package dev.quern.transformer.tokenizer;

/**
 * How to decode.
 *
 * @param keepSpecial spell out control and unknown tokens; otherwise they are left out
 * @param continuation the ids continue a text that has already begun, so the space which a
 *     vocabulary puts before the first word of a text stays
 */
public record DecodeOptions(boolean keepSpecial, boolean continuation) {
  /** A whole text, without special tokens. */
  public static final DecodeOptions TEXT = new DecodeOptions(false, false);

  /** What a model generated after a prompt, without special tokens. */
  public static final DecodeOptions CONTINUATION = new DecodeOptions(false, true);
}
