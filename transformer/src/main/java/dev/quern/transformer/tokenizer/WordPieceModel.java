package dev.quern.transformer.tokenizer;

/**
 * WordPiece (Schuster and Nakajima 2012, as BERT uses it): from the left, the longest token that a
 * word continues with; a word that can't be spelled so is unknown as a whole.
 */
final class WordPieceModel implements PieceModel {
  private final Vocabulary vocabulary;
  private final int unknown;
  private final String firstPrefix;
  private final String continuingPrefix;
  private final int maxCharacters;
  private final WordCache cache = new WordCache();

  /**
   * A model.
   *
   * @param unknown token of a word that can't be spelled
   * @param firstPrefix spelling before a word, which must itself be matched
   * @param continuingPrefix spelling of the tokens that continue a word
   * @param maxCharacters a word of more code points is unknown
   */
  WordPieceModel(
      Vocabulary vocabulary,
      int unknown,
      String firstPrefix,
      String continuingPrefix,
      int maxCharacters) {
    this.vocabulary = vocabulary;
    this.unknown = unknown;
    this.firstPrefix = firstPrefix;
    this.continuingPrefix = continuingPrefix;
    this.maxCharacters = maxCharacters;
  }

  @Override
  public Encoder encoder() {
    return new WordPieceEncoder();
  }

  private final class WordPieceEncoder implements Encoder {
    private final WordCache.Computation spelled = this::spell;
    private char[] word = new char[64];

    @Override
    public void encode(char[] chars, int from, int to, IntList out) {
      cache.encode(chars, from, to, out, spelled);
    }

    private void spell(char[] chars, int from, int to, IntList out) {
      // The word stands behind room for the prefix, which is written over what is already spelled.
      int room = continuingPrefix.length();
      int length = firstPrefix.length() + to - from;
      if (word.length < room + length) {
        word = new char[2 * (room + length)];
      }
      firstPrefix.getChars(0, firstPrefix.length(), word, room);
      System.arraycopy(chars, from, word, room + firstPrefix.length(), to - from);
      int before = out.size();
      int end = room + length;
      int at = room;
      if (to - from > maxCharacters
          && Character.codePointCount(chars, from, to - from) > maxCharacters) {
        out.add(unknown);
        return;
      }
      while (at < end) {
        int start = at;
        if (at > room) {
          start = at - room;
          continuingPrefix.getChars(0, room, word, start);
        }
        int longest = longest(start, at, end, out);
        if (longest < 0) {
          out.truncate(before);
          out.add(unknown);
          return;
        }
        at = longest;
      }
    }

    /** Adds the longest token of {@code word[start, e)}, e in (at, end], and returns e or -1. */
    private int longest(int start, int at, int end, IntList out) {
      int hash = CharHash.of(word, start, at);
      int limit = Math.min(end, start + vocabulary.maxTokenChars());
      int best = -1;
      int bestEnd = -1;
      for (int i = at; i < limit; i++) {
        hash = hash * CharHash.BASE + word[i];
        int id = vocabulary.find(hash, word, start, i + 1);
        if (id >= 0) {
          best = id;
          bestEnd = i + 1;
        }
      }
      if (best >= 0) {
        out.add(best);
      }
      return bestEnd;
    }
  }
}
