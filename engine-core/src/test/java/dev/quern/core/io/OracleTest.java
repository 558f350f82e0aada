package dev.quern.core.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufMetadata;
import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.core.io.npy.NpyArray;
import dev.quern.core.io.npy.NpyFile;
import dev.quern.core.io.safetensors.SafetensorsFile;
import dev.quern.core.io.safetensors.SafetensorsWriter;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files made by the formats' own Python libraries (make_fixtures.py beside them) are read, and
 * written anew byte for byte.
 */
class OracleTest {
  @TempDir Path folder;

  private static Path fixture(String name) {
    try {
      return Path.of(Objects.requireNonNull(OracleTest.class.getResource(name)).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void ggufMetadata() {
    try (GgufFile file = GgufFile.open(fixture("gguf/oracle.gguf"))) {
      assertEquals(3, file.version());
      assertEquals(64, file.alignment());
      GgufMetadata m = file.metadata();
      assertEquals("test", m.string("general.architecture"));
      assertEquals(255, m.integer("test.u8"));
      assertEquals(-128, m.integer("test.i8"));
      assertEquals(65535, m.integer("test.u16"));
      assertEquals(-32768, m.integer("test.i16"));
      assertEquals(4294967295L, m.integer("test.u32"));
      assertEquals(Integer.MIN_VALUE, m.integer("test.i32"));
      assertEquals("9223372036854775808", m.find("test.u64").orElseThrow().toString());
      assertEquals(Long.MIN_VALUE, m.integer("test.i64"));
      assertEquals(0.1f, m.floating("test.f32"));
      assertEquals(0.1, m.floating("test.f64"));
      assertEquals(true, m.bool("test.bool"));
      assertEquals("Gr\u00fc\u00dfe, \u4e16\u754c \ud83d\ude00", m.string("test.string"));
      assertArrayEquals(new int[] {1, -2, 3}, m.ints("test.ints"));
      assertArrayEquals(new float[] {0.5f, -1.5f}, m.floats("test.floats"));
      assertEquals(List.of("a", "", "\u00fc"), m.strings("test.strings"));
      List<GgufValue> nested = m.array("test.nested").values();
      assertArrayEquals(new int[] {1, 2}, ((GgufValue.Array) nested.get(0)).ints());
      assertArrayEquals(new int[] {3}, ((GgufValue.Array) nested.get(1)).ints());
    }
  }

  @Test
  void ggufTensors() {
    try (GgufFile file = GgufFile.open(fixture("gguf/oracle.gguf"))) {
      assertEquals(
          Map.of(
              "f32", TensorSpec.of(ScalarType.F32, 3, 64),
              "f16", TensorSpec.of(ScalarType.F16, 3, 64),
              "i32", TensorSpec.of(ScalarType.I32, 1, 2, 3),
              "q8_0", TensorSpec.of(BlockType.Q8_0, 3, 64),
              "q4_0", TensorSpec.of(BlockType.Q4_0, 3, 64)),
          Map.of(
              "f32", file.spec("f32"),
              "f16", file.spec("f16"),
              "i32", file.spec("i32"),
              "q8_0", file.spec("q8_0"),
              "q4_0", file.spec("q4_0")));
      assertArrayEquals(
          new int[] {0, 1, 2, 3, 4, 5},
          file.storage("i32").segment().toArray(ValueLayout.JAVA_INT));
      float[] f32 = file.storage("f32").segment().toArray(ValueLayout.JAVA_FLOAT);
      short[] f16 = file.storage("f16").segment().toArray(ValueLayout.JAVA_SHORT);
      for (int i = 0; i < f32.length; i++) {
        assertEquals(Float.floatToFloat16(f32[i]), f16[i]);
      }
    }
  }

  @Test
  void ggufIsWrittenByteForByte() throws IOException {
    Path copy = folder.resolve("copy.gguf");
    try (GgufFile file = GgufFile.open(fixture("gguf/oracle.gguf"))) {
      GgufWriter w = new GgufWriter().putAll(file.metadata());
      file.names().forEach(n -> w.tensor(n, file.spec(n), file.storage(n).segment()));
      w.write(copy);
    }
    assertEquals(-1, Files.mismatch(fixture("gguf/oracle.gguf"), copy));
  }

  @Test
  void safetensorsAreReadAndWrittenByteForByte() throws IOException {
    Path original = fixture("safetensors/oracle.safetensors");
    Path copy = folder.resolve("copy.safetensors");
    try (SafetensorsFile file = SafetensorsFile.open(original)) {
      assertEquals(Map.of("format", "np"), file.metadata());
      assertEquals(TensorSpec.of(ScalarType.F32, 2, 3, 4), file.spec("f32"));
      assertEquals(TensorSpec.of(ScalarType.F64), file.spec("f64"));
      assertEquals(TensorSpec.of(ScalarType.F32, 2, 0, 3), file.spec("empty"));
      assertEquals(0.1, file.storage("f64").segment().get(ValueLayout.JAVA_DOUBLE_UNALIGNED, 0));
      float[] f32 = file.storage("f32").segment().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
      for (int i = 0; i < f32.length; i++) {
        assertEquals(i, f32[i]);
      }
      SafetensorsWriter w = new SafetensorsWriter();
      file.metadata().forEach(w::put);
      file.names().forEach(n -> w.tensor(n, file.spec(n), file.storage(n).segment()));
      w.write(copy);
    }
    assertEquals(-1, Files.mismatch(original, copy));
  }

  @Test
  void npyInFortranOrderAndBigEndian() throws IOException {
    NpyArray fortran = NpyFile.read(fixture("npy/fortran.npy"));
    assertEquals(TensorSpec.of(ScalarType.F64, 2, 3, 4), fortran.spec());
    float[] values = fortran.floats();
    for (int i = 0; i < values.length; i++) {
      assertEquals(i, values[i]);
    }
    NpyArray big = NpyFile.read(fixture("npy/big.npy"));
    assertEquals(Shape.of(3, 2), big.shape());
    assertArrayEquals(new long[] {0, 1, 2, 3, 4, 5}, big.longs());
  }
}
