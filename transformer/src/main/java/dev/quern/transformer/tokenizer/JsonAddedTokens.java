package dev.quern.transformer.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The added tokens of a {@code tokenizer.json}: at each place the longest one, from left to right,
 * with the options that each of them has.
 */
final class JsonAddedTokens implements TokenFinder {
  /**
   * An added token.
   *
   * @param id its id
   * @param content its spelling
   * @param special whether it steers the model, rather than being text
   * @param singleWord found only where no word goes on before or after it
   * @param stripLeft swallows the white space before it
   * @param stripRight swallows the white space after it
   * @param normalized looked for in the normalised text
   */
  record Added(
      int id,
      String content,
      boolean special,
      boolean singleWord,
      boolean stripLeft,
      boolean stripRight,
      boolean normalized) {
    static Added read(JsonPlace place) {
      place.needObject();
      boolean special = place.bool("special", false);
      return new Added(
          place.need("id").integer(),
          place.text("content"),
          special,
          place.bool("single_word", false),
          place.bool("lstrip", false),
          place.bool("rstrip", false),
          place.bool("normalized", !special));
    }

    Added withId(int newId) {
      return new Added(newId, content, special, singleWord, stripLeft, stripRight, normalized);
    }
  }

  private final List<Added> tokens;
  private final TokenTrie trie;

  private JsonAddedTokens(List<Added> tokens, @Nullable UnaryOperator<String> normalizer) {
    this.tokens = tokens;
    this.trie =
        new TokenTrie(
            tokens.stream()
                .map(Added::content)
                .map(content -> normalizer == null ? content : normalizer.apply(content))
                .toList());
  }

  /**
   * A finder of those tokens that are looked for in the text as it is, or in the normalised one.
   */
  static TokenFinder of(
      List<Added> tokens, boolean normalized, @Nullable UnaryOperator<String> normalizer) {
    List<Added> wanted = new ArrayList<>();
    for (Added token : tokens) {
      if (token.normalized == normalized && !token.content.isEmpty()) {
        wanted.add(token);
      }
    }
    return wanted.isEmpty()
        ? TokenFinder.NONE
        : new JsonAddedTokens(wanted, normalized ? normalizer : null);
  }

  @Override
  public void split(char[] chars, int from, int to, boolean parseSpecial, Sink out) {
    int done = from;
    int at = trie.skip(chars, from, to);
    while (at < to) {
      int match = trie.longest(chars, at, to);
      if (match == TokenTrie.NONE) {
        at = trie.skip(chars, at + 1, to);
        continue;
      }
      Added token = tokens.get(match);
      int start = at;
      int end = at + trie.length(match);
      at = trie.skip(chars, end, to);
      if ((token.special && !parseSpecial)
          || (token.singleWord && !standsAlone(chars, from, start, end, to))) {
        continue;
      }
      if (token.stripLeft) {
        while (start > done && Unicode.isWhiteSpace(chars[start - 1])) {
          start--;
        }
      }
      if (token.stripRight) {
        while (end < to && Unicode.isWhiteSpace(chars[end])) {
          end++;
        }
      }
      if (done < start) {
        out.text(chars, done, start);
      }
      out.token(token.id);
      // A token within the white space that the one before has swallowed is found all the same.
      done = end;
    }
    if (done < to) {
      out.text(chars, done, to);
    }
  }

  private static boolean standsAlone(char[] chars, int from, int start, int end, int to) {
    boolean wordBefore =
        start > from && Unicode.isWord(Character.codePointBefore(chars, start, from));
    boolean wordAfter = end < to && Unicode.isWord(Unicode.codePointAt(chars, end, to));
    return !wordBefore && !wordAfter;
  }
}
