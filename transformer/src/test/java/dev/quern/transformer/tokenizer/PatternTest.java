package dev.quern.transformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.NotSupportedException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The pattern matcher against java.util.regex, and on text that is hostile to such matchers. */
class PatternTest {
  private static final int LONG = 100_000;

  static List<String> familyPatterns() {
    return PreTokenizerPatterns.names().stream()
        .flatMap(n -> PreTokenizerPatterns.of("test", "pre", n).patterns().stream())
        .distinct()
        .toList();
  }

  @ParameterizedTest
  @MethodSource("familyPatterns")
  void matchesLikeTheLibrary(String pattern) {
    RandomText texts = new RandomText(pattern.hashCode());
    for (int i = 0; i < 300; i++) {
      assertSameMatches(pattern, texts.next());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a*?b|a+?c", "(?:ab|a)(?:c|bcd)*", "a++b|aa", "(?>a|ab)c|abc", "a{2,3}b{0,2}?",
        "(?<=a)b+(?!c)", "(?<!a|b)c", "\\bx\\w*\\B", "^a|b$", "(?i:ab)c|[^a-y&&[^0-9]]+",
        "(?:(?:a|b)+c)+", "x*", "[\\p{Lu}&&[^A-C]]+|\\P{L}{2}", "\\A.|.\\z", "(?=(?:ab)+c)a",
        "(?i)straSSe"
      })
  void matchesLikeTheLibraryOnItsConstructs(String pattern) {
    java.util.Random random = new java.util.Random(7);
    String letters = "aaabbbccxxyzABCD01 \n";
    for (int i = 0; i < 500; i++) {
      StringBuilder text = new StringBuilder();
      for (int k = random.nextInt(30); k > 0; k--) {
        text.append(letters.charAt(random.nextInt(letters.length())));
      }
      assertSameMatches(pattern, text.toString());
    }
  }

  private static void assertSameMatches(String pattern, String text) {
    // Oniguruma's ^ and $ look at lines, and of line ends only at \n.
    int flags =
        Pattern.MULTILINE
            | Pattern.UNIX_LINES
            | Pattern.UNICODE_CHARACTER_CLASS
            | Pattern.UNICODE_CASE;
    Matcher matcher = Pattern.compile(pattern, flags).matcher(text);
    List<String> expected = new ArrayList<>();
    while (matcher.find()) {
      expected.add(matcher.start() + "-" + matcher.end());
    }
    assertEquals(expected, matches(PatternProgram.compile(pattern), text), () -> pattern + text);
  }

  private static List<String> matches(PatternProgram program, String text) {
    char[] chars = text.toCharArray();
    PatternMatcher matcher = program.acquire();
    matcher.reset(chars, 0, chars.length);
    List<String> found = new ArrayList<>();
    int next = 0;
    while (next <= chars.length && matcher.find(next)) {
      found.add(matcher.start() + "-" + matcher.end());
      next = matcher.end();
      if (matcher.start() == matcher.end()) {
        next += next < chars.length ? Character.charCount(text.codePointAt(next)) : 1;
      }
    }
    program.release(matcher);
    return found;
  }

  @ParameterizedTest
  @ValueSource(strings = {" ", "a", "\n", "1", "' ", "aA", "\u0301", "\u4E16", " x", "   x", "!\n"})
  void hostileTextTakesLinearTime(String unit) {
    String text = unit.repeat(LONG / unit.length());
    for (String name : PreTokenizerPatterns.names()) {
      PreTokenizer splitter = PreTokenizerPatterns.of("test", "pre", name).preTokenizer();
      int[] covered = {0};
      assertTimeoutPreemptively(
          Duration.ofSeconds(20),
          () ->
              splitter.split(
                  text.toCharArray(),
                  0,
                  text.length(),
                  true,
                  (chars, from, to, first) -> covered[0] += to - from),
          name);
      assertEquals(text.length(), covered[0], name);
    }
  }

  @Test
  void backtrackingThatFailsIsNotRepeated() {
    // A backtracking matcher takes exponential time on the first and quadratic on the others.
    for (String pattern : List.of("(?:a|a|aa)*b", "a+b", "(?:a+)+b", "\\s+$")) {
      String text = (pattern.startsWith("\\s") ? " " : "a").repeat(LONG) + "c";
      PatternProgram program = PatternProgram.compile(pattern);
      assertTimeoutPreemptively(
          Duration.ofSeconds(20), () -> assertTrue(matches(program, text).isEmpty(), pattern));
    }
  }

  @Test
  void runawayLookAheadIsEnded() {
    PatternProgram program = PatternProgram.compile("a(?=(?:a|a)*b)");
    NotSupportedException e =
        assertThrows(NotSupportedException.class, () -> matches(program, "a".repeat(1000)));
    assertTrue(String.valueOf(e.getMessage()).contains("(?=(?:a|a)*b)"), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(",
        "a)",
        "[a",
        "a{3,2}",
        "*a",
        "\\",
        "\\1",
        "(?<n>a)\\k<n>",
        "[b-a]",
        "(?z)a",
        "\\p{Nope}",
        "\\p",
        "(?:a*)*",
        "(?<=a+)b",
        "a{2000}",
        "\\x{110000}",
        "[[:alpha:",
        "(?",
        "\\xg"
      })
  void whatCannotBeUsedSaysWhy(String pattern) {
    PatternSyntax e = assertThrows(PatternSyntax.class, () -> PatternProgram.compile(pattern));
    assertTrue(String.valueOf(e.getMessage()).contains("pattern"), e.getMessage());
  }

  @Test
  void deepNestingIsRefused() {
    String deep = "(".repeat(5000) + "a" + ")".repeat(5000);
    assertThrows(PatternSyntax.class, () -> PatternProgram.compile(deep));
    assertThrows(PatternSyntax.class, () -> PatternProgram.compile("[".repeat(5000)));
    assertThrows(PatternSyntax.class, () -> PatternProgram.compile("(?:(?:a{900}){900})"));
  }

  @Test
  void digitGroupsCountFromTheRight() {
    List<String> pieces = new ArrayList<>();
    char[] text = "ab1234567 89x1234".toCharArray();
    new DigitGroups(Unicode.NUMBERS, false, false)
        .split(
            text,
            0,
            text.length,
            true,
            (chars, from, to, first) -> pieces.add(new String(chars, from, to - from)));
    assertEquals(List.of("ab", "1", "234", "567", " ", "89", "x", "1", "234"), pieces);
  }
}
