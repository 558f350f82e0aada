package dev.quern.transformer.tokenizer;

/**
 * How to encode.
 *
 * @param addSpecial add the tokens that the model wants around a text (begin, end, classification,
 *     separator)
 * @param parseSpecial turn the spelling of a special token, such as {@code </s>}, into that token;
 *     otherwise it is text like any other
 */
public record EncodeOptions(boolean addSpecial, boolean parseSpecial) {
  /** Nothing added, nothing parsed: for text that comes from outside. */
  public static final EncodeOptions PLAIN = new EncodeOptions(false, false);

  /** The model's own tokens around the text, whose content is not parsed: for a stranger's text. */
  public static final EncodeOptions ADD_SPECIAL = new EncodeOptions(true, false);

  /** Both: for a prompt whose author may use the model's special tokens, such as a template's. */
  public static final EncodeOptions SPECIAL = new EncodeOptions(true, true);
}
