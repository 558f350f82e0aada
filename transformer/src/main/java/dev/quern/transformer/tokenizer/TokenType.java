package dev.quern.transformer.tokenizer;

/**
 * What a vocabulary entry is for. The order is that of the codes 1 to 6 of {@code
 * tokenizer.ggml.token_type} in the GGUF specification.
 */
public enum TokenType {
  /** Ordinary text. */
  NORMAL,
  /** Stands for text that the vocabulary can't express. */
  UNKNOWN,
  /** Steers the model (begin, end, padding, roles) and has no text of its own. */
  CONTROL,
  /** Text added after training; it is found before anything else is split. */
  USER_DEFINED,
  /** Reserved; the model never produces it. */
  UNUSED,
  /** One raw byte, spelled {@code <0xNN>} in the vocabulary. */
  BYTE;

  private static final TokenType[] VALUES = values();

  /** Type of a GGUF code; codes outside 1 to 6 are unused entries. */
  static TokenType ofCode(int code) {
    return code >= 1 && code <= VALUES.length ? VALUES[code - 1] : UNUSED;
  }

  /** Type of an ordinal, without copying the table of values. */
  static TokenType ofOrdinal(int ordinal) {
    return VALUES[ordinal];
  }

  /** Whether decoding leaves the token out unless it is asked to keep special tokens. */
  boolean isSkippedInText() {
    return this == CONTROL || this == UNKNOWN;
  }
}
