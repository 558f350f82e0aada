package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AvailableMemoryTest {
  private static final long GIB = 1L << 30;

  @TempDir Path folder;

  private AvailableMemory of(String lines, long total, long free) throws IOException {
    Path file = Files.writeString(folder.resolve("meminfo"), lines);
    return new AvailableMemory(file, () -> total, () -> free);
  }

  @Test
  void filePagesOfTheMachineAreAvailable() throws IOException {
    String lines = "MemTotal:       8388608 kB\nMemFree:  1 kB\nMemAvailable:    6291456 kB\n";
    assertEquals(6 * GIB, of(lines, 8 * GIB, 1024).available());
  }

  @Test
  void containersGiveWhatIsFreeInThem() throws IOException {
    String lines = "MemTotal:       8388608 kB\nMemAvailable:    6291456 kB\n";
    assertEquals(GIB, of(lines, 2 * GIB, GIB).available());
    assertEquals(2 * GIB, of(lines, 2 * GIB, GIB).total());
  }

  @Test
  void withoutFilesOnlyWhatIsFree() throws IOException {
    assertEquals(GIB, of("", 8 * GIB, GIB).available());
    assertEquals(GIB, of("MemTotal: much kB\nMemAvailable: 1 kB\n", 8 * GIB, GIB).available());
    var none = new AvailableMemory(folder.resolve("absent"), () -> 8 * GIB, () -> GIB);
    assertEquals(GIB, none.available());
  }

  @Test
  void thisMachineHasSome() {
    AvailableMemory here = AvailableMemory.here();
    assertTrue(here.available() > 0);
    assertTrue(here.available() <= here.total());
  }
}
