package dev.quern.transformer.decode;

import java.util.Map;
import java.util.TreeMap;

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

  /** Adds to the scores of tokens. Comes before steps that drop candidates. */
  final class LogitBias implements SamplingStep {
    private final int[] tokens;
    private final double[] added;

    /**
     * A bias.
     *
     * @param bias token to what is added; −∞ forbids one
     */
    public LogitBias(Map<Integer, Double> bias) {
      TreeMap<Integer, Double> ordered = new TreeMap<>(bias);
      tokens = ordered.keySet().stream().mapToInt(Integer::intValue).toArray();
      added = ordered.values().stream().mapToDouble(Double::doubleValue).toArray();
    }

    @Override
    public void apply(Candidates c, TokenHistory history) {
      for (int i = 0; i < tokens.length; i++) {
        check(tokens[i], c.size());
        c.score(tokens[i], c.score(tokens[i]) + added[i]);
      }
    }

    /** Adds the bias to scores of the whole vocabulary. */
    void addTo(double[] scores) {
      for (int i = 0; i < tokens.length; i++) {
        check(tokens[i], scores.length);
        scores[tokens[i]] += added[i];
      }
    }

    private static void check(int token, int vocabulary) {
      if (token < 0 || token >= vocabulary) {
        throw new IllegalArgumentException(
            "[sampling] 'logitBias' names token "
                + token
                + ", which is outside the vocabulary 0.."
                + (vocabulary - 1));
      }
    }
  }

  /**
   * Repetition penalty (Keskar et al. 2019). Comes before steps that drop candidates.
   *
   * @param penalty divides positive and multiplies negative scores
   * @param window how many of the latest tokens of prompt and output it concerns; 0 for all
   */
  record RepetitionPenalty(double penalty, int window) implements SamplingStep {
    @Override
    public void apply(Candidates c, TokenHistory history) {
      int from = window == 0 ? 0 : Math.max(0, history.size() - window);
      for (int i = from; i < history.size(); i++) {
        if (history.isFirst(i, from)) {
          int token = history.token(i);
          double s = c.score(token);
          c.score(token, s > 0 ? s / penalty : s * penalty);
        }
      }
    }
  }

  /**
   * Frequency and presence penalties on generated tokens. Comes before steps that drop candidates.
   *
   * @param frequency taken off for each occurrence
   * @param presence taken off once
   */
  record CountPenalty(double frequency, double presence) implements SamplingStep {
    @Override
    public void apply(Candidates c, TokenHistory history) {
      int from = history.promptLength();
      for (int i = from; i < history.size(); i++) {
        if (history.isFirst(i, from)) {
          int token = history.token(i);
          int n = history.generatedCount(token);
          c.score(token, c.score(token) - n * frequency - presence);
        }
      }
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
      c.divide(temperature);
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
      c.keepLikeliest(k);
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
      c.keepProbability(p);
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
      c.keepNear(p);
    }
  }
}
