package dev.quern.transformer.decode;

import dev.quern.core.op.Philox;
import java.util.ArrayList;
import java.util.List;

/**
 * Chooses tokens: a chain of steps, then the likeliest candidate or one drawn by Philox. For one
 * sequence.
 *
 * <p>The n-th draw depends on seed and n alone, so the same logits give the same choices on every
 * machine and for any number of threads.
 */
public final class Sampler {
  private final List<SamplingStep> steps;
  private final boolean greedy;
  private final long seed;
  private long draws;

  /**
   * A sampler of given steps.
   *
   * @param steps in this order
   * @param greedy whether the likeliest candidate is taken instead of a random one
   * @param seed of the chance
   */
  public Sampler(List<SamplingStep> steps, boolean greedy, long seed) {
    this.steps = List.copyOf(steps);
    this.greedy = greedy;
    this.seed = seed;
  }

  /**
   * The chain that options describe; steps that would change nothing are left out.
   *
   * @param o the options
   * @return the sampler
   */
  public static Sampler of(SamplingOptions o) {
    List<SamplingStep> steps = new ArrayList<>();
    if (!o.logitBias().isEmpty()) {
      steps.add(new SamplingStep.LogitBias(o.logitBias()));
    }
    if (o.repetitionPenalty() != 1) {
      steps.add(new SamplingStep.RepetitionPenalty(o.repetitionPenalty(), o.repetitionWindow()));
    }
    if (o.frequencyPenalty() != 0 || o.presencePenalty() != 0) {
      steps.add(new SamplingStep.CountPenalty(o.frequencyPenalty(), o.presencePenalty()));
    }
    boolean greedy = o.temperature() == 0;
    if (!greedy) {
      if (o.temperature() != 1) {
        steps.add(new SamplingStep.Temperature(o.temperature()));
      }
      if (o.topK() > 0) {
        steps.add(new SamplingStep.TopK(o.topK()));
      }
      if (o.topP() < 1) {
        steps.add(new SamplingStep.TopP(o.topP()));
      }
      if (o.minP() > 0) {
        steps.add(new SamplingStep.MinP(o.minP()));
      }
    }
    return new Sampler(steps, greedy, o.seed());
  }

  /**
   * Chooses a token.
   *
   * @param logits [vocabulary]
   * @param history the tokens so far
   * @return its id
   */
  public int sample(float[] logits, TokenHistory history) {
    if (greedy && steps.isEmpty()) {
      return likeliest(logits);
    }
    Candidates c = new Candidates(logits);
    for (SamplingStep step : steps) {
      step.apply(c, history);
    }
    if (greedy) {
      return c.id(c.best());
    }
    double[] w = c.weights();
    double total = 0;
    for (double x : w) {
      total += x;
    }
    double target = Philox.uniform(seed, draws++) * total;
    double sum = 0;
    int last = c.best();
    for (int i = 0; i < w.length; i++) {
      sum += w[i];
      if (w[i] > 0) {
        last = i;
        if (target < sum) {
          break;
        }
      }
    }
    return c.id(last);
  }

  /** What {@link Candidates#best} would find, without a copy of a large vocabulary. */
  private static int likeliest(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best] || Float.isNaN(logits[best])) {
        best = i;
      }
    }
    return best;
  }
}
