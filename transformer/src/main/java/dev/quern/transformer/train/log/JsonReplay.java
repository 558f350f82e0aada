package dev.quern.transformer.train.log;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.quern.core.type.FormatException;
import dev.quern.transformer.evaluate.ConfusionMatrix;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads what {@link JsonLog} wrote, and tells it again. */
final class JsonReplay {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private final Path path;
  private final long before;
  private final TrainingListener listener;

  JsonReplay(Path path, long before, TrainingListener listener) {
    this.path = path;
    this.before = before;
    this.listener = listener;
  }

  /** Tells the whole file, row by row. */
  void run() {
    boolean torn = !endsWithLineFeed();
    try (BufferedReader in = Files.newBufferedReader(path)) {
      long number = 0;
      String line = in.readLine();
      while (line != null) {
        number++;
        String next = in.readLine();
        if (next != null || !torn) {
          tell(path + ": line " + number, line);
        }
        line = next;
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + path + ": " + e.getMessage(), e);
    }
  }

  private boolean endsWithLineFeed() {
    try (var in = FileChannel.open(path)) {
      ByteBuffer last = ByteBuffer.allocate(1);
      return in.size() == 0 || (in.read(last, in.size() - 1) == 1 && last.get(0) == '\n');
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + path + ": " + e.getMessage(), e);
    }
  }

  private void tell(String place, String line) {
    JsonNode row;
    try {
      row = MAPPER.readTree(line);
    } catch (JsonProcessingException e) {
      throw new FormatException(place + ": not valid JSON: " + e.getOriginalMessage(), e);
    }
    long step = whole(place, row, "step");
    if (step >= before) {
      return;
    }
    if (!row.has("split")) {
      listener.step(
          new StepReport(
              step,
              number(place, row, "loss"),
              number(place, row, "rate"),
              number(place, row, "gradientNorm"),
              whole(place, row, "tokens"),
              whole(place, row, "durationNanos"),
              whole(place, row, "memoryBytes")));
      return;
    }
    Map<String, Double> metrics = new LinkedHashMap<>();
    JsonNode all = row.path("metrics");
    all.fieldNames().forEachRemaining(name -> metrics.put(name, number(place, all, name)));
    listener.evaluated(
        new EvaluationReport(step, row.path("split").asText(), metrics, confusion(place, row)));
  }

  private static @Nullable ConfusionMatrix confusion(String place, JsonNode row) {
    JsonNode rows = row.path("confusion");
    if (rows.isMissingNode()) {
      return null;
    }
    long[][] counts = new long[rows.size()][];
    for (int r = 0; r < counts.length; r++) {
      counts[r] = new long[rows.path(r).size()];
      for (int c = 0; c < counts[r].length; c++) {
        JsonNode count = rows.path(r).path(c);
        if (!count.canConvertToLong() || !count.isIntegralNumber()) {
          throw wrong(place, "confusion", "whole numbers");
        }
        counts[r][c] = count.longValue();
      }
    }
    return ConfusionMatrix.ofCounts(counts);
  }

  private static long whole(String place, JsonNode row, String name) {
    JsonNode value = row.path(name);
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw wrong(place, name, "a whole number");
    }
    return value.longValue();
  }

  private static double number(String place, JsonNode row, String name) {
    JsonNode value = row.path(name);
    if (value.isNumber()) {
      return value.doubleValue();
    }
    return switch (value.asText("")) {
      case "NaN" -> Double.NaN;
      case "Infinity" -> Double.POSITIVE_INFINITY;
      case "-Infinity" -> Double.NEGATIVE_INFINITY;
      default -> throw wrong(place, name, "a number");
    };
  }

  private static FormatException wrong(String place, String name, String wanted) {
    return new FormatException(
        place + ": need " + wanted + " at '" + name + "'; this is not a log that Quern wrote");
  }
}
