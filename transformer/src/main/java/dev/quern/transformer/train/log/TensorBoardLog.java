package dev.quern.transformer.train.log;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Event files for TensorBoard: {@code tensorboard --logdir FOLDER}.
 *
 * <p>Scalars: {@code train/loss}, {@code train/rate}, {@code train/gradient_norm}, {@code
 * train/tokens_per_second} and {@code train/memory_bytes} of each step, and {@code split/metric} of
 * each evaluation. Histograms of {@link #values}; what is not finite is left out of them and
 * counted in the scalar {@code tag/not_finite}. Texts: the model and the configuration, confusion
 * matrices, how the run ended, and those of {@link #text}.
 *
 * <p>Each run of the process writes a file of its own. It begins with the mark of a started
 * session: at the second and later ones TensorBoard forgets what older files tell of steps that are
 * made again.
 *
 * <p>Source: event.proto of TensorFlow; {@link TfRecords} has the framing, {@code Summary} the
 * values.
 */
public final class TensorBoardLog implements TrainingListener {
  private static final Pattern NAME = Pattern.compile("events\\.out\\.tfevents\\.(\\d{1,18})\\..*");

  // Event
  private static final int WALL_TIME = 1;
  private static final int STEP = 2;
  private static final int FILE_VERSION = 3;
  private static final int SUMMARY = 5;
  private static final int SESSION_LOG = 7;
  // SessionLog
  private static final int STATUS = 1;
  private static final int STATUS_START = 1;

  private final Path folder;
  private final InstantSource clock;
  private @Nullable TfRecords file;

  /**
   * A log for one run.
   *
   * @param folder created if it is missing; one for each run
   */
  public TensorBoardLog(Path folder) {
    this(folder, InstantSource.system());
  }

  /**
   * A log with a clock of its own.
   *
   * @param folder created if it is missing; one for each run
   * @param clock what the time of each event is read from
   */
  public TensorBoardLog(Path folder, InstantSource clock) {
    this.folder = folder;
    this.clock = clock;
  }

  /**
   * Begins a new event file.
   *
   * @param run what is known beforehand
   * @throws UncheckedIOException if there can be none in the folder
   */
  @Override
  public void started(RunStart run) {
    close();
    file = create();
    file.write(
        new Protobuf().number(WALL_TIME, now()).text(FILE_VERSION, "brain.Event:2").toBytes());
    Protobuf mark = event(run.firstStep());
    write(mark.message(SESSION_LOG, new Protobuf().integer(STATUS, STATUS_START)));
    String model =
        String.format(
            Locale.ROOT,
            "**%s**: %s, %d parameters, %d steps",
            run.name(),
            run.model(),
            run.parameters(),
            run.steps());
    long before = run.firstStep() - 1;
    write(before, new Summary().text("model", model));
    // Indented, Markdown shows a text unchanged.
    write(before, new Summary().text("configuration", run.configuration().indent(4)));
  }

  @Override
  public void step(StepReport step) {
    write(
        step.step(),
        new Summary()
            .scalar("train/loss", step.loss())
            .scalar("train/rate", step.rate())
            .scalar("train/gradient_norm", step.gradientNorm())
            .scalar("train/tokens_per_second", step.tokensPerSecond())
            .scalar("train/memory_bytes", (double) step.memoryBytes()));
  }

  @Override
  public void evaluated(EvaluationReport evaluation) {
    Summary summary = new Summary();
    for (Map.Entry<String, Double> metric : evaluation.metrics().entrySet()) {
      summary.scalar(evaluation.split() + "/" + metric.getKey(), metric.getValue());
    }
    if (evaluation.confusion() != null) {
      summary.text(evaluation.split() + "/confusion", evaluation.confusion().toString());
    }
    write(evaluation.step(), summary);
  }

  @Override
  public void values(long step, String tag, float[] values) {
    Summary summary = new Summary().histogram(tag, Histogram.of(values));
    long missing = values.length - Histogram.finite(values);
    if (missing > 0) {
      summary.scalar(tag + "/not_finite", (double) missing);
    }
    write(step, summary);
  }

  @Override
  public void text(long step, String tag, String text) {
    write(step, new Summary().text(tag, text));
  }

  @Override
  public void finished(RunEnd end) {
    StringBuilder text = new StringBuilder(end.reason());
    end.metrics()
        .forEach((name, value) -> text.append("\n\n    ").append(name).append(": ").append(value));
    write(end.step(), new Summary().text("end", text.toString()));
  }

  @Override
  public void close() {
    TfRecords open = file;
    file = null;
    if (open != null) {
      open.close();
    }
  }

  private void write(long step, Summary summary) {
    write(event(step).message(SUMMARY, summary.message()));
  }

  private void write(Protobuf event) {
    if (file == null) {
      throw new IllegalStateException(
          "[TensorBoardLog] no run has started in " + folder + "; call started first");
    }
    file.write(event.toBytes());
  }

  private Protobuf event(long step) {
    Protobuf event = new Protobuf().number(WALL_TIME, now());
    return step == 0 ? event : event.integer(STEP, step);
  }

  private double now() {
    Instant now = clock.instant();
    return now.getEpochSecond() + now.getNano() * 1e-9;
  }

  /**
   * A file whose name is greater than those there are. TensorBoard reads a folder's files in the
   * order of their names, which begin with a time, and never goes back to one.
   */
  private TfRecords create() {
    try {
      Files.createDirectories(folder);
      long seconds = Math.max(clock.instant().getEpochSecond(), newest() + 1);
      while (true) {
        try {
          return new TfRecords(
              folder.resolve(
                  String.format(Locale.ROOT, "events.out.tfevents.%010d.quern", seconds)));
        } catch (FileAlreadyExistsException e) {
          seconds++; // somebody began one in the same second
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          "cannot begin an event file in " + folder + ": " + e.getMessage(), e);
    }
  }

  private long newest() throws IOException {
    long newest = 0;
    try (Stream<Path> files = Files.list(folder)) {
      for (Path path : (Iterable<Path>) files::iterator) {
        Matcher name = NAME.matcher(path.getFileName().toString());
        if (name.matches()) {
          newest = Math.max(newest, Long.parseLong(name.group(1)));
        }
      }
    }
    return newest;
  }
}
