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
   * With another length.
   *
   * @param count how many updates the run makes
   * @return new options
   */
  public TrainingOptions withSteps(long count) {
    Draft d = new Draft(this);
    d.steps = count;
    return d.options();
  }

  /**
   * With other evaluations.
   *
   * @param every steps between evaluations, 0 for only the last
   * @return new options
   */
  public TrainingOptions withEvaluateEvery(long every) {
    Draft d = new Draft(this);
    d.evaluateEvery = every;
    return d.options();
  }

  /**
   * With other checkpoints.
   *
   * @param every steps between checkpoints, 0 for only the last
   * @param last how many stay, at least 1
   * @return new options
   */
  public TrainingOptions withCheckpointEvery(long every, int last) {
    Draft d = new Draft(this);
    d.checkpointEvery = every;
    d.keepLast = last;
    return d.options();
  }

  /**
   * With dropout.
   *
   * @param share of elements dropped
   * @param dropoutSeed another one drops others
   * @return new options
   */
  public TrainingOptions withDropout(double share, long dropoutSeed) {
    Draft d = new Draft(this);
    d.dropout = share;
    d.seed = dropoutSeed;
    return d.options();
  }

  /**
   * With several batches for an update.
   *
   * @param batches whose gradients make one update
   * @return new options
   */
  public TrainingOptions withAccumulate(int batches) {
    Draft d = new Draft(this);
    d.accumulate = batches;
    return d.options();
  }

  /**
   * With layers that keep only their inputs for the backward pass, or all.
   *
   * @param only whether they keep only those
   * @return new options
   */
  public TrainingOptions withRecompute(boolean only) {
    Draft d = new Draft(this);
    d.recompute = only;
    return d.options();
  }

  /**
   * With early stopping.
   *
   * @param evaluations without a lower validation loss after which the run stops, 0 for never
   * @return new options
   */
  public TrainingOptions withPatience(int evaluations) {
    Draft d = new Draft(this);
    d.patience = evaluations;
    return d.options();
  }

  /** Options while some of them are changed. */
  private static final class Draft {
    long steps;
    long seed;
    int accumulate;
    double dropout;
    boolean recompute;
    long evaluateEvery;
    boolean evaluateFirst;
    long checkpointEvery;
    int keepLast;
    boolean keepBest;
    int patience;
    long histogramsEvery;
    int ahead;

    Draft(TrainingOptions o) {
      steps = o.steps;
      seed = o.seed;
      accumulate = o.accumulate;
      dropout = o.dropout;
      recompute = o.recompute;
      evaluateEvery = o.evaluateEvery;
      evaluateFirst = o.evaluateFirst;
      checkpointEvery = o.checkpointEvery;
      keepLast = o.keepLast;
      keepBest = o.keepBest;
      patience = o.patience;
      histogramsEvery = o.histogramsEvery;
      ahead = o.ahead;
    }

    TrainingOptions options() {
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
          patience,
          histogramsEvery,
          ahead);
    }
  }

  private static void atLeast(String name, long value, long least) {
    if (value < least) {
      throw new TrainingException(
          "[train] %s is %d; it is at least %d".formatted(name, value, least));
    }
  }
}
