package dev.quern.transformer.data;

/** How token ids are stored, in little-endian order. */
public enum TokenType {
  /** 16 bits without sign: ids below 65,536. */
  U16(2, 1, 0, 0xFFFF),
  /** 32 bits without sign; ids above 2³¹ − 1 are refused. */
  U32(4, 2, 0, Integer.MAX_VALUE),
  /** 32 bits with sign, for labels that may be negative. */
  I32(4, 3, Integer.MIN_VALUE, Integer.MAX_VALUE);

  private final int bytes;
  private final int code;
  private final int least;
  private final int most;

  TokenType(int bytes, int code, int least, int most) {
    this.bytes = bytes;
    this.code = code;
    this.least = least;
    this.most = most;
  }

  /**
   * Size of an id.
   *
   * @return 2 or 4 bytes
   */
  public int bytes() {
    return bytes;
  }

  /** What a file's header says for it. */
  int code() {
    return code;
  }

  /** Whether an id can be stored. */
  boolean holds(int id) {
    return id >= least && id <= most;
  }

  /**
   * The smallest type for a vocabulary.
   *
   * @param vocabularySize number of ids
   * @return {@link #U16} or {@link #U32}
   */
  public static TokenType ofVocabulary(int vocabularySize) {
    return vocabularySize <= 1 << 16 ? U16 : U32;
  }
}
