package dev.quern.core.io.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.Storage;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
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

class SafetensorsTest {
  @TempDir Path folder;

  private static Map<String, TensorSpec> specs() {
    Map<String, TensorSpec> specs = new LinkedHashMap<>();
    for (ScalarType t : ScalarType.values()) {
      specs.put("t." + t, TensorSpec.of(t, 3, 5));
    }
    specs.put("scalar", TensorSpec.of(ScalarType.F32));
    specs.put("none", TensorSpec.of(ScalarType.F32, 4, 0, 7));
    specs.put("\u00fc \"quoted\" \\ \ud83d\ude00\n", TensorSpec.of(ScalarType.U8, 3));
    return specs;
  }

  private static MemorySegment bytes(String name, TensorSpec spec) {
    byte[] b = new byte[Math.toIntExact(spec.byteSize())];
    new Random(name.hashCode()).nextBytes(b);
    return MemorySegment.ofArray(b);
  }

  private static SafetensorsWriter writer() {
    SafetensorsWriter w = new SafetensorsWriter().put("format", "pt").put("note", "a\t\u00e4");
    specs().forEach((n, s) -> w.tensor(n, s, bytes(n, s)));
    return w;
  }

  @Test
  void everythingComesBackAsItWasWritten() {
    Path path = folder.resolve("all.safetensors");
    writer().write(path);
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertEquals(Map.of("format", "pt", "note", "a\t\u00e4"), file.metadata());
      assertEquals(specs().keySet(), file.names());
      specs()
          .forEach(
              (name, spec) -> {
                assertEquals(spec, file.spec(name));
                Storage s = file.storage(name);
                assertTrue(s.segment().isReadOnly());
                assertEquals(-1, bytes(name, spec).mismatch(s.segment()), name);
                int element = spec.dtype().blockBytes();
                assertEquals(0, file.info(name).offsetBytes() % element, name);
              });
      String m = assertThrows(FormatException.class, () -> file.storage("x")).getMessage();
      assertTrue(m.contains("'x'") && m.contains("all.safetensors"), m);
    }
  }

  @Test
  void theSameTensorsGiveTheSameBytesInAnyOrder() throws IOException {
    Path a = folder.resolve("a.safetensors");
    Path b = folder.resolve("b.safetensors");
    writer().write(a);
    SafetensorsWriter reversed =
        new SafetensorsWriter().put("format", "pt").put("note", "a\t\u00e4");
    List.copyOf(specs().keySet())
        .reversed()
        .forEach(n -> reversed.tensor(n, specs().get(n), bytes(n, specs().get(n))));
    reversed.write(b);
    assertEquals(-1, Files.mismatch(a, b));
  }

  @Test
  void typesOfTheFormatThatQuernLacksAreListedAndRefusedWhenAskedFor() {
    Path path =
        SafetensorsBytes.of(
                "{\"a\":{\"dtype\":\"F8_E5M2\",\"shape\":[4],\"data_offsets\":[0,4]},"
                    + "\"b\":{\"dtype\":\"F4\",\"shape\":[2,3],\"data_offsets\":[4,7]}}",
                7)
            .writeTo(folder.resolve("f8.safetensors"));
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertEquals("F8_E5M2", file.info("a").typeName());
      assertEquals(3, file.info("b").byteSize());
      String m = assertThrows(NotSupportedException.class, () -> file.storage("a")).getMessage();
      assertTrue(m.contains("F8_E5M2") && m.contains("'a'"), m);
      assertThrows(NotSupportedException.class, () -> file.spec("b"));
    }
  }

  @Test
  void aTensorThatTheFileHasUnalignedIsCopied() {
    String header = "{\"a\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    for (int padding = 0; padding < 4; padding++) {
      Path path =
          SafetensorsBytes.of(header + " ".repeat(padding), 8)
              .writeTo(folder.resolve("unaligned.safetensors"));
      SafetensorsFile file = SafetensorsFile.open(path);
      Storage a = file.storage("a");
      assertSame(a, file.storage("a"));
      assertTrue(a.segment().isReadOnly());
      assertEquals(0x07060504, a.segment().getAtIndex(ValueLayout.JAVA_INT, 1));
      file.close();
      assertThrows(ScopeClosedException.class, a::segment);
    }
  }

  @Test
  void aModelIsCutIntoShardsAndReadAsOne() throws IOException {
    writer().writeFolder(folder, 64);
    assertFalse(Files.exists(folder.resolve(SafetensorsFolder.SINGLE)));
    for (Path way : List.of(folder, folder.resolve(SafetensorsFolder.INDEX))) {
      try (SafetensorsFolder model = SafetensorsFolder.open(way)) {
        assertTrue(model.files().size() > 3);
        assertEquals(specs().keySet(), model.names());
        specs()
            .forEach(
                (n, s) -> assertEquals(-1, bytes(n, s).mismatch(model.storage(n).segment()), n));
        for (SafetensorsFile shard : model.files()) {
          long size = shard.tensors().values().stream().mapToLong(t -> t.byteSize()).sum();
          assertTrue(size <= 64 || shard.names().size() == 1, shard.path() + " has " + size);
        }
        model.checkLength();
        assertThrows(FormatException.class, () -> model.storage("x"));
      }
    }
    writer().writeFolder(folder, Long.MAX_VALUE);
    assertFalse(Files.exists(folder.resolve(SafetensorsFolder.INDEX)));
    try (SafetensorsFolder model = SafetensorsFolder.open(folder)) {
      assertEquals(1, model.files().size());
      assertEquals(specs().keySet(), model.names());
    }
    writer().writeFolder(folder, 64);
    assertFalse(Files.exists(folder.resolve(SafetensorsFolder.SINGLE)));
  }

  @Test
  void aFailedFolderLeavesTheOldModelAndNoLitter() throws IOException {
    writer().writeFolder(folder, 64);
    long before;
    try (var list = Files.list(folder)) {
      before = list.count();
    }
    SafetensorsWriter bad = writer();
    bad.tensor("bad", TensorSpec.of(ScalarType.F32, 2), sink -> sink.write(new byte[1]));
    assertThrows(FormatException.class, () -> bad.writeFolder(folder, 64));
    try (var list = Files.list(folder);
        SafetensorsFolder model = SafetensorsFolder.open(folder)) {
      assertEquals(before, list.count());
      assertEquals(specs().keySet(), model.names());
    }
  }

  @Test
  void useAfterCloseAndDoubleCloseAreTyped() {
    writer().writeFolder(folder, 64);
    SafetensorsFolder model = SafetensorsFolder.open(folder);
    Storage s = model.storage("t.F32");
    assertEquals(60, s.segment().toArray(ValueLayout.JAVA_BYTE).length);
    model.close();
    String m = assertThrows(ScopeClosedException.class, s::segment).getMessage();
    assertTrue(m.contains("[3, 5] F32") && m.contains("model-"), m);
    assertThrows(ScopeClosedException.class, model::close);
    assertThrows(ScopeClosedException.class, () -> model.storage("t.F16"));
    assertThrows(ScopeClosedException.class, model::checkLength);
  }

  @Test
  void whatTheFormatCannotHoldIsRefused() {
    SafetensorsWriter w = new SafetensorsWriter();
    TensorSpec f32 = TensorSpec.of(ScalarType.F32, 1);
    MemorySegment four = MemorySegment.ofArray(new byte[4]);
    w.tensor("a", f32, four);
    assertThrows(FormatException.class, () -> w.tensor("a", f32, four));
    assertThrows(FormatException.class, () -> w.tensor("__metadata__", f32, four));
    assertThrows(
        FormatException.class, () -> w.tensor("b", f32, MemorySegment.ofArray(new byte[5])));
    assertThrows(
        NotSupportedException.class,
        () -> w.tensor("b", TensorSpec.of(BlockType.Q8_0, 32), sink -> {}));
    w.tensor("\ud800", f32, four);
    assertThrows(FormatException.class, () -> w.write(folder.resolve("x")));
  }
}
