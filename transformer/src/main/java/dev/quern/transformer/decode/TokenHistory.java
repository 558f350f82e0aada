package dev.quern.transformer.decode;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** The tokens of a sequence so far: its prompt, and what was generated. */
public final class TokenHistory {
  private final Map<Integer, Integer> counts = new LinkedHashMap<>();
  private final int promptLength;
  private int[] tokens;
  private int size;

  /**
   * A history that begins with a prompt.
   *
   * @param prompt its tokens; copied
   */
  public TokenHistory(int... prompt) {
    tokens = Arrays.copyOf(prompt, Math.max(16, prompt.length * 2));
    size = prompt.length;
    promptLength = prompt.length;
  }

  /**
   * Adds a generated token.
   *
   * @param token its id
   */
  public void add(int token) {
    if (size == tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * size);
    }
    tokens[size++] = token;
    counts.merge(token, 1, Integer::sum);
  }

  /**
   * How often each token was generated.
   *
   * @return token to count, in the order of their first occurrence
   */
  public Map<Integer, Integer> generatedCounts() {
    return counts;
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

  /**
   * The different tokens among the latest of prompt and output.
   *
   * @param window how many of the latest; 0 for all
   * @return each once
   */
  public int[] distinct(int window) {
    int from = window == 0 ? 0 : Math.max(0, size - window);
    return Arrays.stream(tokens, from, size).distinct().toArray();
  }
}
