package dev.quern.transformer.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.arrow.ArrowColumns;
import dev.quern.core.io.arrow.ArrowWriter;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** Arrow files as datasets. */
class ArrowRowsTest {
  @TempDir private Path folder;

  /** Rows number {@code from} on, in batches of the given sizes. */
  private Path write(String name, boolean file, int from, int... sizes) {
    Path path = folder.resolve(name);
    ArrowWriter writer = file ? ArrowWriter.file() : ArrowWriter.stream();
    writer.write(
        path,
        batches -> {
          int first = from;
          for (int size : sizes) {
            batches.add(columns(first, size));
            first += size;
          }
        });
    return path;
  }

  private static ArrowColumns columns(int first, int size) {
    List<String> texts = new ArrayList<>();
    List<int[]> ids = new ArrayList<>();
    long[] labels = new long[size];
    double[] weights = new double[size];
    for (int i = 0; i < size; i++) {
      int n = first + i;
      texts.add(n % 7 == 3 ? null : "text " + n);
      ids.add(IntStream.range(0, n % 5).map(j -> n + j).toArray());
      labels[i] = n % 3;
      weights[i] = n / 2.0;
    }
    return new ArrowColumns()
        .texts("text", texts)
        .ints("input_ids", ids)
        .tensor("label", TensorSpec.of(ScalarType.I64, size), MemorySegment.ofArray(labels))
        .tensor("weight", TensorSpec.of(ScalarType.F64, size), MemorySegment.ofArray(weights));
  }

  private static void check(ArrowRows rows, int size) {
    assertEquals(size, rows.size());
    assertEquals(List.of("text", "input_ids", "label", "weight"), rows.columns());
    for (int n = size - 1; n >= 0; n--) {
      ArrowRow row = rows.get(n);
      assertEquals(n % 7 != 3, row.has("text"));
      if (row.has("text")) {
        assertEquals("text " + n, row.text("text"));
      }
      int first = n;
      assertArrayEquals(
          IntStream.range(0, n % 5).map(j -> first + j).toArray(), row.integers("input_ids"));
      assertEquals(n % 3, row.integer("label"));
      assertEquals(n / 2.0, row.number("weight"));
    }
    assertThrows(IndexOutOfBoundsException.class, () -> rows.get(size));
    assertThrows(IndexOutOfBoundsException.class, () -> rows.get(-1));
  }

  @Test
  void filesAndStreams() {
    try (ArrowRows rows = ArrowRows.open(write("a.arrow", false, 0, 10, 0, 1, 25))) {
      check(rows, 36);
    }
    try (ArrowRows rows = ArrowRows.open(write("b.arrow", true, 0, 3, 3))) {
      check(rows, 6);
    }
  }

  @Test
  void severalFilesFollowOneAnother() throws Exception {
    Path shards = Files.createDirectory(folder.resolve("train"));
    Files.move(write("x", false, 4, 0), shards.resolve("data-00000-of-00005.arrow"));
    Files.move(write("x", false, 0, 4), shards.resolve("data-00001-of-00005.arrow"));
    Files.move(write("x", true, 4, 0), shards.resolve("data-00002-of-00005.arrow"));
    Files.move(write("x", false, 4, 0), shards.resolve("data-00003-of-00005.arrow"));
    Files.move(write("x", true, 4, 5, 2), shards.resolve("data-00004-of-00005.arrow"));
    Files.writeString(shards.resolve("state.json"), "{}");
    try (ArrowRows rows = ArrowRows.open(shards)) {
      check(rows, 11);
      Dataset<String> texts = rows.select(2, i -> 5 * i).map(row -> row.text("text"));
      assertEquals(List.of("text 0", "text 5"), ExampleSource.drain(texts.inOrder().open(0)));
    }
    Path other = folder.resolve("other.arrow");
    ArrowWriter.stream().write(other, new ArrowColumns().texts("words", List.of("a")));
    var e =
        assertThrows(
            DataException.class,
            () -> ArrowRows.open(List.of(write("c.arrow", false, 0, 1), other)));
    assertTrue(e.getMessage().contains("same columns"), e.getMessage());
    assertThrows(DataException.class, () -> ArrowRows.open(List.of()));
    Path empty = Files.createDirectory(folder.resolve("empty"));
    assertThrows(DataException.class, () -> ArrowRows.open(empty));
  }

  private static void wrong(String part, Executable reading) {
    FormatException e = assertThrows(FormatException.class, reading);
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  @Test
  void errorsNameFileRowAndColumn() {
    Path path = write("d.arrow", false, 0, 2, 3);
    try (ArrowRows rows = ArrowRows.open(path)) {
      ArrowRow third = rows.get(3);
      assertFalse(third.has("none"));
      wrong(path + ": row 3: text is missing; need a text", () -> third.text("text"));
      wrong("row 3: none is missing", () -> third.integer("none"));
      wrong("there are text, input_ids, label, weight", () -> third.integer("none"));
      wrong("row 4: label: need a text, found int64", () -> rows.get(4).text("label"));
      wrong("found list<int32>", () -> third.integer("input_ids"));
      wrong("need a whole number of 32 bits: ", () -> third.integer("weight"));
      wrong("need a list of whole numbers", () -> third.integers("label"));
      wrong("need a number, found utf8", () -> rows.get(1).number("text"));
    }
    assertThrows(FormatException.class, () -> ArrowRows.open(Files.writeString(path, "no")));
  }

  @Test
  void rowsOfEitherKindAreReadAlike() throws Exception {
    Path lines = folder.resolve("a.jsonl");
    Files.writeString(lines, "{\"text\":\"text 1\",\"label\":1,\"input_ids\":[1]}\n");
    try (JsonLines json = JsonLines.open(lines);
        ArrowRows arrow = ArrowRows.open(write("e.arrow", false, 1, 1))) {
      for (Row row : List.of(json.get(0), arrow.get(0))) {
        assertEquals("text 1", row.text("text"));
        assertEquals(1, row.integer("label"));
        assertArrayEquals(new int[] {1}, row.integers("input_ids"));
      }
    }
  }
}
