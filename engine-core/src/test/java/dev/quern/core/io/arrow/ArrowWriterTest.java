package dev.quern.core.io.arrow;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.ByteSink;
import dev.quern.core.io.TensorSource;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is written is read again. That pyarrow reads it too is for check_arrow.py to say. */
class ArrowWriterTest {
  private static final int[] ROWS = {5, 0, 9};

  @TempDir Path folder;

  private static MemorySegment bytes(long n) {
    byte[] b = new byte[(int) n];
    for (int i = 0; i < b.length; i++) {
      b[i] = (byte) (i % 64); // finite as any type
    }
    return MemorySegment.ofArray(b);
  }

  /** A batch of all types; check_arrow.py knows what is in it. */
  static ArrowColumns batch(int n) {
    List<String> texts = new ArrayList<>();
    List<int[]> tokens = new ArrayList<>();
    byte[] odd = new byte[n];
    byte[] odds = new byte[6 * n];
    for (int r = 0; r < n; r++) {
      texts.add(r % 3 == 1 ? null : "Grüße " + "😀".repeat(r));
      int[] list = new int[r];
      Arrays.fill(list, -r);
      tokens.add(r % 4 == 2 ? null : list);
      odd[r] = (byte) (r & 1);
      for (int i = 0; i < 6; i++) {
        odds[6 * r + i] = (byte) (i & 1);
      }
    }
    ArrowColumns columns = new ArrowColumns().texts("text", texts).ints("tokens", tokens);
    for (ScalarType t : ScalarType.values()) {
      if (t != ScalarType.BF16 && t != ScalarType.F8_E4M3 && t != ScalarType.BOOL) {
        TensorSpec plain = TensorSpec.of(t, n);
        columns.tensor(t.name(), plain, bytes(plain.byteSize()));
        TensorSpec cube = TensorSpec.of(t, n, 2, 3);
        columns.tensor(t.name() + "_cube", cube, bytes(cube.byteSize()));
      }
    }
    TensorSpec pairs = TensorSpec.of(ScalarType.F32, n, 2);
    return columns
        .tensor("odd", TensorSpec.of(ScalarType.BOOL, n), MemorySegment.ofArray(odd))
        .tensor("odds", TensorSpec.of(ScalarType.BOOL, n, 6), MemorySegment.ofArray(odds))
        .fixedLists("pairs", pairs, TensorSource.of(bytes(pairs.byteSize())))
        .tensor(
            "turned",
            TensorSpec.of(ScalarType.I16, n, 2, 3),
            new FixedShapeTensor(Shape.of(2, 3), List.of("h \"1\"", "w"), List.of(1, 0)),
            TensorSource.of(bytes(12L * n)));
  }

  private static ArrowWriter writer(String name) {
    ArrowWriter w = name.endsWith("arrows") ? ArrowWriter.stream() : ArrowWriter.file();
    return w.put("made by", "Quern").put("ä", "");
  }

  @ParameterizedTest
  @ValueSource(strings = {"all.arrow", "all.arrows"})
  void everythingIsReadAgain(String name) {
    Path path = folder.resolve(name);
    writer(name).write(path, batches -> Arrays.stream(ROWS).forEach(n -> batches.add(batch(n))));
    Fixtures.readAll(path);
    try (ArrowFile file = ArrowFile.open(path)) {
      assertTrue(file.isComplete());
      assertEquals(14, file.rows());
      assertEquals(Map.of("made by", "Quern", "ä", ""), file.schema().metadata());
      for (int b = 0; b < 3; b++) {
        check(file.batch(b), ROWS[b]);
      }
    }
  }

  private static void check(ArrowBatch batch, int n) {
    assertEquals(n, batch.rows());
    for (int r = 0; r < n; r++) {
      assertEquals(r % 3 == 1 ? null : "Grüße " + "😀".repeat(r), batch.texts("text").text(r));
      assertEquals(r % 4 == 2, batch.lists("tokens").isNull(r));
      if (r % 4 != 2) {
        int[] list = new int[r];
        Arrays.fill(list, -r);
        assertArrayEquals(list, batch.lists("tokens").ints(r));
      }
      assertEquals((r & 1) == 1, batch.bools("odd").get(r));
    }
    for (ScalarType t : ScalarType.values()) {
      if (t != ScalarType.BF16 && t != ScalarType.F8_E4M3 && t != ScalarType.BOOL) {
        same(batch.storage(t.name()), TensorSpec.of(t, n));
        same(batch.storage(t.name() + "_cube"), TensorSpec.of(t, n, 2, 3));
      }
    }
    same(batch.storage("pairs"), TensorSpec.of(ScalarType.F32, n, 2));
    same(batch.storage("turned"), TensorSpec.of(ScalarType.I16, n, 2, 3));
    ArrowField turned = batch.column("turned").field();
    assertEquals(Shape.of(3, 2), turned.tensor().orElseThrow().logicalShape());
    assertEquals(List.of("h \"1\"", "w"), turned.tensor().orElseThrow().dimNames());
    assertFalse(batch.column("pairs").field().tensor().isPresent());
    Storage odds = batch.storage("odds");
    assertEquals(TensorSpec.of(ScalarType.BOOL, n, 6), odds.spec());
    for (int i = 0; i < 6 * n; i++) {
      assertEquals(i % 6 & 1, odds.segment().get(ValueLayout.JAVA_BYTE, i));
    }
  }

  private static void same(Storage s, TensorSpec spec) {
    assertEquals(spec, s.spec());
    assertEquals(0, s.segment().address() % 64, spec.toString());
    assertEquals(-1, s.segment().mismatch(bytes(spec.byteSize())));
  }

  @Test
  void tensorsAreMappedNotCopied() {
    Path path = folder.resolve("mapped.arrow");
    TensorSpec spec = TensorSpec.of(ScalarType.F32, 4, 256);
    ArrowWriter.file().write(path, new ArrowColumns().tensor("x", spec, bytes(spec.byteSize())));
    try (ArrowFile file = ArrowFile.open(path)) {
      MemorySegment x = file.batch(0).storage("x").segment();
      assertTrue(x.isMapped());
      assertTrue(x.isReadOnly());
    }
  }

  @Test
  void bitsBeyondOnePieceArePacked() {
    int n = 70_001;
    byte[] values = new byte[n];
    for (int i = 0; i < n; i++) {
      values[i] = (byte) (i % 7 == 0 ? 1 : 0);
    }
    Path path = folder.resolve("bits.arrow");
    ArrowWriter.file()
        .write(
            path,
            new ArrowColumns()
                .tensor("b", TensorSpec.of(ScalarType.BOOL, n), MemorySegment.ofArray(values)));
    try (ArrowFile file = ArrowFile.open(path)) {
      assertEquals(
          -1, file.batch(0).storage("b").segment().mismatch(MemorySegment.ofArray(values)));
    }
  }

  @Test
  void theSameBatchesMakeTheSameBytesAnywhere() throws IOException {
    Path path = folder.resolve("all.arrow");
    writer("all.arrow").write(path, batch(3));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    byte[] before = new byte[13];
    ByteSink sink =
        new ByteSink() {
          @Override
          public void write(MemorySegment bytes) {
            out.writeBytes(bytes.toArray(ValueLayout.JAVA_BYTE));
          }

          @Override
          public long position() {
            return out.size();
          }
        };
    sink.write(before);
    writer("all.arrow").write(sink, batches -> batches.add(batch(3)));
    byte[] all = out.toByteArray();
    assertArrayEquals(Files.readAllBytes(path), Arrays.copyOfRange(all, 13, all.length));
  }

  @Test
  void oneBatchIsCopiedAsAStreamWithItsDictionary() {
    for (String name : List.of("deltas.arrows", "deltas.arrow", "types.arrow")) {
      try (ArrowFile file = ArrowFile.open(Fixtures.path(name))) {
        Path copy = folder.resolve("copy.arrows");
        AtomicFile.write(copy, sink -> file.copyBatch(file.batches() - 1, sink));
        try (ArrowFile one = ArrowFile.open(copy)) {
          assertEquals(1, one.batches());
          String column = name.startsWith("deltas") ? "word" : "label";
          TextColumn wanted = file.batch(file.batches() - 1).texts(column);
          TextColumn found = one.batch(0).texts(column);
          assertEquals(wanted.length(), found.length());
          for (long r = 0; r < wanted.length(); r++) {
            assertEquals(wanted.text(r), found.text(r));
          }
        }
      }
    }
  }

  @Test
  void whatCannotBeWrittenIsRefusedAndLeavesTheOldFile() throws IOException {
    Path path = folder.resolve("old.arrow");
    Files.writeString(path, "old");
    ArrowColumns good = new ArrowColumns().texts("a", List.of("x"));
    ArrowWriter w = ArrowWriter.file();
    assertThrows(FormatException.class, () -> w.write(path, batches -> {}));
    assertThrows(
        FormatException.class,
        () ->
            w.write(
                path,
                batches -> {
                  batches.add(good);
                  batches.add(new ArrowColumns().texts("b", List.of("x")));
                }));
    TensorSpec spec = TensorSpec.of(ScalarType.F32, 2);
    ArrowColumns shortSource = new ArrowColumns().tensor("x", spec, s -> s.write(new byte[7]));
    assertThrows(FormatException.class, () -> w.write(path, shortSource));
    TensorSpec bools = TensorSpec.of(ScalarType.BOOL, 2);
    ArrowColumns shortBools = new ArrowColumns().tensor("x", bools, s -> s.write(new byte[1]));
    assertThrows(FormatException.class, () -> w.write(path, shortBools));
    assertEquals("old", Files.readString(path));

    assertThrows(FormatException.class, () -> new ArrowColumns().texts("a", List.of("\ud800")));
    assertThrows(FormatException.class, () -> good.texts("a", List.of("y")));
    assertThrows(FormatException.class, () -> good.texts("b", List.of("y", "z")));
    assertThrows(FormatException.class, () -> new ArrowColumns().tensor("x", spec, bytes(7)));
    assertThrows(
        ShapeException.class,
        () -> new ArrowColumns().tensor("x", TensorSpec.of(ScalarType.F32), bytes(4)));
    assertThrows(
        ShapeException.class,
        () -> new ArrowColumns().fixedLists("x", spec, TensorSource.of(bytes(8))));
    assertThrows(
        ShapeException.class,
        () ->
            new ArrowColumns()
                .tensor("x", spec, new FixedShapeTensor(Shape.of(3)), TensorSource.of(bytes(8))));
    assertThrows(
        FormatException.class, () -> new FixedShapeTensor(Shape.of(2, 3), List.of("a"), List.of()));
    assertThrows(
        FormatException.class,
        () -> new FixedShapeTensor(Shape.of(2, 3), List.of(), List.of(1, 1)));
    assertThrows(
        FormatException.class,
        () -> new FixedShapeTensor(Shape.of(2, 3, 4), List.of(), List.of(0, 1)));
    for (TensorSpec t :
        List.of(
            TensorSpec.of(ScalarType.BF16, 2),
            TensorSpec.of(ScalarType.F8_E4M3, 2),
            TensorSpec.of(BlockType.Q8_0, 1, 32))) {
      var e =
          assertThrows(
              NotSupportedException.class,
              () -> new ArrowColumns().tensor("x", t, bytes(t.byteSize())));
      assertTrue(e.getMessage().contains("cast to F32"), e.getMessage());
    }
  }

  /** Writes what check_arrow.py checks: {@code FOLDER/all.arrow} and {@code FOLDER/all.arrows}. */
  public static void main(String[] arguments) {
    for (String name : List.of("all.arrow", "all.arrows")) {
      writer(name)
          .write(
              Path.of(arguments[0], name),
              batches -> Arrays.stream(ROWS).forEach(n -> batches.add(batch(n))));
    }
  }
}
