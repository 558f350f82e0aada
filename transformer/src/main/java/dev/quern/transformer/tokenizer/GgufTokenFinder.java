package dev.quern.transformer.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;

/**
 * Finds special tokens as readers of GGUF files do: the longest token (in bytes) is taken out of
 * the whole text first, then the next one out of what is left, and so on.
 */
final class GgufTokenFinder implements TokenFinder {
  private record Part(int from, int to, int token) {}

  private record Added(
      int id, String text, boolean special, boolean stripLeft, boolean stripRight) {
    int bytes() {
      return text.getBytes(StandardCharsets.UTF_8).length;
    }
  }

  private final List<Added> tokens;
  private final TokenTrie trie;
  private final TokenTrie userDefinedTrie;

  /**
   * A finder of the control, unknown and user-defined tokens of a vocabulary.
   *
   * @param stripLeft tokens that swallow the white space before them
   * @param stripRight tokens that swallow the white space after them
   */
  GgufTokenFinder(
      Vocabulary vocabulary, Predicate<String> stripLeft, Predicate<String> stripRight) {
    List<Added> found = new ArrayList<>();
    for (int id = 0; id < vocabulary.size(); id++) {
      TokenType type = vocabulary.type(id);
      String text = vocabulary.text(id);
      if (!text.isEmpty() && (type.isSkippedInText() || type == TokenType.USER_DEFINED)) {
        found.add(
            new Added(
                id, text, type.isSkippedInText(), stripLeft.test(text), stripRight.test(text)));
      }
    }
    found.sort(Comparator.comparingInt(Added::bytes).reversed());
    this.tokens = List.copyOf(found);
    this.trie = new TokenTrie(tokens.stream().map(Added::text).toList());
    this.userDefinedTrie =
        new TokenTrie(tokens.stream().map(t -> t.special() ? "" : t.text()).toList());
  }

  @Override
  public void split(char[] chars, int from, int to, boolean parseSpecial, Sink out) {
    if (from == to) {
      return;
    }
    // Which of the tokens occur at all; nearly always none, or a few of hundreds.
    TokenTrie wanted = parseSpecial ? trie : userDefinedTrie;
    boolean[] present = new boolean[tokens.size()];
    boolean any = false;
    for (int at = wanted.skip(chars, from, to); at < to; at = wanted.skip(chars, at + 1, to)) {
      any |= wanted.all(chars, at, to, present);
    }
    if (!any) {
      out.text(chars, from, to);
      return;
    }
    List<Part> parts = List.of(new Part(from, to, Vocabulary.NONE));
    for (int index = 0; index < present.length; index++) {
      if (present[index]) {
        parts = takeOut(tokens.get(index), chars, parts);
      }
    }
    for (Part part : parts) {
      if (part.token >= 0) {
        out.token(part.token);
      } else {
        out.text(chars, part.from, part.to);
      }
    }
  }

  private static List<Part> takeOut(Added token, char[] chars, List<Part> parts) {
    char[] text = token.text.toCharArray();
    List<Part> result = new ArrayList<>(parts.size());
    for (Part part : parts) {
      if (part.token >= 0) {
        result.add(part);
        continue;
      }
      int from = part.from;
      while (true) {
        int start = indexOf(chars, from, part.to, text);
        if (start < 0) {
          break;
        }
        int left = start;
        while (token.stripLeft && left > from && isBlank(chars[left - 1])) {
          left--;
        }
        if (left > from) {
          result.add(new Part(from, left, Vocabulary.NONE));
        }
        result.add(new Part(start, start + text.length, token.id));
        from = start + text.length;
        while (token.stripRight && from < part.to && isBlank(chars[from])) {
          from++;
        }
      }
      if (from < part.to) {
        result.add(new Part(from, part.to, Vocabulary.NONE));
      }
    }
    return result;
  }

  private static int indexOf(char[] chars, int from, int to, char[] wanted) {
    int last = to - wanted.length;
    for (int at = from; at <= last; at++) {
      if (chars[at] == wanted[0]) {
        int i = 1;
        while (i < wanted.length && chars[at + i] == wanted[i]) {
          i++;
        }
        if (i == wanted.length) {
          return at;
        }
      }
    }
    return -1;
  }

  private static boolean isBlank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
  }
}
