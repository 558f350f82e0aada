package dev.quern.transformer.tokenizer;

import java.util.Arrays;

/**
 * The 256 printable characters that stand for bytes in a byte-level vocabulary: printable bytes of
 * Latin-1 stand for themselves, the other 68 for U+0100 onwards in ascending order (Radford et al.
 * 2019, "Language Models are Unsupervised Multitask Learners", section 2.2, and its encoder).
 */
final class ByteLevelAlphabet {
  private static final char[] CHAR_OF_BYTE = new char[256];
  private static final short[] BYTE_OF_CHAR = new short[0x144];

  static {
    Arrays.fill(BYTE_OF_CHAR, (short) -1);
    char next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
      CHAR_OF_BYTE[b] = printable ? (char) b : next++;
      BYTE_OF_CHAR[CHAR_OF_BYTE[b]] = (short) b;
    }
  }

  private ByteLevelAlphabet() {}

  /** The character that stands for a byte, 0 to 255. */
  static char charOf(int b) {
    return CHAR_OF_BYTE[b];
  }

  /** The byte, 0 to 255, that a character stands for, or -1 when it stands for none. */
  static int byteOf(char c) {
    return c < BYTE_OF_CHAR.length ? BYTE_OF_CHAR[c] : -1;
  }

  /** Text with every UTF-8 byte replaced by its character. */
  static String encode(String text) {
    byte[] bytes = text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    char[] chars = new char[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      chars[i] = CHAR_OF_BYTE[bytes[i] & 0xFF];
    }
    return new String(chars);
  }

  /**
   * The bytes that a token spells. A token with any character outside the alphabet, as added tokens
   * may have, spells its own UTF-8 bytes.
   */
  static byte[] decode(String token) {
    byte[] bytes = new byte[token.length()];
    for (int i = 0; i < bytes.length; i++) {
      int b = byteOf(token.charAt(i));
      if (b < 0) {
        return token.getBytes(java.nio.charset.StandardCharsets.UTF_8);
      }
      bytes[i] = (byte) b;
    }
    return bytes;
  }
}
