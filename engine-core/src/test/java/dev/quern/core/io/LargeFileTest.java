package dev.quern.core.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.core.io.safetensors.SafetensorsFile;
import dev.quern.core.io.safetensors.SafetensorsWriter;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Opening costs a header, whatever the file's size, and leaves nothing behind. */
class LargeFileTest {
  private static final TensorSpec LARGE = TensorSpec.of(ScalarType.F32, 640, 1 << 20);

  @TempDir Path folder;

  /** A file of 2.5 GiB that takes two pages of disk: a header, and 42 as its last element. */
  private Path sparseGguf() throws IOException {
    Path path = folder.resolve("large.gguf");
    byte[] name = "w".getBytes(StandardCharsets.UTF_8);
    ByteBuffer b = ByteBuffer.allocate(96).order(ByteOrder.LITTLE_ENDIAN);
    b.putInt(0x46554747).putInt(3).putLong(1).putLong(0).putLong(name.length).put(name);
    b.putInt(2).putLong(1 << 20).putLong(640).putInt(0).putLong(0);
    return extend(Files.write(path, b.array()), 96);
  }

  private Path sparseSafetensors() throws IOException {
    Path path = folder.resolve("large.safetensors");
    String header =
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[640,1048576],\"data_offsets\":[0,"
            + LARGE.byteSize()
            + "]}}";
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer b = ByteBuffer.allocate(8 + text.length).order(ByteOrder.LITTLE_ENDIAN);
    return extend(Files.write(path, b.putLong(text.length).put(text).array()), b.capacity());
  }

  private static Path extend(Path path, long dataStart) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(dataStart + LARGE.byteSize());
      file.seek(dataStart + LARGE.byteSize() - 4);
      file.writeInt(Integer.reverseBytes(Float.floatToRawIntBits(42f)));
    }
    return path;
  }

  private static TensorFile open(Path path) {
    return path.toString().endsWith(".gguf") ? GgufFile.open(path) : SafetensorsFile.open(path);
  }

  @Test
  void aFileOfTwoAndAHalfGibibytesIsMappedAsItIs() throws IOException {
    for (Path path : List.of(sparseGguf(), sparseSafetensors())) {
      try (TensorFile file = open(path)) {
        assertEquals(LARGE, file.spec("w"));
        MemorySegment w = file.storage("w").segment();
        assertEquals(LARGE.byteSize(), w.byteSize());
        assertEquals(42f, w.get(ValueLayout.JAVA_FLOAT_UNALIGNED, w.byteSize() - 4));
        file.checkLength();
      }
    }
  }

  @Test
  void aFileThatShrinksIsNoticed() throws IOException {
    for (Path path : List.of(sparseGguf(), sparseSafetensors())) {
      try (TensorFile file = open(path)) {
        file.checkLength();
        try (RandomAccessFile cut = new RandomAccessFile(path.toFile(), "rw")) {
          cut.setLength(1 << 20);
        }
        String m = assertThrows(FormatException.class, file::checkLength).getMessage();
        assertTrue(m.contains(path.toString()), m);
      }
      assertThrows(FormatException.class, () -> open(path));
    }
  }

  @Test
  void checkingTheLengthIsNotUpsetByAnInterrupt() throws IOException {
    try (TensorFile file = open(sparseGguf())) {
      Thread.currentThread().interrupt();
      file.checkLength();
      assertTrue(Thread.interrupted());
      file.checkLength();
    }
  }

  @Test
  void aThousandOpensAndClosesLeaveNoMappingAndNoDescriptor() throws IOException {
    Path maps = Path.of("/proc/self/maps");
    Path descriptors = Path.of("/proc/self/fd");
    assumeTrue(
        Files.exists(maps) && Files.exists(descriptors), "skipped: there is no /proc to look at");
    Path gguf = folder.resolve("small.gguf");
    Path safetensors = folder.resolve("small.safetensors");
    TensorSpec spec = TensorSpec.of(ScalarType.F32, 1024);
    MemorySegment bytes = MemorySegment.ofArray(new byte[4096]);
    new GgufWriter().tensor("w", spec, bytes).write(gguf);
    new SafetensorsWriter().tensor("w", spec, bytes).write(safetensors);
    Path damaged = folder.resolve("damaged.gguf");
    Files.write(damaged, Arrays.copyOf(Files.readAllBytes(gguf), 100));
    for (int i = 0; i < 500; i++) {
      for (Path path : List.of(gguf, safetensors)) {
        try (TensorFile file = open(path)) {
          Storage w = file.storage("w");
          assertEquals(0f, w.segment().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0));
        }
      }
      assertThrows(FormatException.class, () -> GgufFile.open(damaged));
    }
    String name = folder.getFileName().toString();
    for (String line : Files.readAllLines(maps)) {
      assertFalse(line.contains(name), line);
    }
    List<Path> links;
    try (var list = Files.list(descriptors)) {
      links = list.toList();
    }
    for (Path link : links) {
      try {
        Path target = Files.readSymbolicLink(link);
        assertFalse(target.toString().contains(name), target.toString());
      } catch (NoSuchFileException e) {
        // The listing's own descriptor, or another thread's, is gone by now.
        continue;
      }
    }
  }
}
