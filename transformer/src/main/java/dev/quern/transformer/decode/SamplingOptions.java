package dev.quern.transformer.decode;

import java.util.Map;

/**
 * How the next token is chosen from logits. The steps run in the order of the components, except
 * that the bias comes first.
 *
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens that came in
 *     prompt or output (Keskar et al. 2019); 1 for none, &gt; 0
 * @param repetitionWindow how many of the latest tokens that concerns; 0 for all
 * @param frequencyPenalty taken from a token's logit for each time it was generated; 0 for none
 * @param presencePenalty taken once from the logit of each generated token; 0 for none
 * @param temperature divides the logits; 0 takes the likeliest token and no chance
 * @param topK keeps the k likeliest tokens (Fan et al. 2018); 0 for all
 * @param topP keeps the likeliest tokens until their probabilities reach p (Holtzman et al. 2020);
 *     1 for all
 * @param minP keeps tokens that are at least p times as likely as the likeliest (Nguyen et al.
 *     2024); 0 for all
 * @param logitBias added to the logits of these tokens; −∞ forbids one
 * @param seed of the chance; the same seed, model and prompt give the same text
 */
public record SamplingOptions(
    double repetitionPenalty,
    int repetitionWindow,
    double frequencyPenalty,
    double presencePenalty,
    double temperature,
    int topK,
    double topP,
    double minP,
    Map<Integer, Double> logitBias,
    long seed) {

  /** Always the likeliest token. */
  public static final SamplingOptions GREEDY =
      new SamplingOptions(1, 0, 0, 0, 0, 0, 1, 0, Map.of(), 0);

  /**
   * Checks the ranges.
   *
   * @throws IllegalArgumentException naming the value that is out of range
   */
  public SamplingOptions {
    logitBias = Map.copyOf(logitBias);
    require(repetitionPenalty > 0, "repetitionPenalty", repetitionPenalty, "greater than 0");
    require(repetitionWindow >= 0, "repetitionWindow", repetitionWindow, "at least 0");
    require(Double.isFinite(frequencyPenalty), "frequencyPenalty", frequencyPenalty, "finite");
    require(Double.isFinite(presencePenalty), "presencePenalty", presencePenalty, "finite");
    require(
        temperature >= 0 && Double.isFinite(temperature), "temperature", temperature, "at least 0");
    require(topK >= 0, "topK", topK, "at least 0");
    require(topP > 0 && topP <= 1, "topP", topP, "in (0, 1]");
    require(minP >= 0 && minP <= 1, "minP", minP, "in [0, 1]");
    for (double bias : logitBias.values()) {
      require(bias < Double.POSITIVE_INFINITY, "logitBias", bias, "less than +∞");
    }
  }

  /**
   * Plain sampling at a temperature.
   *
   * @param temperature 0 or more
   * @param seed of the chance
   * @return the options
   */
  public static SamplingOptions of(double temperature, long seed) {
    return new SamplingOptions(1, 0, 0, 0, temperature, 0, 1, 0, Map.of(), seed);
  }

  /**
   * The same with other cuts.
   *
   * @param k top-k, 0 for all
   * @param p top-p, 1 for all
   * @param min min-p, 0 for all
   * @return new options
   */
  public SamplingOptions withCuts(int k, double p, double min) {
    return new SamplingOptions(
        repetitionPenalty,
        repetitionWindow,
        frequencyPenalty,
        presencePenalty,
        temperature,
        k,
        p,
        min,
        logitBias,
        seed);
  }

  /**
   * The same with other penalties.
   *
   * @param repetition 1 for none
   * @param window how many of the latest tokens repetition concerns; 0 for all
   * @param frequency 0 for none
   * @param presence 0 for none
   * @return new options
   */
  public SamplingOptions withPenalties(
      double repetition, int window, double frequency, double presence) {
    return new SamplingOptions(
        repetition, window, frequency, presence, temperature, topK, topP, minP, logitBias, seed);
  }

  /**
   * The same with another bias.
   *
   * @param bias token to what is added to its logit
   * @return new options
   */
  public SamplingOptions withBias(Map<Integer, Double> bias) {
    return new SamplingOptions(
        repetitionPenalty,
        repetitionWindow,
        frequencyPenalty,
        presencePenalty,
        temperature,
        topK,
        topP,
        minP,
        bias,
        seed);
  }

  /**
   * The same with another seed.
   *
   * @param other of the chance
   * @return new options
   */
  public SamplingOptions withSeed(long other) {
    return new SamplingOptions(
        repetitionPenalty,
        repetitionWindow,
        frequencyPenalty,
        presencePenalty,
        temperature,
        topK,
        topP,
        minP,
        logitBias,
        other);
  }

  private static void require(boolean ok, String name, double value, String wanted) {
    if (!ok) {
      throw new IllegalArgumentException(
          "[sampling] '" + name + "' is " + value + "; it must be " + wanted);
    }
  }
}
