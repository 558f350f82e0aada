package dev.quern.transformer.train.log;

import dev.quern.core.io.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A page that tells of a run, written at its end: curves of the losses, the learning rate, the
 * gradient norm, the speed, the memory and every metric; a table of the evaluations; the last
 * confusion matrix of each split; the last text of each tag; the configuration.
 *
 * <p>One HTML file that needs nothing else: no network, no other file, and no script to be
 * readable. It follows the reader's choice of light or dark. Whatever comes from outside (names,
 * texts, the configuration) is escaped.
 *
 * <p>A run that ends without {@code finished} gets its report from {@code close}.
 */
public final class HtmlReport implements TrainingListener {
  private final Path file;
  private final @Nullable Path log;
  private final List<String> classes;
  private @Nullable RunRecord record;

  private HtmlReport(Path file, @Nullable Path log, List<String> classes) {
    this.file = file;
    this.log = log;
    this.classes = classes;
  }

  /**
   * A report of what this process does. If the run is resumed, it begins with the resumption.
   *
   * @param file written at the end, as a whole or not at all; its folder is created if missing
   */
  public HtmlReport(Path file) {
    this(file, null, List.of());
  }

  /**
   * A report of the whole run: if it is resumed, what came before is read from its log.
   *
   * @param file written at the end, as a whole or not at all; its folder is created if missing
   * @param log a {@link JsonLog}'s file; need not be there
   * @return the listener
   */
  public static HtmlReport continuing(Path file, Path log) {
    return new HtmlReport(file, log, List.of());
  }

  /**
   * The same report with names for the rows and columns of confusion matrices.
   *
   * @param names of the classes; a matrix of another size goes by numbers
   * @return a new listener
   */
  public HtmlReport withClasses(List<String> names) {
    return new HtmlReport(file, log, List.copyOf(names));
  }

  /**
   * Begins to gather.
   *
   * @param run what is known beforehand
   * @throws dev.quern.core.type.FormatException if the log to go on from can't be understood
   * @throws UncheckedIOException if it can't be read
   */
  @Override
  public void started(RunStart run) {
    record = new RunRecord(run);
    if (run.resumed() && log != null && Files.exists(log)) {
      JsonLog.replay(log, run.firstStep(), this);
    }
  }

  @Override
  public void step(StepReport step) {
    current().step(step);
  }

  @Override
  public void evaluated(EvaluationReport evaluation) {
    current().evaluated(evaluation);
  }

  @Override
  public void text(long step, String tag, String text) {
    current().text(tag, text);
  }

  /**
   * Writes the report.
   *
   * @param end why the run ended
   * @throws UncheckedIOException if the file can't be written
   */
  @Override
  public void finished(RunEnd end) {
    RunRecord r = current();
    r.end = end;
    write(r);
    record = null;
  }

  @Override
  public void close() {
    RunRecord r = record;
    record = null;
    if (r != null) {
      write(r);
    }
  }

  private RunRecord current() {
    if (record == null) {
      throw new IllegalStateException(
          "[HtmlReport] no run is going on for " + file + "; call started first");
    }
    return record;
  }

  private void write(RunRecord r) {
    try {
      Path folder = file.toAbsolutePath().getParent();
      if (folder != null) {
        Files.createDirectories(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + file + ": " + e.getMessage(), e);
    }
    byte[] page = new ReportPage(r, classes).html().getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, sink -> sink.write(page));
  }
}
