package dev.quern.core.io.npy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NpzWriterTest {
  private static final int LARGE = 700_001; // more than one piece

  @TempDir private Path folder;

  private static NpzWriter writer() {
    float[] large = new float[LARGE];
    for (int i = 0; i < LARGE; i++) {
      large[i] = i;
    }
    return new NpzWriter()
        .array(
            "weights/grün",
            TensorSpec.of(ScalarType.F32, 2, 3),
            MemorySegment.ofArray(new float[] {0, 1, 2, 3, 4, 5}))
        .array("steps", TensorSpec.of(ScalarType.I64, 2), MemorySegment.ofArray(new long[] {-1, 7}))
        .array("none", TensorSpec.of(ScalarType.F64, 0, 4), MemorySegment.ofArray(new byte[0]))
        .array(
            "scalar",
            new TensorSpec(ScalarType.I32, Shape.SCALAR),
            MemorySegment.ofArray(new int[] {9}))
        .array("large", TensorSpec.of(ScalarType.F32, LARGE), MemorySegment.ofArray(large));
  }

  @Test
  void whatIsWrittenIsRead() {
    Path path = folder.resolve("a.npz");
    writer().write(path);
    try (NpzFile npz = NpzFile.open(path)) {
      assertEquals(
          List.of("weights/grün", "steps", "none", "scalar", "large"), List.copyOf(npz.names()));
      assertArrayEquals(new float[] {0, 1, 2, 3, 4, 5}, npz.read("weights/grün").floats());
      assertEquals(Shape.of(2, 3), npz.read("weights/grün").shape());
      assertArrayEquals(new long[] {-1, 7}, npz.read("steps").longs());
      assertEquals(Shape.of(0, 4), npz.read("none").shape());
      assertEquals(Shape.SCALAR, npz.read("scalar").shape());
      float[] large = npz.read("large").floats();
      assertEquals(LARGE - 1, large[LARGE - 1]);
    }
  }

  @Test
  void membersAreStoredAsNumPyStoresThem() throws Exception {
    Path path = folder.resolve("a.npz");
    writer().write(path);
    try (ZipFile zip = new ZipFile(path.toFile())) {
      for (ZipEntry entry : java.util.Collections.list(zip.entries())) {
        assertEquals(ZipEntry.STORED, entry.getMethod(), entry.getName());
        assertTrue(entry.getName().endsWith(".npy"), entry.getName());
        assertEquals(1980, entry.getTimeLocal().getYear());
      }
      Path single = folder.resolve("steps.npy");
      NpyFile.write(
          single, TensorSpec.of(ScalarType.I64, 2), MemorySegment.ofArray(new long[] {-1, 7}));
      try (var in = zip.getInputStream(zip.getEntry("steps.npy"))) {
        assertArrayEquals(Files.readAllBytes(single), in.readAllBytes());
      }
    }
    Path again = folder.resolve("b.npz");
    writer().write(again);
    assertEquals(-1, Files.mismatch(path, again), "the same arrays give the same bytes");
  }

  @Test
  void memoryOffTheHeapAndAnEmptyArchive() {
    Path path = folder.resolve("a.npz");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_INT, 5, 6);
      new NpzWriter().array("x", TensorSpec.of(ScalarType.I32, 2), bytes).write(path);
    }
    try (NpzFile npz = NpzFile.open(path)) {
      assertArrayEquals(new long[] {5, 6}, npz.read("x").longs());
    }
    new NpzWriter().write(path);
    try (NpzFile npz = NpzFile.open(path)) {
      assertEquals(0, npz.names().size());
    }
  }

  @Test
  void whatCannotBeWrittenIsRefused() {
    NpzWriter w = writer();
    TensorSpec two = TensorSpec.of(ScalarType.F32, 2);
    MemorySegment bytes = MemorySegment.ofArray(new float[2]);
    assertThrows(FormatException.class, () -> w.array("steps", two, bytes));
    assertThrows(FormatException.class, () -> w.array("", two, bytes));
    assertThrows(FormatException.class, () -> w.array("a\0b", two, bytes));
    assertThrows(
        FormatException.class, () -> w.array("a", TensorSpec.of(ScalarType.F32, 3), bytes));
    assertThrows(
        NotSupportedException.class, () -> w.array("a", TensorSpec.of(ScalarType.BF16, 4), bytes));
  }
}
