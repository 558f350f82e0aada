package dev.quern.transformer.tokenizer;

/**
 * Turns text into the ids of a vocabulary and back. Immutable and safe to share between threads.
 *
 * <p>Made by {@link Tokenizers}. Lone surrogates, which no text file can hold, are read as U+FFFD.
 * A character that the vocabulary can't spell becomes its unknown token; a vocabulary that has none
 * leaves the character out, as its reference implementations do.
 */
public interface Tokenizer {
  /**
   * Encodes text.
   *
   * @param text any text
   * @param options what to do about special tokens
   * @return the ids, each in {@code [0, vocabularySize)}
   */
  int[] encode(String text, EncodeOptions options);

  /**
   * Encodes text alone: nothing is added, and the spelling of special tokens is plain text.
   *
   * @param text any text
   * @return the ids
   */
  default int[] encode(String text) {
    return encode(text, EncodeOptions.PLAIN);
  }

  /**
   * Decodes ids.
   *
   * @param ids ids of the vocabulary
   * @param options what to do about special tokens and about the beginning
   * @return the text; bytes that aren't UTF-8 are U+FFFD
   * @throws IndexOutOfBoundsException for an id outside the vocabulary
   */
  default String decode(int[] ids, DecodeOptions options) {
    StreamingDecoder decoder = streamingDecoder(options);
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(decoder.push(id));
    }
    return text.append(decoder.flush()).toString();
  }

  /**
   * Decodes ids as a whole text, without special tokens.
   *
   * @param ids ids of the vocabulary
   * @return the text
   */
  default String decode(int... ids) {
    return decode(ids, DecodeOptions.TEXT);
  }

  /**
   * Decodes ids to bytes, which are UTF-8 if the ids came from a text.
   *
   * @param ids ids of the vocabulary
   * @param options what to do about special tokens and about the beginning
   * @return the bytes
   * @throws IndexOutOfBoundsException for an id outside the vocabulary
   */
  byte[] decodeBytes(int[] ids, DecodeOptions options);

  /**
   * A decoder for ids that come one by one.
   *
   * @param options what to do about special tokens and about the beginning
   * @return a decoder for one text
   */
  StreamingDecoder streamingDecoder(DecodeOptions options);

  /**
   * The tokens, their types and their roles.
   *
   * @return the vocabulary
   */
  Vocabulary vocabulary();

  /**
   * Number of ids.
   *
   * @return the vocabulary's size
   */
  default int vocabularySize() {
    return vocabulary().size();
  }
}
