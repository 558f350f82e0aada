package dev.quern.transformer.train.log;

import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Two CSV files (RFC 4180) for spreadsheets and data frames.
 *
 * <p>{@code steps.csv} has a row for each step; {@code evaluations.csv} a row for each metric of
 * each evaluation, so that its columns don't depend on which metrics there are. Undefined numbers
 * are {@code NaN}, {@code Infinity} and {@code -Infinity}. Each row is with the system when the
 * call returns. A resumed run drops the rows of the steps that are made again, and a row torn by a
 * crash.
 */
public final class CsvLog implements TrainingListener {
  private static final String STEPS =
      "step,loss,rate,gradient_norm,tokens,duration_nanos,tokens_per_second,memory_bytes";
  private static final String EVALUATIONS = "step,split,metric,value";

  private final Path folder;
  private @Nullable RowFile steps;
  private @Nullable RowFile evaluations;

  /**
   * A log of one run.
   *
   * @param folder of the two files; created if it is missing
   */
  public CsvLog(Path folder) {
    this.folder = folder;
  }

  /**
   * Opens the files. A new run begins them anew.
   *
   * @param run tells the first step
   * @throws java.io.UncheckedIOException if they can't be written
   */
  @Override
  public void started(RunStart run) {
    close();
    steps = RowFile.open(folder.resolve("steps.csv"), STEPS, "", run.firstStep());
    evaluations = RowFile.open(folder.resolve("evaluations.csv"), EVALUATIONS, "", run.firstStep());
  }

  @Override
  public void step(StepReport step) {
    open(steps)
        .write(
            step.step()
                + ","
                + step.loss()
                + ","
                + step.rate()
                + ","
                + step.gradientNorm()
                + ","
                + step.tokens()
                + ","
                + step.durationNanos()
                + ","
                + step.tokensPerSecond()
                + ","
                + step.memoryBytes());
  }

  @Override
  public void evaluated(EvaluationReport evaluation) {
    for (Map.Entry<String, Double> metric : evaluation.metrics().entrySet()) {
      open(evaluations)
          .write(
              evaluation.step()
                  + ","
                  + quoted(evaluation.split())
                  + ","
                  + quoted(metric.getKey())
                  + ","
                  + metric.getValue());
    }
  }

  /** A name as a field: in quotes if it holds what would end the field or the row. */
  private static String quoted(String name) {
    boolean plain = name.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
    return plain ? name : '"' + name.replace("\"", "\"\"") + '"';
  }

  private RowFile open(@Nullable RowFile file) {
    if (file == null) {
      throw new IllegalStateException(
          "[CsvLog] no run has started in " + folder + "; call started first");
    }
    return file;
  }

  @Override
  public void close() {
    RowFile first = steps;
    RowFile second = evaluations;
    steps = null;
    evaluations = null;
    try {
      if (first != null) {
        first.close();
      }
    } finally {
      if (second != null) {
        second.close();
      }
    }
  }
}
