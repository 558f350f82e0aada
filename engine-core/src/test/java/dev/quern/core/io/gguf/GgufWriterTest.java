package dev.quern.core.io.gguf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.ByteSink;
import dev.quern.core.io.TensorInfo;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufWriterTest {
  @TempDir Path folder;

  private static Map<String, GgufValue> everyType() {
    Map<String, GgufValue> m = new LinkedHashMap<>();
    m.put("general.architecture", GgufValue.of("test"));
    m.put("u8", GgufValue.of(GgufType.UINT8, 255));
    m.put("i8", GgufValue.of(GgufType.INT8, -128));
    m.put("u16", GgufValue.of(GgufType.UINT16, 65535));
    m.put("i16", GgufValue.of(GgufType.INT16, -32768));
    m.put("u32", GgufValue.uint32(0xFFFFFFFFL));
    m.put("i32", GgufValue.int32(Integer.MIN_VALUE));
    m.put("u64", GgufValue.of(GgufType.UINT64, -1));
    m.put("i64", GgufValue.of(GgufType.INT64, Long.MIN_VALUE));
    m.put("f32", GgufValue.float32(Float.MIN_VALUE));
    m.put("nan", GgufValue.float32(Float.NaN));
    m.put("f64", GgufValue.float64(-0.0));
    m.put("bool", GgufValue.of(true));
    m.put("string", GgufValue.of("a\u00e4\u20ac\ud83d\ude00\n"));
    m.put("empty", GgufValue.strings(List.of()));
    m.put("strings", GgufValue.strings(List.of("x", "", "\u00fc")));
    m.put("ints", GgufValue.int32s(1, -2, 3));
    m.put("floats", GgufValue.float32s(0.5f, Float.POSITIVE_INFINITY));
    m.put(
        "nested",
        GgufValue.array(
            GgufType.ARRAY,
            List.of(
                GgufValue.int32s(1),
                GgufValue.array(GgufType.ARRAY, List.of(GgufValue.strings(List.of("deep")))))));
    m.put("bools", GgufValue.array(GgufType.BOOL, List.of(GgufValue.of(true))));
    return m;
  }

  private static MemorySegment bytes(long size, int seed) {
    byte[] b = new byte[Math.toIntExact(size)];
    new Random(seed).nextBytes(b);
    return MemorySegment.ofArray(b);
  }

  @Test
  void everythingComesBackAsItWasWritten() throws IOException {
    Path path = folder.resolve("all.gguf");
    GgufWriter writer = new GgufWriter();
    everyType().forEach(writer::put);
    Map<String, TensorSpec> specs = new LinkedHashMap<>();
    for (GgmlType t : GgmlType.values()) {
      if (t.dtype() != null) {
        specs.put(t.name(), TensorSpec.of(t.dtype(), 3, 2, 256));
      }
    }
    specs.put("scalar", TensorSpec.of(ScalarType.F32));
    specs.put("four", TensorSpec.of(ScalarType.I8, 2, 3, 4, 5));
    specs.forEach((n, s) -> writer.tensor(n, s, bytes(s.byteSize(), n.hashCode())));
    writer.write(path);

    try (GgufFile file = GgufFile.open(path)) {
      assertEquals(3, file.version());
      assertEquals(everyType(), file.metadata().asMap());
      assertEquals(
          List.copyOf(everyType().keySet()), List.copyOf(file.metadata().asMap().keySet()));
      assertEquals(List.copyOf(specs.keySet()), List.copyOf(file.names()));
      specs.forEach(
          (name, spec) -> {
            assertEquals(spec, file.spec(name));
            assertEquals(0, file.info(name).offsetBytes() % 32);
            MemorySegment wanted = bytes(spec.byteSize(), name.hashCode());
            assertEquals(-1, wanted.mismatch(file.storage(name).segment()), name);
          });
      Path copy = folder.resolve("copy.gguf");
      GgufWriter again = new GgufWriter().putAll(file.metadata());
      file.names().forEach(n -> again.tensor(n, file.spec(n), file.storage(n).segment()));
      again.write(copy);
      assertEquals(-1, Files.mismatch(path, copy));
    }
  }

  @Test
  void everyDTypeHasItsNumberOrIsRefused() {
    for (ScalarType t : ScalarType.values()) {
      if (t == ScalarType.U8 || t == ScalarType.BOOL || t == ScalarType.F8_E4M3) {
        assertThrows(NotSupportedException.class, () -> GgmlType.of(t));
      } else {
        assertEquals(t, GgmlType.of((DType) t).dtype());
      }
    }
    for (BlockType t : BlockType.values()) {
      assertEquals(t, GgmlType.of((DType) t).dtype());
    }
  }

  @Test
  void alignmentIsObeyed() {
    Path path = folder.resolve("aligned.gguf");
    new GgufWriter()
        .put("general.alignment", GgufValue.uint32(4096))
        .tensor("a", TensorSpec.of(ScalarType.F32, 1), MemorySegment.ofArray(new byte[4]))
        .tensor("b", TensorSpec.of(ScalarType.F32, 1), MemorySegment.ofArray(new byte[4]))
        .write(path);
    try (GgufFile file = GgufFile.open(path)) {
      assertEquals(4096, file.alignment());
      for (TensorInfo t : file.tensors().values()) {
        assertEquals(0, t.offsetBytes() % 4096);
      }
    }
    for (long wrong : new long[] {0, 1, 4, 24, 33, 1L << 31}) {
      assertThrows(
          FormatException.class,
          () -> new GgufWriter().put("general.alignment", GgufValue.uint32(wrong)));
    }
    assertThrows(
        FormatException.class,
        () -> new GgufWriter().put("general.alignment", GgufValue.int32(32)));
  }

  @Test
  void aStreamingSourceIsAskedInOrderAndHeldToItsSize() throws IOException {
    Path path = folder.resolve("streamed.gguf");
    float[] a = {1, 2, 3, 4};
    new GgufWriter()
        .tensor(
            "a",
            TensorSpec.of(ScalarType.F32, 4),
            sink -> {
              for (float v : a) {
                sink.write(MemorySegment.ofArray(new float[] {v}));
              }
            })
        .tensor("b", TensorSpec.of(ScalarType.F32, 1), sink -> sink.write(new byte[4]))
        .write(path);
    try (GgufFile file = GgufFile.open(path)) {
      assertArrayEquals(a, file.storage("a").segment().toArray(ValueLayout.JAVA_FLOAT));
    }
    byte[] before = Files.readAllBytes(path);
    for (int wrong : new int[] {0, 3, 5}) {
      GgufWriter w =
          new GgufWriter()
              .tensor(
                  "a",
                  TensorSpec.of(ScalarType.F32, 1),
                  (ByteSink sink) -> sink.write(new byte[wrong]));
      String m = assertThrows(FormatException.class, () -> w.write(path)).getMessage();
      assertTrue(m.contains("'a'") && m.contains("4 bytes") && m.contains("" + wrong), m);
    }
    assertArrayEquals(before, Files.readAllBytes(path));
    try (var list = Files.list(folder)) {
      assertEquals(1, list.count());
    }
  }

  @Test
  void whatTheFormatCannotHoldIsRefused() {
    TensorSpec f32 = TensorSpec.of(ScalarType.F32, 1);
    MemorySegment four = MemorySegment.ofArray(new byte[4]);
    GgufWriter w = new GgufWriter().tensor("a", f32, four);
    assertThrows(FormatException.class, () -> w.tensor("a", f32, four));
    assertThrows(FormatException.class, () -> w.tensor("", f32, four));
    assertThrows(FormatException.class, () -> w.tensor("x\0y", f32, four));
    assertThrows(FormatException.class, () -> w.tensor("x".repeat(64), f32, four));
    assertThrows(FormatException.class, () -> w.tensor("\ud800", f32, four));
    assertThrows(
        FormatException.class, () -> w.tensor("b", f32, MemorySegment.ofArray(new byte[3])));
    assertThrows(
        ShapeException.class,
        () -> w.tensor("b", TensorSpec.of(ScalarType.I8, 1, 1, 1, 1, 4), four));
    assertThrows(
        ShapeException.class, () -> w.tensor("b", TensorSpec.of(ScalarType.I8, 0), s -> {}));
    assertThrows(
        NotSupportedException.class, () -> w.tensor("b", TensorSpec.of(ScalarType.U8, 4), four));
    assertThrows(FormatException.class, () -> w.put("", GgufValue.of(true)));
    assertThrows(FormatException.class, () -> w.put("x".repeat(65536), GgufValue.of(true)));
    assertThrows(FormatException.class, () -> GgufValue.of(GgufType.UINT8, 256));
    assertThrows(FormatException.class, () -> GgufValue.of(GgufType.INT8, 128));
    assertThrows(FormatException.class, () -> GgufValue.of(GgufType.FLOAT32, 1));
    assertThrows(FormatException.class, () -> new GgufValue.Real(GgufType.FLOAT32, 0.1));
    assertThrows(
        FormatException.class, () -> GgufValue.array(GgufType.STRING, List.of(GgufValue.of(true))));
    assertThrows(FormatException.class, () -> GgufValue.strings(List.of("\udc00")));
  }
}
