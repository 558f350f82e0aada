package dev.quern.transformer.decode;

import java.util.Map;

/** One step between logits and the choice: it changes scores or drops candidates. */
@FunctionalInterface
public interface SamplingStep {
  /**
   * Applies the step.
   *
   * @param candidates changed in place
   * @param history what came before
   */
  void apply(Candidates candidates, TokenHistory history);

  /**
   * Adds to the scores of tokens. Comes before steps that sort.
   *
   * @param bias token to what is added
   */
  record LogitBias(Map<Integer, Double> bias) implements SamplingStep {
    @Override
    public void apply(Candidates c, TokenHistory history) {
      bias.forEach(
          (token, b) -> {
            if (token < 0 || token >= c.size()) {
              throw new IllegalArgumentException(
                  "[sampling] 'logitBias' names token "
                      + token
                      + ", which is outside the vocabulary 0.."
                      + (c.size() - 1));
            }
            c.score(token, c.score(token) + b);
          });
    }
  }

  /**
   * Repetition penalty (Keskar et al. 2019). Comes before steps that sort.
   *
   * @param penalty divides positive and multiplies negative scores
   * @param window how many of the latest tokens of prompt and output it concerns; 0 for all
   */
  record RepetitionPenalty(double penalty, int window) implements SamplingStep {
    @Override
    public void apply(Candidates c, TokenHistory history) {
      for (int token : history.distinct(window)) {
        double s = c.score(token);
        c.score(token, s > 0 ? s / penalty : s * penalty);
      }
    }
  }

  /**
   * Frequency and presence penalties on generated tokens. Comes before steps that sort.
   *
   * @param frequency taken off for each occurrence
   * @param presence taken off once
   */
  record CountPenalty(double frequency, double presence) implements SamplingStep {
    @Override
    public void apply(Candidates c, TokenHistory history) {
      history
          .generatedCounts()
          .forEach((token, n) -> c.score(token, c.score(token) - n * frequency - presence));
    }
  }

  /**
   * Divides the scores.
   *
   * @param temperature greater than 0
   */
  record Temperature(double temperature) implements SamplingStep {
    @Override
    public void apply(Candidates c, TokenHistory history) {
      for (int i = 0; i < c.size(); i++) {
        c.score(i, c.score(i) / temperature);
      }
    }
  }

  /**
   * Keeps the k likeliest tokens.
   *
   * @param k at least 1
   */
  record TopK(int k) implements SamplingStep {
    @Override
    public void apply(Candidates c, TokenHistory history) {
      c.sort();
      c.keep(k);
    }
  }

  /**
   * Keeps the likeliest tokens until their probabilities reach p; the one that reaches it stays.
   *
   * @param p in (0, 1]
   */
  record TopP(double p) implements SamplingStep {
    @Override
    public void apply(Candidates c, TokenHistory history) {
      c.sort();
      double[] w = c.weights();
      double total = 0;
      for (double x : w) {
        total += x;
      }
      double sum = 0;
      int n = 0;
      while (n < w.length && sum < p * total) {
        sum += w[n++];
      }
      c.keep(n);
    }
  }

  /**
   * Keeps tokens that are at least p times as likely as the likeliest.
   *
   * @param p in [0, 1]
   */
  record MinP(double p) implements SamplingStep {
    @Override
    public void apply(Candidates c, TokenHistory history) {
      c.sort();
      double[] w = c.weights();
      int n = 0;
      while (n < w.length && w[n] >= p) {
        n++;
      }
      c.keep(n);
    }
  }
}
