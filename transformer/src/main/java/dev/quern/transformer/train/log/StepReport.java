package dev.quern.transformer.train.log;

/**
 * The figures of one step.
 *
 * @param step its number, 1 for the first of a run
 * @param loss training loss of the step's batch, before the update; NaN and infinity are told as
 *     they are
 * @param rate learning rate of the step
 * @param gradientNorm Euclidean norm of all gradients together, before clipping; NaN if it was not
 *     computed
 * @param tokens how many tokens, or other examples, the step was made of, without what rows are
 *     filled up with
 * @param durationNanos time it took
 * @param memoryBytes memory the training holds
 */
public record StepReport(
    long step,
    double loss,
    double rate,
    double gradientNorm,
    long tokens,
    long durationNanos,
    long memoryBytes) {

  /**
   * The speed.
   *
   * @return tokens a second; NaN for a step without duration
   */
  public double tokensPerSecond() {
    return durationNanos > 0 ? tokens * 1e9 / durationNanos : Double.NaN;
  }
}
