package dev.quern.transformer.tokenizer;

/** What a vocabulary entry is for, with the codes of the GGUF specification's token types. */
public enum TokenType {
  /** Ordinary text. */
  NORMAL(1),
  /** Stands for text that the vocabulary can't express. */
  UNKNOWN(2),
  /** Steers the model (begin, end, padding, roles) and has no text of its own. */
  CONTROL(3),
  /** Text added after training; it is found before anything else is split. */
  USER_DEFINED(4),
  /** Reserved; the model never produces it. */
  UNUSED(5),
  /** One raw byte, spelled {@code <0xNN>} in the vocabulary. */
  BYTE(6);

  private static final TokenType[] BY_CODE = {
    UNUSED, NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE
  };

  private final byte code;

  TokenType(int code) {
    this.code = (byte) code;
  }

  /**
   * The code in a GGUF file.
   *
   * @return 1 to 6
   */
  public byte code() {
    return code;
  }

  /** Type of a code; codes outside 1 to 6 are unused entries. */
  static TokenType ofCode(int code) {
    return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : UNUSED;
  }

  /** Whether decoding leaves the token out unless it is asked to keep special tokens. */
  boolean isSkippedInText() {
    return this == CONTROL || this == UNKNOWN;
  }
}
