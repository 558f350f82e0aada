package dev.quern.core.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.FormatException;
import dev.quern.core.type.ScopeClosedException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which parts of a file a mover is given. */
class MoveTest {
  private static final long BYTES = (150L << 20) + 12345;

  private @TempDir Path folder;

  /** A file without contents: it takes no room on disk. */
  private Path file() throws IOException {
    Path path = folder.resolve("sparse");
    try (RandomAccessFile f = new RandomAccessFile(path.toFile(), "rw")) {
      f.setLength(BYTES);
    }
    return path;
  }

  @Test
  void allBytesOnceInPartsThatEndWithLargePages() throws IOException {
    try (MappedFile file = MappedFile.open(file())) {
      List<MemorySegment> parts = new ArrayList<>();
      assertEquals(BYTES, file.moveTo(parts::add));
      long next = file.bytes().address();
      for (MemorySegment part : parts) {
        assertEquals(next, part.address());
        next += part.byteSize();
        long left = file.bytes().address() + BYTES - next;
        assertEquals(0, left == 0 ? 0 : next % (8 << 20));
      }
      assertEquals(BYTES, next - file.bytes().address());
    }
  }

  @Test
  void hugeFilesHaveNoMorePartsThanAProcessMayHaveMappings() {
    assertEquals(8L << 20, MappedFile.partBytes(0));
    assertEquals(8L << 20, MappedFile.partBytes(64L << 30));
    for (long size : new long[] {(64L << 30) + 1, 500L << 30, 3L << 40, (3L << 40) + 12345}) {
      long part = MappedFile.partBytes(size);
      assertEquals(0, part % (8L << 20));
      assertTrue(size / part <= 8192, size + " bytes in parts of " + part);
    }
  }

  @Test
  void endsWhereTheSystemWillNotGoOn() throws IOException {
    try (MappedFile file = MappedFile.open(file())) {
      assertEquals(0, file.moveTo(_ -> false));
    }
  }

  @Test
  void aFileThatIsClosedMeanwhileIsUnmappedWhenThePartIsDone() throws IOException {
    MappedFile file = MappedFile.open(file());
    List<Byte> read = new ArrayList<>();
    ScopeClosedException e =
        assertThrows(
            ScopeClosedException.class,
            () ->
                file.moveTo(
                    part -> {
                      file.close();
                      read.add(part.get(ValueLayout.JAVA_BYTE, 0));
                      return true;
                    }));
    assertEquals(List.of((byte) 0), read, e.getMessage());
  }

  @Test
  void aFileThatWasCutIsNotRead() throws IOException {
    Path path = file();
    try (MappedFile file = MappedFile.open(path)) {
      try (RandomAccessFile f = new RandomAccessFile(path.toFile(), "rw")) {
        f.setLength(4096);
      }
      assertThrows(FormatException.class, () -> file.moveTo(_ -> true));
    }
  }
}
