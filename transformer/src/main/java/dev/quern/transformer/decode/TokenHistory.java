package dev.quern.transformer.decode;

import java.util.Arrays;

/**
 * The tokens of a sequence so far: its prompt, and what was generated. Adding a token allocates
 * nothing, except when the sequence has doubled.
 */
public final class TokenHistory {
  private static final int NEVER = -1;

  private final int promptLength;
  private int[] tokens;
  private int[] previous; // [size] where the same token came before, or NEVER
  private int[] latest; // hash table of 2^bits places: where its token came last, or NEVER
  private int[] counts; // beside it: how often that was generated
  private int size;
  private int different;

  /**
   * A history that begins with a prompt.
   *
   * @param prompt its tokens; copied
   */
  public TokenHistory(int... prompt) {
    tokens = new int[Math.max(16, 2 * prompt.length)];
    previous = new int[tokens.length];
    promptLength = prompt.length;
    latest = empty(Integer.highestOneBit(tokens.length) * 4);
    counts = new int[latest.length];
    for (int t : prompt) {
      append(t, 0);
    }
  }

  private static int[] empty(int places) {
    int[] table = new int[places];
    Arrays.fill(table, NEVER);
    return table;
  }

  /**
   * Adds a generated token.
   *
   * @param token its id
   */
  public void add(int token) {
    append(token, 1);
  }

  private void append(int token, int generated) {
    if (size == tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * size);
      previous = Arrays.copyOf(previous, 2 * size);
    }
    int place = place(token);
    tokens[size] = token;
    previous[size] = latest[place];
    if (latest[place] == NEVER) {
      different++;
    }
    latest[place] = size++;
    counts[place] += generated;
    if (different > latest.length / 2) {
      grow();
    }
  }

  /** Where the table has a token, or would have it. */
  private int place(int token) {
    int place = (token * 0x9E3779B9) >>> (Integer.numberOfLeadingZeros(latest.length) + 1);
    while (latest[place] != NEVER && tokens[latest[place]] != token) {
      place = (place + 1) & (latest.length - 1);
    }
    return place;
  }

  private void grow() {
    int[] oldLatest = latest;
    int[] oldCounts = counts;
    latest = empty(2 * oldLatest.length);
    counts = new int[latest.length];
    for (int i = 0; i < oldLatest.length; i++) {
      if (oldLatest[i] != NEVER) {
        int place = place(tokens[oldLatest[i]]);
        latest[place] = oldLatest[i];
        counts[place] = oldCounts[i];
      }
    }
  }

  /**
   * How many tokens there are.
   *
   * @return prompt and output
   */
  public int size() {
    return size;
  }

  /**
   * A token.
   *
   * @param i 0 ≤ i &lt; size
   * @return its id
   */
  public int token(int i) {
    return tokens[i];
  }

  /**
   * Whether a token comes at a place for the first time since another place: what is true of one
   * place for each different token.
   *
   * @param i 0 ≤ i &lt; size
   * @param since where to begin to look, 0 ≤ since ≤ i
   * @return whether none of the tokens from {@code since} to i − 1 is the same
   */
  public boolean isFirst(int i, int since) {
    return previous[i] < since;
  }

  /**
   * How often a token was generated.
   *
   * @param token its id
   * @return 0 or more; the prompt doesn't count
   */
  public int generatedCount(int token) {
    return counts[place(token)];
  }

  /**
   * How long the prompt is.
   *
   * @return where the output begins
   */
  public int promptLength() {
    return promptLength;
  }

  /**
   * How many tokens were generated.
   *
   * @return tokens without the prompt
   */
  public int generated() {
    return size - promptLength;
  }

  /**
   * The generated tokens.
   *
   * @return a new array
   */
  public int[] generatedTokens() {
    return Arrays.copyOfRange(tokens, promptLength, size);
  }
}
