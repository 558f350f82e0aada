package dev.quern.transformer.train.log;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.type.FormatException;
import dev.quern.transformer.evaluate.ConfusionMatrix;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A JSON Lines file: an object for each step and each evaluation, told apart by {@code "split"},
 * which steps don't have.
 *
 * <pre>{@code
 * {"step":1,"loss":4.17,"rate":1.0E-5,"gradientNorm":2.9,"tokens":768,"durationNanos":81200345,"memoryBytes":51380224}
 * {"step":250,"split":"validation","metrics":{"loss":2.41},"confusion":[[9,1],[2,8]]}
 * }</pre>
 *
 * <p>Undefined numbers are the strings {@code "NaN"}, {@code "Infinity"} and {@code "-Infinity"},
 * for JSON has none. Each row is with the system when the call returns. A resumed run drops the
 * rows of the steps that are made again, and a row torn by a crash. {@link #replay} reads the file.
 */
public final class JsonLog implements TrainingListener {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private final Path path;
  private @Nullable RowFile file;

  /**
   * A log of one run.
   *
   * @param path of the file; its folder is created if it is missing
   */
  public JsonLog(Path path) {
    this.path = path;
  }

  /**
   * Opens the file. A new run begins it anew.
   *
   * @param run tells the first step
   * @throws UncheckedIOException if it can't be written
   */
  @Override
  public void started(RunStart run) {
    close();
    file = RowFile.open(path, "", "{\"step\":", run.firstStep());
  }

  @Override
  public void step(StepReport step) {
    ObjectNode row = MAPPER.createObjectNode().put("step", step.step());
    put(row, "loss", step.loss());
    put(row, "rate", step.rate());
    put(row, "gradientNorm", step.gradientNorm());
    row.put("tokens", step.tokens());
    row.put("durationNanos", step.durationNanos());
    row.put("memoryBytes", step.memoryBytes());
    write(row);
  }

  @Override
  public void evaluated(EvaluationReport evaluation) {
    ObjectNode row =
        MAPPER.createObjectNode().put("step", evaluation.step()).put("split", evaluation.split());
    ObjectNode metrics = row.putObject("metrics");
    evaluation.metrics().forEach((name, value) -> put(metrics, name, value));
    ConfusionMatrix confusion = evaluation.confusion();
    if (confusion != null) {
      ArrayNode rows = row.putArray("confusion");
      for (int r = 0; r < confusion.classes(); r++) {
        ArrayNode cells = rows.addArray();
        for (int c = 0; c < confusion.classes(); c++) {
          cells.add(confusion.count(r, c));
        }
      }
    }
    write(row);
  }

  private static void put(ObjectNode row, String name, double value) {
    if (Double.isFinite(value)) {
      row.put(name, value);
    } else {
      row.put(name, Double.toString(value));
    }
  }

  private void write(ObjectNode row) {
    if (file == null) {
      throw new IllegalStateException(
          "[JsonLog] no run has started in " + path + "; call started first");
    }
    file.write(row.toString());
  }

  @Override
  public void close() {
    RowFile open = file;
    file = null;
    if (open != null) {
      open.close();
    }
  }

  /**
   * Tells a listener what a log holds: its steps and evaluations, in their order.
   *
   * @param path a file that this class wrote
   * @param before tells what lies before this step; {@link Long#MAX_VALUE} for everything
   * @param listener hears {@code step} and {@code evaluated}
   * @throws FormatException if a line is not one of this class's, with its number; a last line
   *     without its line feed, as a crash leaves it, is passed over
   * @throws UncheckedIOException if the file can't be read
   */
  public static void replay(Path path, long before, TrainingListener listener) {
    new JsonReplay(path, before, listener).run();
  }
}
