package dev.quern.transformer.decode;

import java.util.List;
import java.util.Set;

/**
 * How a text is generated.
 *
 * @param maxTokens at most this many tokens, at least 1
 * @param sampling how tokens are chosen
 * @param stopStrings the text ends before the first of these
 * @param stopTokens generation ends with the first of these, beside the model's own end tokens
 * @param ignoreEnd whether the model's own end tokens don't end it
 * @param topLogProbabilities how many of the likeliest tokens to report at each step, beside the
 *     chosen one; 0 for no report
 */
public record GenerationOptions(
    int maxTokens,
    SamplingOptions sampling,
    List<String> stopStrings,
    Set<Integer> stopTokens,
    boolean ignoreEnd,
    int topLogProbabilities) {

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException naming the value that is out of range
   */
  public GenerationOptions {
    stopStrings = List.copyOf(stopStrings);
    stopTokens = Set.copyOf(stopTokens);
    if (maxTokens < 1) {
      throw new IllegalArgumentException(
          "[generation] 'maxTokens' is " + maxTokens + "; it must be at least 1");
    }
    if (topLogProbabilities < 0) {
      throw new IllegalArgumentException(
          "[generation] 'topLogProbabilities' is "
              + topLogProbabilities
              + "; it must be at least 0");
    }
    if (stopStrings.contains("")) {
      throw new IllegalArgumentException(
          "[generation] 'stopStrings' contains an empty text, which would stop at once");
    }
  }

  /**
   * Greedy generation until the model ends.
   *
   * @param maxTokens at most this many tokens
   * @return the options
   */
  public static GenerationOptions greedy(int maxTokens) {
    return of(maxTokens, SamplingOptions.GREEDY);
  }

  /**
   * Generation until the model ends.
   *
   * @param maxTokens at most this many tokens
   * @param sampling how tokens are chosen
   * @return the options
   */
  public static GenerationOptions of(int maxTokens, SamplingOptions sampling) {
    return new GenerationOptions(maxTokens, sampling, List.of(), Set.of(), false, 0);
  }

  /**
   * The same with stop strings.
   *
   * @param stops the text ends before the first of these
   * @return new options
   */
  public GenerationOptions withStopStrings(String... stops) {
    return new GenerationOptions(
        maxTokens, sampling, List.of(stops), stopTokens, ignoreEnd, topLogProbabilities);
  }

  /**
   * The same with stop tokens.
   *
   * @param stops generation ends with the first of these
   * @return new options
   */
  public GenerationOptions withStopTokens(Integer... stops) {
    return new GenerationOptions(
        maxTokens, sampling, stopStrings, Set.of(stops), ignoreEnd, topLogProbabilities);
  }

  /**
   * The same, going on after the model's own end tokens.
   *
   * @return new options
   */
  public GenerationOptions ignoringEnd() {
    return new GenerationOptions(
        maxTokens, sampling, stopStrings, stopTokens, true, topLogProbabilities);
  }

  /**
   * The same with reports of the likeliest tokens.
   *
   * @param count how many at each step
   * @return new options
   */
  public GenerationOptions withTopLogProbabilities(int count) {
    return new GenerationOptions(maxTokens, sampling, stopStrings, stopTokens, ignoreEnd, count);
  }
}
