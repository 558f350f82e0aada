package dev.quern.transformer.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.type.FormatException;
import java.nio.file.Path;

/**
 * A file with a JSON object on each line (JSON Lines). Errors name the line.
 *
 * {@snippet :
 * try (JsonLines rows = JsonLines.open(path)) {
 *   Dataset<String> texts = rows.map(row -> row.text("text"));
 * }
 * }
 *
 * <p>Safe to share between threads.
 */
public final class JsonLines implements Dataset<JsonRow>, AutoCloseable {
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private final TextLines lines;

  private JsonLines(TextLines lines) {
    this.lines = lines;
  }

  /**
   * Maps a file and counts its lines.
   *
   * @param path UTF-8; rows are parsed when they are read
   * @return the rows
   * @throws java.io.UncheckedIOException if it can't be read
   */
  public static JsonLines open(Path path) {
    return new JsonLines(TextLines.open(path));
  }

  @Override
  public long size() {
    return lines.size();
  }

  /**
   * A row.
   *
   * @param index 0 for the first
   * @return the object on that line
   * @throws FormatException if there is none, with the line's number
   */
  @Override
  public JsonRow get(long index) {
    String place = lines.path() + ": line " + (index + 1);
    String line = lines.get(index);
    try {
      if (MAPPER.readTree(line) instanceof ObjectNode node) {
        return new JsonRow(place, node);
      }
    } catch (JsonProcessingException e) {
      throw new FormatException(place + ": not valid JSON: " + e.getOriginalMessage(), e);
    }
    throw new FormatException(
        place
            + (line.isBlank() ? ": it is empty; remove it" : ": need an object")
            + ", as each line of a JSON Lines file has one");
  }

  @Override
  public void close() {
    lines.close();
  }
}
