package dev.quern.core.io.arrow;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.Storage;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What pyarrow wrote is read, each value as make_arrow.py says. */
class ArrowFileTest {

  @ParameterizedTest
  @ValueSource(strings = {"types.arrow", "types.arrows"})
  void everyTypeInEveryBatch(String name) {
    try (ArrowFile file = ArrowFile.open(Fixtures.path(name))) {
      assertEquals(3, file.batches());
      assertEquals(12, file.rows());
      assertTrue(file.isComplete());
      assertEquals(Map.of("made by", "pyarrow"), file.schema().metadata());
      for (int row = 0; row < 12; row++) {
        int b = file.batchOf(row);
        assertEquals(row < 5 ? 0 : 2, b);
        ArrowBatch batch = file.batch(b);
        checkNumbers(batch, row - batch.firstRow(), row);
        checkTexts(batch, row - batch.firstRow(), row);
        checkNested(batch, row - batch.firstRow(), row);
      }
      assertEquals(0, file.batch(1).rows());
      assertEquals(TensorSpec.of(ScalarType.F32, 0, 3), file.batch(1).storage("triple").spec());
    }
  }

  private static void checkNumbers(ArrowBatch batch, long at, int r) {
    boolean gone = r % 4 == 1;
    for (String name : List.of("i8", "i64", "f64", "bool")) {
      assertEquals(gone, batch.column(name).isNull(at), name + " " + r);
    }
    if (gone) {
      var e = assertThrows(NotSupportedException.class, () -> batch.numbers("i64").longAt(at));
      assertTrue(e.getMessage().contains("isNull"), e.getMessage());
    } else {
      assertEquals(r - 3, batch.numbers("i8").longAt(at));
      assertEquals(r + Long.MIN_VALUE, batch.numbers("i64").longAt(at));
      assertEquals(r / 10.0, batch.numbers("f64").doubleAt(at));
      assertEquals(r % 3 == 0, batch.bools("bool").get(at));
    }
    assertEquals(r < 6 ? 250 + r : r, batch.numbers("u8").longAt(at));
    assertEquals(r * -300, batch.numbers("i16").longAt(at));
    assertEquals(65535 - r, batch.numbers("u16").longAt(at));
    assertEquals(r * 100_000_007L + Integer.MIN_VALUE, batch.numbers("i32").longAt(at));
    assertEquals(0xFFFFFFFFL - r, batch.numbers("u32").longAt(at));
    assertEquals(-1L - r, batch.numbers("u64").longAt(at));
    assertEquals(0x1p64, batch.numbers("u64").doubleAt(at));
    assertEquals(r / 4.0, batch.numbers("f16").doubleAt(at));
    assertEquals(r / 8.0 - 1, batch.numbers("f32").doubleAt(at));
    assertEquals(r, batch.numbers("date").longAt(at));
    assertEquals(r * 1_000_000L, batch.numbers("time").longAt(at));
    assertEquals(new ArrowType.Temporal("timestamp[us]", 64), batch.column("time").field().type());
  }

  private static void checkTexts(ArrowBatch batch, long at, int r) {
    boolean gone = r % 4 == 1;
    String text = r % 2 == 1 ? "Zeile " + r + ": Grüße, 世界 😀" : "";
    assertEquals(gone ? null : text, batch.texts("text").text(at));
    assertEquals("large " + r, batch.texts("large_text").text(at));
    assertEquals(gone ? null : "x".repeat(6 * r), batch.texts("view").text(at));
    byte[] bytes = new byte[r];
    for (int i = 0; i < r; i++) {
      bytes[i] = (byte) i;
    }
    assertArrayEquals(bytes, batch.texts("bytes").bytes(at));
    assertArrayEquals(new byte[] {(byte) r, (byte) r, (byte) 255}, batch.texts("fixed").bytes(at));
    List<String> animals = List.of("cat", "dog", "emu");
    assertEquals(gone ? null : animals.get(r % 3), batch.texts("label").text(at));
    if (!gone) {
      assertEquals(r % 3, batch.dictionary("label").index(at));
    }
  }

  private static void checkNested(ArrowBatch batch, long at, int r) {
    boolean gone = r % 4 == 1;
    int[] count = new int[r];
    for (int i = 0; i < r; i++) {
      count[i] = i;
    }
    assertEquals(gone, batch.column("tokens").isNull(at));
    if (!gone) {
      assertArrayEquals(count, batch.lists("tokens").ints(at));
    }
    assertArrayEquals(new long[] {r, -r}, batch.lists("longs").longs(at));
    assertArrayEquals(new float[] {r, r + 0.5f, -r}, batch.lists("triple").floats(at));

    ListColumn nested = batch.lists("nested");
    ListColumn inner = (ListColumn) nested.values();
    List<int[]> lists = new ArrayList<>();
    for (long i = nested.start(at); i < nested.end(at); i++) {
      lists.add(inner.ints(i));
    }
    assertEquals(3, lists.size());
    assertArrayEquals(new int[] {r}, lists.get(0));
    assertArrayEquals(new int[0], lists.get(1));
    assertArrayEquals(new int[] {r, r + 1}, lists.get(2));

    StructColumn struct = (StructColumn) batch.column("struct");
    assertEquals(r, ((NumberColumn) struct.child("a")).longAt(at));
    assertEquals(gone ? null : "b" + r, ((TextColumn) struct.child("b")).text(at));

    ListColumn labels = batch.lists("labels");
    TextColumn words = ((DictionaryColumn) labels.values()).texts();
    assertEquals(r % 3, labels.end(at) - labels.start(at));
    for (long i = labels.start(at); i < labels.end(at); i++) {
      assertEquals(r % 2 == 0 ? "x" : "y", words.text(i));
    }

    ListColumn map = batch.lists("map");
    StructColumn pairs = (StructColumn) map.values();
    assertEquals(1, map.end(at) - map.start(at));
    assertEquals("k" + r, ((TextColumn) pairs.child("key")).text(map.start(at)));
    assertEquals(r, ((NumberColumn) pairs.child("value")).longAt(map.start(at)));

    assertTrue(batch.column("nothing").isNull(at));
    assertTrue(batch.column("any") instanceof OpaqueColumn);
    assertTrue(batch.column("decimal") instanceof OpaqueColumn);
  }

  @Test
  void numbersAreTheFilesOwnMemory() {
    byte[] bytes = Fixtures.bytes("types.arrow");
    MemorySegment memory = java.lang.foreign.Arena.ofAuto().allocate(bytes.length, 64);
    memory.copyFrom(MemorySegment.ofArray(bytes));
    try (ArrowFile file = ArrowFile.of("memory", memory)) {
      ArrowBatch batch = file.batch(0);
      for (String name : List.of("i32", "f16", "f32", "u8", "i16", "triple", "date", "time")) {
        MemorySegment s = batch.storage(name).segment();
        assertTrue(
            s.address() > memory.address()
                && s.address() + s.byteSize() < memory.address() + memory.byteSize(),
            name);
        assertEquals(0, s.address() % 8);
      }
      Storage triple = batch.storage("triple");
      assertEquals(TensorSpec.of(ScalarType.F32, 5, 3), triple.spec());
      assertEquals(4.5f, triple.segment().getAtIndex(ValueLayout.JAVA_FLOAT, 13));
      assertEquals(triple, file.batch(0).storage("triple"));
    }
  }

  @Test
  void truthValuesAreUnpackedAndUnalignedNumbersCopied() {
    byte[] bytes = Fixtures.bytes("types.arrow");
    MemorySegment memory = java.lang.foreign.Arena.ofAuto().allocate(bytes.length + 64, 64);
    MemorySegment odd = memory.asSlice(1, bytes.length).copyFrom(MemorySegment.ofArray(bytes));
    try (ArrowFile file = ArrowFile.of("odd", odd)) {
      MemorySegment s = file.batch(0).storage("i32").segment();
      assertEquals(0, s.address() % 64);
      assertEquals(Integer.MIN_VALUE, s.get(ValueLayout.JAVA_INT, 0));
    }
    try (ArrowFile file = ArrowFile.open(Fixtures.path("types.arrow"))) {
      var e = assertThrows(NotSupportedException.class, () -> file.batch(0).storage("bool"));
      assertTrue(e.getMessage().contains("1 nulls"), e.getMessage());
    }
  }

  @Test
  void dictionariesGrowAndAreReplaced() {
    List<List<String>> wanted = new ArrayList<>();
    wanted.add(new ArrayList<>(List.of("a", "b")));
    wanted.getFirst().add(null);
    wanted.add(List.of("c", "a"));
    wanted.add(new ArrayList<>(List.of("d")));
    wanted.get(2).add(null);
    wanted.get(2).add("b");
    wanted.add(List.of("z", "z"));
    for (String name : List.of("deltas.arrows", "deltas.arrow")) {
      try (ArrowFile file = ArrowFile.open(Fixtures.path(name))) {
        for (int b = 0; b < file.batches(); b++) {
          TextColumn words = file.batch(b).texts("word");
          List<String> found = new ArrayList<>();
          for (long r = 0; r < words.length(); r++) {
            found.add(words.text(r));
          }
          assertEquals(wanted.get(b), found, name + " " + b);
        }
      }
    }
  }

  @Test
  void fixedShapeTensors() {
    try (ArrowFile file = ArrowFile.open(Fixtures.path("tensors.arrow"))) {
      ArrowField plain = file.schema().fields().get(0);
      assertEquals("arrow.fixed_shape_tensor", plain.extension().orElseThrow());
      assertEquals(new FixedShapeTensor(Shape.of(3, 4)), plain.tensor().orElseThrow());
      FixedShapeTensor named = file.schema().fields().get(1).tensor().orElseThrow();
      assertEquals(Shape.of(2, 3), named.shape());
      assertEquals(Shape.of(3, 2), named.logicalShape());
      assertEquals(List.of("höhe", "w\"b"), named.dimNames());
      assertEquals(List.of(1, 0), named.permutation());
      for (int b = 0; b < 2; b++) {
        Storage s = file.batch(b).storage("plain");
        assertEquals(TensorSpec.of(ScalarType.F32, b == 0 ? 4 : 2, 3, 4), s.spec());
        assertEquals(12f * b + 13, s.segment().getAtIndex(ValueLayout.JAVA_FLOAT, 13));
        Storage n = file.batch(b).storage("named");
        assertEquals(TensorSpec.of(ScalarType.I64, b == 0 ? 4 : 2, 2, 3), n.spec());
        assertEquals(6 * b + 7, n.segment().getAtIndex(ValueLayout.JAVA_LONG, 7));
      }
    }
  }

  @Test
  void whatIsNotReadSaysWhatToDo() {
    for (String codec : List.of("lz4", "zstd")) {
      try (ArrowFile file = ArrowFile.open(Fixtures.path(codec + ".arrow"))) {
        var e = assertThrows(NotSupportedException.class, () -> file.batch(0));
        assertTrue(e.getMessage().toLowerCase().contains(codec), e.getMessage());
        assertTrue(e.getMessage().contains("compression=None"), e.getMessage());
      }
    }
    var bare =
        assertThrows(
            NotSupportedException.class, () -> ArrowFile.open(Fixtures.path("bare.arrows")));
    assertTrue(bare.getMessage().contains("arrow.fixed_shape_tensor"), bare.getMessage());
    for (String kind : List.of("PAR1....", "FEA1....")) {
      var e =
          assertThrows(
              FormatException.class,
              () -> ArrowFile.of("x", MemorySegment.ofArray(kind.getBytes(UTF_8))));
      assertTrue(e.getMessage().contains("x: is a "), e.getMessage());
    }
  }

  @Test
  void aMissingLibraryIsNamedWithItsRemedy() {
    var e =
        assertThrows(
            NotSupportedException.class, () -> FormatLibrary.check(new ClassLoader(null) {}));
    assertTrue(e.getMessage().contains("--add-modules org.apache.arrow.format"), e.getMessage());
  }

  @Test
  void framesOfOlderVersions() {
    try (ArrowFile file = ArrowFile.open(Fixtures.path("legacy.arrows"))) {
      assertEquals(99, file.batch(0).numbers("x").longAt(99));
      assertTrue(file.isComplete());
    }
  }

  @Test
  void wrongQuestionsAreAnsweredByTypedErrors() {
    ArrowFile file = ArrowFile.open(Fixtures.path("types.arrow"));
    ArrowBatch batch = file.batch(0);
    assertThrows(DTypeException.class, () -> batch.numbers("text"));
    assertThrows(DTypeException.class, () -> batch.texts("i32"));
    assertThrows(DTypeException.class, () -> batch.lists("i32"));
    assertThrows(DTypeException.class, () -> batch.bools("i32"));
    assertThrows(DTypeException.class, () -> batch.dictionary("i32"));
    assertThrows(DTypeException.class, () -> batch.numbers("f32").longAt(0));
    assertThrows(DTypeException.class, () -> batch.texts("bytes").text(0));
    assertThrows(DTypeException.class, () -> batch.lists("nested").ints(0));
    assertThrows(FormatException.class, () -> batch.column("absent"));
    assertThrows(IndexException.class, () -> batch.numbers("i32").longAt(5));
    assertThrows(IndexException.class, () -> batch.numbers("i32").longAt(-1));
    assertThrows(IndexException.class, () -> batch.numbers("i32").ints(3, 6));
    assertThrows(IndexException.class, () -> batch.numbers("u32").ints(0, 1));
    assertThrows(IndexException.class, () -> file.batch(3));
    assertThrows(IndexException.class, () -> file.batchOf(12));
    for (String name : List.of("u16", "u64", "text", "tokens", "struct", "label", "nothing")) {
      assertThrows(NotSupportedException.class, () -> batch.storage(name), name);
    }
    TextColumn text = batch.texts("large_text");
    file.close();
    assertThrows(ScopeClosedException.class, () -> text.text(0));
    assertThrows(ScopeClosedException.class, () -> file.batch(0));
    assertThrows(ScopeClosedException.class, file::close);
  }

  @Test
  void rangesOfNumbers() {
    try (ArrowFile file = ArrowFile.open(Fixtures.path("types.arrow"))) {
      ArrowBatch batch = file.batch(0);
      assertArrayEquals(new int[] {-300, -600}, batch.numbers("i16").ints(1, 3));
      assertArrayEquals(new long[] {65533, 65532}, batch.numbers("u16").longs(2, 4));
      assertArrayEquals(new float[] {-1f, -0.875f}, batch.numbers("f32").floats(0, 2));
      assertArrayEquals(new float[] {0f, 0.25f}, batch.numbers("f16").floats(0, 2));
      assertArrayEquals(
          new int[] {Integer.MIN_VALUE, 100_000_007 + Integer.MIN_VALUE},
          batch.numbers("i32").ints(0, 2));
      assertArrayEquals(new long[] {Long.MIN_VALUE}, batch.numbers("i64").longs(0, 1));
      assertThrows(NotSupportedException.class, () -> batch.numbers("i64").longs(0, 2));
      assertFalse(batch.column("i8").isNull(0));
      assertNull(batch.texts("text").bytes(1));
    }
  }
}
