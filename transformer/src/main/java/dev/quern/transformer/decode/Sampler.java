package dev.quern.transformer.decode;

import dev.quern.core.op.Philox;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Chooses tokens: a chain of steps, then the likeliest candidate or one drawn by Philox. For one
 * sequence, whose memory it is: about 35 bytes for each token of the vocabulary, unless it is
 * greedy without steps.
 *
 * <p>The n-th draw depends on seed and n alone, so the same logits give the same choices on every
 * machine and for any number of threads.
 */
public final class Sampler {
  private final List<SamplingStep> steps;
  private final boolean greedy;
  private final long seed;
  private final ArgMax likeliest = new ArgMax();
  private final Candidates candidates = new Candidates();
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
    return sample(MemorySegment.ofArray(logits), history);
  }

  /**
   * Chooses a token; once it has seen a vocabulary, without allocating anything.
   *
   * @param logits [vocabulary] F32
   * @param history the tokens so far
   * @return its id
   */
  public int sample(MemorySegment logits, TokenHistory history) {
    if (greedy && steps.isEmpty()) {
      return likeliest.of(logits);
    }
    candidates.reset(logits);
    for (int i = 0; i < steps.size(); i++) {
      steps.get(i).apply(candidates, history);
    }
    return greedy
        ? candidates.id(candidates.best())
        : candidates.draw(Philox.uniform(seed, draws++));
  }
}
