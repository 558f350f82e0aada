package dev.quern.transformer.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.FormatException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SourcesTest {
  @TempDir Path folder;

  private Path file(String name, byte[] bytes) throws IOException {
    return Files.write(folder.resolve(name), bytes);
  }

  private Path file(String name, String text) throws IOException {
    return file(name, text.getBytes(StandardCharsets.UTF_8));
  }

  private static void malformed(String part, Executable reading) {
    FormatException e = assertThrows(FormatException.class, reading);
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  @Test
  void linesAreThoseOfTheFile() throws Exception {
    assertEquals(List.of(), lines(""));
    assertEquals(List.of("a"), lines("a"));
    assertEquals(List.of("a"), lines("a\n"));
    assertEquals(List.of("", "b", "", "ü"), lines("\nb\r\n\nü"));
    List<String> many = IntStream.range(0, 1000).mapToObj(i -> "line " + i).toList();
    assertEquals(many, lines(String.join("\r\n", many)));
  }

  private List<String> lines(String text) throws IOException {
    try (TextLines lines = TextLines.open(file("lines.txt", text))) {
      return ExampleSource.drain(lines.inOrder().open(0));
    }
  }

  @Test
  void whatIsNotUtf8IsNamedByItsByte() throws Exception {
    byte[] bytes = "ok\nünd \u0000 hier:".getBytes(StandardCharsets.UTF_8);
    byte[] broken = Arrays.copyOf(bytes, bytes.length + 2);
    broken[bytes.length] = (byte) 0xC3;
    broken[bytes.length + 1] = 'x';
    Path path = file("broken.txt", broken);
    String place = "not UTF-8 at byte " + bytes.length + ";";
    malformed(place, () -> Utf8.read(path));
    try (TextLines lines = TextLines.open(path)) {
      assertEquals("ok", lines.get(0));
      malformed(place, () -> lines.get(1));
      assertThrows(IndexOutOfBoundsException.class, () -> lines.get(2));
    }
    malformed("folder", () -> Utf8.read(folder));
  }

  @Test
  void rowsKnowTheirLine() throws Exception {
    Path path =
        file(
            "rows.jsonl",
            """
            {"text": "a", "label": 1, "ids": [1, 2], "turns": [{"from": "x"}], "w": 0.5}
            {"text": 7, "label": 1.5, "ids": [1, "2"], "turns": [3]}

            [1]
            {"a": 1, "a": 2}
            {"a": 1} {}
            """);
    try (JsonLines rows = JsonLines.open(path)) {
      assertEquals(6, rows.size());
      JsonRow first = rows.get(0);
      assertEquals("a", first.text("text"));
      assertEquals(1, first.integer("label"));
      assertEquals(0.5, first.number("w"));
      assertArrayEquals(new int[] {1, 2}, first.integers("ids"));
      assertEquals("x", first.rows("turns").getFirst().text("from"));
      assertFalse(first.has("other"));
      malformed("line 1: other is missing", () -> first.text("other"));
      JsonRow second = rows.get(1);
      malformed("line 2: text: need a text, found 7", () -> second.text("text"));
      malformed("line 2: label: need a whole number", () -> second.integer("label"));
      malformed("line 2: ids[1]: need a whole number", () -> second.integers("ids"));
      malformed("line 2: turns[0]: need an object", () -> second.rows("turns"));
      malformed("line 3: it is empty", () -> rows.get(2));
      malformed("line 4: need an object", () -> rows.get(3));
      malformed("line 5: not valid JSON", () -> rows.get(4));
      malformed("line 6: not valid JSON", () -> rows.get(5));
      Dataset<String> texts = rows.map(row -> row.text("text"));
      assertEquals("a", texts.get(0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void tokenFilesHoldWhatWasWritten(TokenType type) {
    Random random = new Random(type.ordinal());
    for (int size : new int[] {0, 1, 3, 4, 5, 1000, 100_000}) {
      int[] ids = random.ints(size, 0, type == TokenType.U16 ? 1 << 16 : 1 << 30).toArray();
      if (type == TokenType.I32 && size > 0) {
        ids[0] = -100;
      }
      Path path = folder.resolve("tokens");
      TokenFile.write(
          path,
          type,
          sink -> {
            sink.write(Arrays.copyOf(ids, size / 3));
            sink.write(Arrays.copyOfRange(ids, size / 3, size));
          });
      try (TokenFile file = TokenFile.open(path)) {
        file.verify();
        assertEquals(type, file.type());
        assertEquals(size, file.size());
        assertArrayEquals(ids, file.read(0, size));
        int[] into = new int[4];
        if (size >= 5) {
          file.slice(1, 5).read(1, into, 1, 2);
          assertArrayEquals(new int[] {0, ids[2], ids[3], 0}, into);
        }
        assertThrows(IndexOutOfBoundsException.class, () -> file.read(size, into, 0, 1));
        assertThrows(IndexOutOfBoundsException.class, () -> file.read(0, into, 4, 1));
      }
    }
  }

  @Test
  void everyDamagedByteOfATokenFileIsFound() throws Exception {
    Path path = folder.resolve("tokens");
    TokenFile.write(path, TokenType.U16, sink -> sink.write(1, 2, 3, 4, 5));
    byte[] good = Files.readAllBytes(path);
    assertEquals(56, good.length);
    for (int i = 0; i < good.length; i++) {
      if (i >= 26 && i < 32) {
        continue; // zeros that fill up, which nothing depends on
      }
      byte[] bad = good.clone();
      bad[i] ^= 0x40;
      Path damaged = file("damaged", bad);
      assertThrows(FormatException.class, () -> openAndVerify(damaged), "byte " + i);
    }
    for (int length = 0; length < good.length; length++) {
      Path cut = file("cut", Arrays.copyOf(good, length));
      assertThrows(FormatException.class, () -> openAndVerify(cut), "length " + length);
    }
    openAndVerify(path);
  }

  private static void openAndVerify(Path path) {
    try (TokenFile file = TokenFile.open(path)) {
      file.verify();
    }
  }

  @Test
  void bareIdsAreReadAsNanoGptWritesThem() throws Exception {
    Path path = file("train.bin", new byte[] {1, 0, (byte) 0xFF, (byte) 0xFF, 0, 1});
    try (TokenFile file = TokenFile.openRaw(path, TokenType.U16)) {
      assertArrayEquals(new int[] {1, 65535, 256}, file.read(0, 3));
      file.verify();
    }
    malformed("no whole number", () -> TokenFile.openRaw(path, TokenType.U32));
    malformed("not a token file", () -> TokenFile.open(path));
    Path large = file("large.bin", new byte[] {0, 0, 0, (byte) 0x80});
    try (TokenFile file = TokenFile.openRaw(large, TokenType.U32)) {
      malformed("id 0 is 2147483648", () -> file.read(0, 1));
    }
    Path ours = folder.resolve("ours");
    TokenFile.write(ours, TokenType.U16, sink -> sink.write(1));
    malformed("it has a header", () -> TokenFile.openRaw(ours, TokenType.U16));
  }

  @Test
  void anIdThatDoesNotFitLeavesTheOldFile() throws Exception {
    Path path = file("tokens", "old");
    DataException e =
        assertThrows(
            DataException.class,
            () -> TokenFile.write(path, TokenType.U16, sink -> sink.write(7, 65536)));
    assertTrue(e.getMessage().contains("id 65536, at place 1"), e.getMessage());
    assertEquals("old", Files.readString(path));
    try (var files = Files.list(folder)) {
      assertEquals(
          "tokens", files.map(p -> p.getFileName().toString()).collect(Collectors.joining()));
    }
    assertEquals(TokenType.U16, TokenType.ofVocabulary(65536));
    assertEquals(TokenType.U32, TokenType.ofVocabulary(65537));
  }
}
