package dev.quern.core.io.gguf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.TensorInfo;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufFileTest {
  @TempDir Path folder;

  /** Every value type once, nested arrays, and a text that needs four-byte UTF-8. */
  private static GgufBytes everyType() {
    return GgufBytes.header(0, 16)
        .pair("u8", GgufType.UINT8)
        .u8("v", 255)
        .pair("i8", GgufType.INT8)
        .u8("v", 0x80)
        .pair("u16", GgufType.UINT16)
        .u16("v", 65535)
        .pair("i16", GgufType.INT16)
        .u16("v", 0x8000)
        .pair("u32", GgufType.UINT32)
        .u32("v", 0xFFFFFFFFL)
        .pair("i32", GgufType.INT32)
        .u32("v", 0x80000000L)
        .pair("f32", GgufType.FLOAT32)
        .u32("v", Float.floatToRawIntBits(1e-5f))
        .pair("bool", GgufType.BOOL)
        .u8("v", 1)
        .pair("string", GgufType.STRING)
        .string("v", "a\u00e4\u20ac\ud83d\ude00")
        .pair("u64", GgufType.UINT64)
        .u64("v", Long.MAX_VALUE)
        .pair("u64 huge", GgufType.UINT64)
        .u64("v", -1)
        .pair("i64", GgufType.INT64)
        .u64("v", Long.MIN_VALUE)
        .pair("f64", GgufType.FLOAT64)
        .u64("v", Double.doubleToRawLongBits(Math.PI))
        .pair("ints", GgufType.ARRAY)
        .array("ints", GgufType.INT32, 3)
        .u32("v", 1)
        .u32("v", -2)
        .u32("v", 3)
        .pair("strings", GgufType.ARRAY)
        .array("strings", GgufType.STRING, 3)
        .string("v", "x")
        .string("v", "")
        .string("v", "\u00fc")
        .pair("nested", GgufType.ARRAY)
        .array("nested", GgufType.ARRAY, 2)
        .array("nested", GgufType.BOOL, 2)
        .u8("v", 0)
        .u8("v", 1)
        .array("nested", GgufType.FLOAT32, 1)
        .u32("v", Float.floatToRawIntBits(0.5f));
  }

  @Test
  void everyMetadataTypeIsReadWithItsValue() {
    try (GgufFile file = GgufFile.open(everyType().writeTo(folder.resolve("types.gguf")))) {
      GgufMetadata m = file.metadata();
      assertEquals(255, m.integer("u8"));
      assertEquals(-128, m.integer("i8"));
      assertEquals(65535, m.integer("u16"));
      assertEquals(-32768, m.integer("i16"));
      assertEquals(0xFFFFFFFFL, m.integer("u32"));
      assertEquals(Integer.MIN_VALUE, m.integer("i32"));
      assertEquals(1e-5f, m.floating("f32"));
      assertTrue(m.bool("bool"));
      assertEquals("a\u00e4\u20ac\ud83d\ude00", m.string("string"));
      assertEquals(Long.MAX_VALUE, m.integer("u64"));
      assertEquals("18446744073709551615", m.find("u64 huge").orElseThrow().toString());
      assertThrows(FormatException.class, () -> m.integer("u64 huge"));
      assertEquals(Long.MIN_VALUE, m.integer("i64"));
      assertEquals(Math.PI, m.floating("f64"));
      assertArrayEquals(new int[] {1, -2, 3}, m.ints("ints"));
      assertEquals(List.of("x", "", "\u00fc"), m.strings("strings"));
      List<GgufValue> nested = m.array("nested").values();
      assertArrayEquals(new boolean[] {false, true}, ((GgufValue.Array) nested.get(0)).bools());
      assertArrayEquals(new float[] {0.5f}, ((GgufValue.Array) nested.get(1)).floats());
      assertEquals("u8", m.asMap().keySet().iterator().next());
      assertEquals(16, m.asMap().size());
    }
  }

  @Test
  void aWrongTypeOrMissingKeyNamesKeyWantedAndFound() {
    try (GgufFile file = GgufFile.open(everyType().writeTo(folder.resolve("types.gguf")))) {
      GgufMetadata m = file.metadata();
      String wrong = assertThrows(FormatException.class, () -> m.string("u8")).getMessage();
      assertTrue(
          wrong.contains("'u8'") && wrong.contains("UINT8") && wrong.contains("STRING"), wrong);
      String array = assertThrows(FormatException.class, () -> m.strings("ints")).getMessage();
      assertTrue(array.contains("'ints'") && array.contains("INT32"), array);
      String missing = assertThrows(FormatException.class, () -> m.bool("none")).getMessage();
      assertTrue(missing.contains("'none'") && missing.contains("types.gguf"), missing);
      assertEquals(7, m.integer("none", 7));
      assertThrows(FormatException.class, () -> m.integer("string", 7));
      assertThrows(FormatException.class, () -> m.floats("ints"));
      assertThrows(FormatException.class, () -> m.array("u8"));
      assertThrows(FormatException.class, () -> m.floating("u8"));
    }
  }

  private Path twoTensors(int version) {
    GgufBytes b =
        new GgufBytes()
            .raw("magic", (byte) 'G', (byte) 'G', (byte) 'U', (byte) 'F')
            .u32("version", version)
            .u64("tensors", 3)
            .u64("pairs", 1)
            .pair("general.alignment", GgufType.UINT32)
            .u32("alignment", 64)
            .tensor("a", 0, 0, 3, 2)
            .tensor("q", 8, 64, 64)
            .tensor("new", 77, 192, 5)
            .pad(64);
    for (int i = 0; i < 6; i++) {
      b.u32("a", Float.floatToRawIntBits(i));
    }
    return b.pad(64)
        .raw("q", new byte[68])
        .pad(64)
        .raw("new", new byte[8])
        .writeTo(folder.resolve("two.gguf"));
  }

  @Test
  void tensorsAreListedOutermostFirstAndMapped() {
    for (int version : new int[] {2, 3}) {
      try (GgufFile file = GgufFile.open(twoTensors(version))) {
        assertEquals(version, file.version());
        assertEquals(64, file.alignment());
        assertEquals(List.of("a", "q", "new"), List.copyOf(file.names()));
        assertEquals(TensorSpec.of(ScalarType.F32, 2, 3), file.spec("a"));
        TensorInfo q = file.info("q");
        assertEquals(BlockType.Q8_0, q.dtype());
        assertEquals(68, q.byteSize());
        assertEquals(0, q.offsetBytes() % 64);
        Storage a = file.storage("a");
        assertSame(a, file.storage("a"));
        assertTrue(a.segment().isReadOnly());
        assertFalse(a.isMutable());
        assertEquals(5f, a.segment().getAtIndex(ValueLayout.JAVA_FLOAT, 5));
        file.checkLength();
      }
    }
  }

  @Test
  void anUnknownElementTypeIsListedAndRefusedOnlyWhenAskedFor() {
    try (GgufFile file = GgufFile.open(twoTensors(3))) {
      TensorInfo unknown = file.info("new");
      assertEquals(Shape.of(5), unknown.shape());
      assertEquals(-1, unknown.byteSize());
      for (var ask : List.<Runnable>of(() -> file.storage("new"), () -> file.spec("new"))) {
        String m = assertThrows(NotSupportedException.class, ask::run).getMessage();
        assertTrue(m.contains("type 77") && m.contains("'new'"), m);
      }
      String m = assertThrows(FormatException.class, () -> file.storage("none")).getMessage();
      assertTrue(m.contains("'none'"), m);
    }
  }

  @Test
  void useAfterCloseAndDoubleCloseAreTyped() {
    GgufFile file = GgufFile.open(twoTensors(3));
    Storage a = file.storage("a");
    file.close();
    String used = assertThrows(ScopeClosedException.class, a::segment).getMessage();
    assertTrue(used.contains("[2, 3] F32") && used.contains("two.gguf"), used);
    assertThrows(ScopeClosedException.class, file::close);
    assertThrows(ScopeClosedException.class, () -> file.storage("q"));
    assertThrows(ScopeClosedException.class, file::checkLength);
  }

  @Test
  void singleValuesOutliveTheFileAndArraysDoNot() {
    GgufFile file = GgufFile.open(everyType().writeTo(folder.resolve("types.gguf")));
    GgufValue.Array lazy = file.metadata().array("strings");
    file.close();
    assertEquals(255, file.metadata().integer("u8"));
    assertThrows(ScopeClosedException.class, lazy::strings);
  }

  @Test
  void whatIsNoFileIsRefused() throws IOException {
    assertThrows(UncheckedIOException.class, () -> GgufFile.open(folder.resolve("none.gguf")));
    assertThrows(FormatException.class, () -> GgufFile.open(folder));
    Path empty = Files.createFile(folder.resolve("empty.gguf"));
    assertThrows(FormatException.class, () -> GgufFile.open(empty));
  }
}
