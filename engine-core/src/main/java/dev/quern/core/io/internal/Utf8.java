package dev.quern.core.io.internal;

/**
 * Validation of UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * <p>Text is checked without being decoded, so that a vocabulary costs no allocation when a file is
 * opened.
 */
public final class Utf8 {
  private Utf8() {}

  /**
   * How far a run of bytes is well formed.
   *
   * @param a bytes
   * @param from first byte, the beginning of a character
   * @param to after the last byte
   * @return {@code to}, or the first byte of the first character that is malformed or cut off
   */
  public static int validPrefix(byte[] a, int from, int to) {
    int i = from;
    while (i < to) {
      int b = a[i];
      if (b >= 0) {
        i++;
        continue;
      }
      int length = lengthOf(a, i, to);
      if (length == 0) {
        return i;
      }
      i += length;
    }
    return to;
  }

  /** Length of the multi-byte character at i, or 0 if there is no whole one. */
  private static int lengthOf(byte[] a, int i, int to) {
    int b = a[i] & 0xFF;
    if (b >= 0xC2 && b <= 0xDF) {
      return to - i >= 2 && isTail(a[i + 1]) ? 2 : 0;
    }
    if (b >= 0xE0 && b <= 0xEF) {
      if (to - i < 3 || !isTail(a[i + 1]) || !isTail(a[i + 2])) {
        return 0;
      }
      int second = a[i + 1] & 0xFF;
      boolean overlong = b == 0xE0 && second < 0xA0;
      boolean surrogate = b == 0xED && second > 0x9F;
      return overlong || surrogate ? 0 : 3;
    }
    if (b >= 0xF0 && b <= 0xF4) {
      if (to - i < 4 || !isTail(a[i + 1]) || !isTail(a[i + 2]) || !isTail(a[i + 3])) {
        return 0;
      }
      int second = a[i + 1] & 0xFF;
      boolean overlong = b == 0xF0 && second < 0x90;
      boolean tooBig = b == 0xF4 && second > 0x8F;
      return overlong || tooBig ? 0 : 4;
    }
    return 0;
  }

  private static boolean isTail(byte b) {
    return (b & 0xC0) == 0x80;
  }
}
