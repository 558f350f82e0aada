package dev.quern.core.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.core.memory.MappedFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
  @TempDir Path folder;

  private long entries() throws IOException {
    try (var list = Files.list(folder)) {
      return list.count();
    }
  }

  @Test
  void writesHeapAndOffHeapPiecesOfAnySize() throws IOException {
    byte[] heap = new byte[9_000_001];
    new Random(1).nextBytes(heap);
    Path file = folder.resolve("f");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment off = arena.allocate(5_000_003);
      MemorySegment.copy(heap, 0, off, ValueLayout.JAVA_BYTE, 0, 5_000_003);
      AtomicFile.write(
          file,
          sink -> {
            sink.write(heap);
            sink.padTo(64);
            assertEquals(9_000_064, sink.position());
            sink.write(off);
            sink.write(new byte[0]);
          });
    }
    byte[] written = Files.readAllBytes(file);
    assertEquals(9_000_064 + 5_000_003, written.length);
    assertEquals(0, written[9_000_063]);
    assertArrayEquals(heap, java.util.Arrays.copyOf(written, heap.length));
    assertEquals(1, entries());
  }

  @Test
  void aFailedWriteLeavesTheOldFileAndNoLitter() throws IOException {
    Path file = Files.writeString(folder.resolve("f"), "old");
    IllegalStateException thrown =
        assertThrows(
            IllegalStateException.class,
            () ->
                AtomicFile.write(
                    file,
                    sink -> {
                      sink.write(new byte[100]);
                      throw new IllegalStateException("the source failed");
                    }));
    assertEquals("the source failed", thrown.getMessage());
    assertEquals("old", Files.readString(file));
    assertEquals(1, entries());
  }

  @Test
  void anInterruptedWriteLeavesTheOldFileAndNoLitter() throws IOException {
    Path file = Files.writeString(folder.resolve("f"), "old");
    Thread.currentThread().interrupt();
    assertThrows(
        UncheckedIOException.class, () -> AtomicFile.write(file, s -> s.write(new byte[10])));
    assertTrue(Thread.interrupted());
    assertEquals("old", Files.readString(file));
    assertEquals(1, entries());
  }

  @Test
  void whoHasTheOldFileMappedKeepsIt() throws IOException {
    Path file = Files.writeString(folder.resolve("f"), "old bytes");
    try (MappedFile old = MappedFile.open(file)) {
      AtomicFile.write(file, sink -> sink.write("new".getBytes()));
      assertEquals('o', old.bytes().get(ValueLayout.JAVA_BYTE, 0));
      old.checkLength();
    }
    assertEquals("new", Files.readString(file));
  }

  @Test
  void permissionsAndLinksAreKept() throws IOException {
    assumeTrue(
        Files.getFileStore(folder).supportsFileAttributeView("posix"),
        "skipped: the file system has no POSIX permissions");
    Path file = Files.writeString(folder.resolve("f"), "old");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("f"));
    AtomicFile.write(link, sink -> sink.write("new".getBytes()));
    assertTrue(Files.isSymbolicLink(link));
    assertEquals("new", Files.readString(file));
    assertEquals("rw-r-----", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
  }

  @Test
  void aFolderOrAMissingFolderIsRefused() throws IOException {
    assertThrows(UncheckedIOException.class, () -> AtomicFile.write(folder, s -> {}));
    Path nowhere = folder.resolve("none").resolve("f");
    assertThrows(UncheckedIOException.class, () -> AtomicFile.write(nowhere, s -> {}));
    assertFalse(Files.exists(nowhere.getParent()));
    assertEquals(0, entries());
  }

  @Test
  void aMissingFolderIsNamed() throws IOException {
    Path absent = folder.resolve("absent");
    UncheckedIOException e =
        assertThrows(
            UncheckedIOException.class, () -> AtomicFile.write(absent.resolve("f"), _ -> {}));
    assertEquals(
        "cannot write " + absent.resolve("f") + ": there is no folder " + absent, e.getMessage());
    Path file = Files.writeString(folder.resolve("file"), "x");
    e =
        assertThrows(
            UncheckedIOException.class, () -> AtomicFile.write(file.resolve("f"), _ -> {}));
    assertEquals(
        "cannot write " + file.resolve("f") + ": " + file + " is not a folder", e.getMessage());
    assertEquals(1, entries());
  }
}
