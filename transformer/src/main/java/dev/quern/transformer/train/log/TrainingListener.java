package dev.quern.transformer.train.log;

/**
 * Hears what happens in a training run.
 *
 * <p>All calls of one run come from one thread, in the order that the package describes. A listener
 * that can't do its work throws, and the run stops: a run whose log is lost is not worth going on
 * with unnoticed. {@link Listeners#of} makes several one.
 */
public interface TrainingListener extends AutoCloseable {
  /**
   * The run begins, or goes on from a checkpoint.
   *
   * @param run what is known beforehand
   */
  default void started(RunStart run) {}

  /**
   * A step was made.
   *
   * @param step its figures; steps come in rising order without gaps
   */
  default void step(StepReport step) {}

  /**
   * The model was evaluated.
   *
   * @param evaluation the metrics
   */
  default void evaluated(EvaluationReport evaluation) {}

  /**
   * Many numbers of which the distribution is wanted, such as a parameter's elements or its
   * gradient's.
   *
   * @param step after which step
   * @param tag what they are, such as {@code gradient/h.0.attn.weight}
   * @param values the numbers, in any order; only read during the call
   */
  default void values(long step, String tag, float[] values) {}

  /**
   * A text worth keeping, such as a sample that the model wrote.
   *
   * @param step after which step
   * @param tag what it is, such as {@code sample}
   * @param text Markdown
   */
  default void text(long step, String tag, String text) {}

  /**
   * The run came to its end. Not called when an error ends it.
   *
   * @param end why, and with which metrics
   */
  default void finished(RunEnd end) {}

  /** Closes files; called once, whether or not the run came to its end. */
  @Override
  default void close() {}
}
