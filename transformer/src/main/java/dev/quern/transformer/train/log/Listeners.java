package dev.quern.transformer.train.log;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Several listeners as one. Each hears everything, in the order given, even if one before it
 * throws; the first exception is thrown at the end, with the others suppressed in it.
 */
public final class Listeners implements TrainingListener {
  private final List<TrainingListener> listeners;

  private Listeners(List<TrainingListener> listeners) {
    this.listeners = listeners;
  }

  /**
   * Makes several listeners one.
   *
   * @param listeners none is fine too
   * @return one that tells them all, and closes them
   */
  public static TrainingListener of(TrainingListener... listeners) {
    return of(List.of(listeners));
  }

  /**
   * Makes several listeners one.
   *
   * @param listeners none is fine too
   * @return one that tells them all, and closes them
   */
  public static TrainingListener of(List<? extends TrainingListener> listeners) {
    return new Listeners(List.copyOf(listeners));
  }

  @Override
  public void started(RunStart run) {
    tell(l -> l.started(run));
  }

  @Override
  public void step(StepReport step) {
    tell(l -> l.step(step));
  }

  @Override
  public void evaluated(EvaluationReport evaluation) {
    tell(l -> l.evaluated(evaluation));
  }

  @Override
  public void values(long step, String tag, float[] values) {
    tell(l -> l.values(step, tag, values));
  }

  @Override
  public void text(long step, String tag, String text) {
    tell(l -> l.text(step, tag, text));
  }

  @Override
  public void finished(RunEnd end) {
    tell(l -> l.finished(end));
  }

  @Override
  public void close() {
    tell(TrainingListener::close);
  }

  private void tell(Consumer<TrainingListener> what) {
    List<RuntimeException> thrown = new ArrayList<>();
    for (TrainingListener listener : listeners) {
      try {
        what.accept(listener);
      } catch (RuntimeException e) {
        thrown.add(e);
      }
    }
    if (!thrown.isEmpty()) {
      RuntimeException first = thrown.removeFirst();
      thrown.forEach(first::addSuppressed);
      throw first;
    }
  }
}
