package dev.quern.transformer.train;

/**
 * What a run does when, beside what it trains on what.
 *
 * @param steps how many updates the run makes
 * @param seed of dropout; data and first weights have their own
 * @param accumulate batches whose gradients make one update; the loss is the mean of theirs
 * @param dropout share of elements dropped, 0 for none
 * @param recompute whether layers keep only their inputs for the backward pass
 * @param evaluateEvery steps between evaluations, 0 for only the last
 * @param evaluateFirst whether the model is evaluated before the first step
 * @param checkpointEvery steps between checkpoints, 0 for only the last
 * @param keepLast how many checkpoints stay, at least 1
 * @param keepBest whether the checkpoint with the lowest validation loss stays too
 * @param patience evaluations without a lower validation loss after which the run stops, 0 for
 *     never
 * @param histogramsEvery steps between histograms of the parameters for listeners, 0 for none
 * @param ahead batches prepared while others are computed
 */
public record TrainingOptions(
    long steps,
    long seed,
    int accumulate,
    double dropout,
    boolean recompute,
    long evaluateEvery,
    boolean evaluateFirst,
    long checkpointEvery,
    int keepLast,
    boolean keepBest,
    int patience,
    long histogramsEvery,
    int ahead) {

  /**
   * Checks the numbers.
   *
   * @throws TrainingException if one is out of range
   */
  public TrainingOptions {
    atLeast("steps", steps, 0);
    atLeast("accumulate", accumulate, 1);
    atLeast("evaluate_every", evaluateEvery, 0);
    atLeast("checkpoint_every", checkpointEvery, 0);
    atLeast("keep_last", keepLast, 1);
    atLeast("patience", patience, 0);
    atLeast("histograms_every", histogramsEvery, 0);
    atLeast("ahead", ahead, 0);
    if (!(dropout >= 0 && dropout < 1)) {
      throw new TrainingException("[train] dropout is " + dropout + "; it is in [0, 1)");
    }
  }

  /**
   * Steps, and for all else what is usual: no dropout, nothing evaluated or saved but at the end,
   * the last checkpoint and the best kept, four batches ahead.
   *
   * @param steps how many updates the run makes
   */
  public TrainingOptions(long steps) {
    this(steps, 0, 1, 0, false, 0, false, 0, 1, true, 0, 0, 4);
  }

  /**
   * With other evaluations.
   *
   * @param every steps between evaluations, 0 for only the last
   * @return new options
   */
  public TrainingOptions withEvaluateEvery(long every) {
    return new TrainingOptions(
        steps,
        seed,
        accumulate,
        dropout,
        recompute,
        every,
        evaluateFirst,
        checkpointEvery,
        keepLast,
        keepBest,
        patience,
        histogramsEvery,
        ahead);
  }

  /**
   * With other checkpoints.
   *
   * @param every steps between checkpoints, 0 for only the last
   * @param last how many stay, at least 1
   * @return new options
   */
  public TrainingOptions withCheckpointEvery(long every, int last) {
    return new TrainingOptions(
        steps,
        seed,
        accumulate,
        dropout,
        recompute,
        evaluateEvery,
        evaluateFirst,
        every,
        last,
        keepBest,
        patience,
        histogramsEvery,
        ahead);
  }

  /**
   * With dropout.
   *
   * @param share of elements dropped
   * @param dropoutSeed another one drops others
   * @return new options
   */
  public TrainingOptions withDropout(double share, long dropoutSeed) {
    return new TrainingOptions(
        steps,
        dropoutSeed,
        accumulate,
        share,
        recompute,
        evaluateEvery,
        evaluateFirst,
        checkpointEvery,
        keepLast,
        keepBest,
        patience,
        histogramsEvery,
        ahead);
  }

  /**
   * With several batches for an update.
   *
   * @param batches whose gradients make one update
   * @return new options
   */
  public TrainingOptions withAccumulate(int batches) {
    return new TrainingOptions(
        steps,
        seed,
        batches,
        dropout,
        recompute,
        evaluateEvery,
        evaluateFirst,
        checkpointEvery,
        keepLast,
        keepBest,
        patience,
        histogramsEvery,
        ahead);
  }

  /**
   * With early stopping.
   *
   * @param evaluations without a lower validation loss after which the run stops, 0 for never
   * @return new options
   */
  public TrainingOptions withPatience(int evaluations) {
    return new TrainingOptions(
        steps,
        seed,
        accumulate,
        dropout,
        recompute,
        evaluateEvery,
        evaluateFirst,
        checkpointEvery,
        keepLast,
        keepBest,
        evaluations,
        histogramsEvery,
        ahead);
  }

  private static void atLeast(String name, long value, long least) {
    if (value < least) {
      throw new TrainingException(
          "[train] %s is %d; it is at least %d".formatted(name, value, least));
    }
  }
}
