package dev.quern.transformer.tokenizer;

import java.util.List;
import java.util.Random;

/** Seeded text of many scripts, with what tends to go wrong: blanks, marks, emoji, contractions. */
final class RandomText {
  private static final List<String> ALPHABETS =
      List.of(
          "abcdefghijklmnopqrstuvwxyz    ",
          "ABC DEF 'x",
          "0123456789 .,",
          "\t\n\r  \u000B\u0085\u00A0\u2003\u3000",
          "'s't're've'm'll'd'S'RE'LL",
          "!?.,;:-_()[]{}<>|@#$%^&*+=~`\"\\/",
          "\u00E9\u00E8\u00FC\u00F1\u00C0\u00C9\u00DF\u017F\u212A\u00C5",
          "\u043F\u0440\u0438\u0412\u0415\u0422",
          "\u4F60\u597D\u4E16\u754C\u3053\u3093\u30AB\u30CA",
          "\uC548\uB155\uD558",
          "\u0645\u0631\u062D\u0628\u0627\u061F\u060C",
          "\u0928\u092E\u0938\u094D\u0924\u0947\u0E2A\u0E27\u0E31",
          "\u0301\u0308\u200D\uFEFF\u00AD\u2028",
          "\u2160\u00BD\u00B2\u2460\u0663");
  private static final List<String> WORDS =
      List.of(
          "Hello",
          " world",
          " the",
          "don't",
          " we've",
          "1234567",
          "\n\n",
          "    ",
          "foo_bar",
          "CamelCase",
          "https://a.b/c?d=e",
          " \n x",
          "\uD83D\uDE00\uD83D\uDC4D\uD83C\uDFFD",
          "\uD800\uDF48",
          "<s>",
          "</s>",
          "<0x41>",
          "\u2581",
          " ' ",
          " ?",
          " ,",
          "##a");

  private final Random random;

  RandomText(long seed) {
    this.random = new Random(seed);
  }

  /** The next text, of up to about a hundred characters. */
  String next() {
    StringBuilder text = new StringBuilder();
    int parts = random.nextInt(12);
    for (int i = 0; i < parts; i++) {
      double kind = random.nextDouble();
      if (kind < 0.4) {
        text.append(WORDS.get(random.nextInt(WORDS.size())));
      } else if (kind < 0.9) {
        String alphabet = ALPHABETS.get(random.nextInt(ALPHABETS.size()));
        int length = 1 + random.nextInt(6);
        for (int k = 0; k < length; k++) {
          text.append(alphabet.charAt(random.nextInt(alphabet.length())));
        }
      } else {
        text.appendCodePoint(anyCodePoint());
      }
    }
    return text.toString();
  }

  private int anyCodePoint() {
    while (true) {
      int c = random.nextInt(random.nextBoolean() ? 0x3000 : 0x30000);
      if (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE) {
        return c;
      }
    }
  }
}
