package dev.quern.transformer.train.log;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One line that shows how far a run is: the step, the loss, the speed, the memory, the time left.
 *
 * <pre>
 *  1200/2000 [=================>           ]  60%  loss 1.8234  12.3k tok/s  412 MiB  1:23 left
 * </pre>
 *
 * <p>On a terminal the line is drawn over itself, ten times a second at most, and evaluations stay
 * above it. Elsewhere, such as in a file, a line is written at the first step, every half a minute,
 * and at the end. A listener that stays silent is no listener: leave it out.
 *
 * <p>The speed is that of the last second or so. The time left supposes that the steps to come take
 * as long as those of this process so far, with everything between them (evaluations, checkpoints);
 * the first step, in which the kernels are compiled, is not counted.
 */
public final class ProgressLine implements TrainingListener {
  private static final Duration REDRAW = Duration.ofMillis(100);
  private static final Duration PLAIN = Duration.ofSeconds(30);

  private final PrintStream out;
  private final boolean terminal;
  private final int columns;
  private final LongSupplier nanos;

  private @Nullable RunStart run;
  private @Nullable StepReport last;
  private final Speed speed = new Speed();
  private long firstDone;
  private long shownAt;
  private boolean shown;
  private int drawn; // columns of the line that stands on the terminal

  /**
   * A line of at most 79 columns.
   *
   * @param out where it is drawn, usually standard error; not closed
   * @param terminal whether {@code out} is a terminal
   */
  public ProgressLine(PrintStream out, boolean terminal) {
    this(out, terminal, 79, System::nanoTime);
  }

  /**
   * A line with a width and a clock.
   *
   * @param out where it is drawn; not closed
   * @param terminal whether {@code out} is a terminal
   * @param columns how wide the line may be on a terminal; what doesn't fit is cut
   * @param nanos tells the time, as {@link System#nanoTime} does
   */
  public ProgressLine(PrintStream out, boolean terminal, int columns, LongSupplier nanos) {
    this.out = out;
    this.terminal = terminal;
    this.columns = columns;
    this.nanos = nanos;
  }

  @Override
  public void started(RunStart start) {
    run = start;
    last = null;
    shown = false;
    speed.clear();
    above(
        "%s: %s, %s parameters, %s %d to %d"
            .formatted(
                start.name(),
                start.model(),
                Units.count(start.parameters()),
                start.resumed() ? "resumed, steps" : "steps",
                start.firstStep(),
                start.steps()));
  }

  @Override
  public void step(StepReport step) {
    long now = nanos.getAsLong();
    if (last == null) {
      firstDone = now;
    }
    last = step;
    speed.add(step.tokens(), step.durationNanos());
    long pause = (terminal ? REDRAW : PLAIN).toNanos();
    boolean atEnd = run != null && step.step() >= run.steps();
    if (!shown || now - shownAt >= pause || atEnd) {
      shown = true;
      shownAt = now;
      show(now);
    }
  }

  @Override
  public void evaluated(EvaluationReport evaluation) {
    above(
        "step %d, %s: %s"
            .formatted(evaluation.step(), evaluation.split(), metrics(evaluation.metrics())));
  }

  @Override
  public void finished(RunEnd end) {
    last = null;
    String after = end.metrics().isEmpty() ? "" : ": " + metrics(end.metrics());
    above("step %d, %s%s".formatted(end.step(), end.reason(), after));
  }

  @Override
  public void close() {
    if (drawn > 0) {
      out.println();
      drawn = 0;
    }
    out.flush();
  }

  private static String metrics(Map<String, Double> metrics) {
    StringBuilder text = new StringBuilder();
    metrics.forEach(
        (name, value) ->
            text.append(text.isEmpty() ? "" : "  ")
                .append(name)
                .append(' ')
                .append(Units.figure(value)));
    return text.toString();
  }

  /** Writes a line that stays, and the moving line below it once more. */
  private void above(String text) {
    clear();
    out.println(text);
    if (terminal && last != null) {
      show(nanos.getAsLong());
    }
    out.flush();
  }

  private void clear() {
    if (drawn > 0) {
      out.print("\r" + " ".repeat(drawn) + "\r");
      drawn = 0;
    }
  }

  private void show(long now) {
    StepReport step = last;
    if (run == null || step == null) {
      return;
    }
    double share = run.steps() <= 0 ? 1 : Math.clamp((double) step.step() / run.steps(), 0.0, 1.0);
    String head = step.step() + "/" + run.steps() + " ";
    String tail =
        String.format(
            Locale.ROOT,
            " %3d%%  loss %s  %s tok/s  %s%s",
            (int) (100 * share),
            Units.figure(step.loss()),
            Units.count(speed.perSecond()),
            Units.bytes(step.memoryBytes()),
            left(now, step.step()));
    if (!terminal) {
      out.println(head + tail.strip());
    } else {
      String line = head + bar(share, columns - head.length() - tail.length()) + tail;
      String cut = line.length() > columns ? line.substring(0, columns) : line;
      out.print("\r" + cut + " ".repeat(Math.max(0, drawn - cut.length())));
      drawn = cut.length();
    }
    out.flush();
  }

  /** A bar with its brackets, or nothing where there is no room for a useful one. */
  private static String bar(double share, int room) {
    int inside = Math.min(room, 42) - 2;
    if (inside < 4) {
      return "";
    }
    int full = (int) (share * inside);
    String head = full < inside ? ">" : "";
    return "[" + "=".repeat(full) + head + " ".repeat(inside - full - head.length()) + "]";
  }

  private String left(long now, long step) {
    if (run == null || step >= run.steps() || step <= run.firstStep()) {
      return "";
    }
    double perStep = (double) (now - firstDone) / (step - run.firstStep());
    return "  " + Units.duration((long) (perStep * (run.steps() - step))) + " left";
  }

  /** The mean speed of the steps of about the last second, by exponential forgetting. */
  private static final class Speed {
    private static final double SECOND = 1e9;

    private double tokens;
    private double nanos;

    void clear() {
      tokens = 0;
      nanos = 0;
    }

    void add(long stepTokens, long stepNanos) {
      double keep = Math.exp(-stepNanos / SECOND);
      tokens = keep * tokens + stepTokens;
      nanos = keep * nanos + stepNanos;
    }

    double perSecond() {
      return nanos > 0 ? tokens * SECOND / nanos : Double.NaN;
    }
  }
}
