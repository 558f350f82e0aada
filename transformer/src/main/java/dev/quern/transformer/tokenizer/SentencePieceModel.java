package dev.quern.transformer.tokenizer;

import java.nio.charset.StandardCharsets;

/**
 * SentencePiece's byte-pair encoding (Kudo and Richardson 2018): no list of merges; two adjacent
 * symbols may merge whenever their text is a token, the one with the best score first. A character
 * without a token becomes the tokens of its bytes.
 */
final class SentencePieceModel implements PieceModel {
  private final Vocabulary vocabulary;
  private final int[] priorities;
  private final int[] byteTokens;
  private final int unknown;
  private final boolean wordByWord;
  private final WordCache cache = new WordCache();

  /**
   * A model.
   *
   * @param scores score of each token; the highest merges first
   * @param unknown token for bytes that have none, or {@link Vocabulary#NONE} to leave them out
   * @param marksLead whether no token crosses the place before a space mark
   */
  SentencePieceModel(Vocabulary vocabulary, float[] scores, int unknown, boolean marksLead) {
    this.vocabulary = vocabulary;
    this.unknown = unknown;
    this.byteTokens = vocabulary.byteTokens();
    this.priorities = new int[scores.length];
    for (int i = 0; i < scores.length; i++) {
      // Bits of a float sort like its value once those of negative ones are turned over; adding
      // zero makes both zeros one. The complement puts high scores first.
      int bits = Float.floatToIntBits(scores[i] + 0f);
      priorities[i] = ~(bits ^ (bits >> 31 & Integer.MAX_VALUE));
    }
    boolean allBytes = true;
    for (int id : byteTokens) {
      allBytes &= id >= 0;
    }
    this.wordByWord = marksLead && allBytes;
  }

  @Override
  public Encoder encoder() {
    return new SentencePieceEncoder();
  }

  private final class SentencePieceEncoder extends BpeMerger implements Encoder {
    private final WordCache.Computation merged = this::merge;
    private char[] text = new char[0];
    private boolean afterUnknown;

    @Override
    int pair(int left, int right) {
      return vocabulary.find(text, start(left), end(right));
    }

    @Override
    int priority(int handle) {
      return priorities[handle];
    }

    @Override
    int result(int handle) {
      return handle;
    }

    @Override
    public void encode(char[] chars, int from, int to, IntList out) {
      if (!wordByWord) {
        merge(chars, from, to, out);
        return;
      }
      int at = from;
      while (at < to) {
        int end = SpaceMarks.wordEnd(chars, at, to);
        cache.encode(chars, at, end, out, merged);
        at = end;
      }
    }

    private void merge(char[] chars, int from, int to, IntList out) {
      text = chars;
      clear();
      int at = from;
      while (at < to) {
        int end = at + Character.charCount(Unicode.codePointAt(chars, at, to));
        add(vocabulary.find(chars, at, end), at, end);
        at = end;
      }
      merge();
      afterUnknown = false;
      for (int i = first(); i >= 0; i = next(i)) {
        if (id(i) >= 0) {
          out.add(id(i));
          afterUnknown = false;
        } else {
          addBytes(chars, start(i), end(i), out);
        }
      }
    }

    private void addBytes(char[] chars, int from, int to, IntList out) {
      byte[] bytes = new String(chars, from, to - from).getBytes(StandardCharsets.UTF_8);
      for (byte b : bytes) {
        int id = byteTokens[b & 0xFF];
        if (id >= 0) {
          out.add(id);
          afterUnknown = false;
        } else if (unknown >= 0 && !afterUnknown) {
          out.add(unknown);
          afterUnknown = true;
        }
      }
    }
  }
}
