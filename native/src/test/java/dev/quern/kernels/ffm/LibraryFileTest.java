package dev.quern.kernels.ffm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.spi.Probe;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Unpacking the library, and the refusals of the probe. */
class LibraryFileTest {
  private static final byte[] CONTENTS = "not really a library".getBytes(StandardCharsets.UTF_8);

  @TempDir Path temporary;

  @Test
  void unpacksOnceIntoAPrivateFolder() throws IOException {
    Path folder = temporary.resolve("a/b");
    Path file = LibraryFile.unpack(folder, "libquern.so", CONTENTS);
    assertArrayEquals(CONTENTS, Files.readAllBytes(file));
    assertEquals("libquern-" + LibraryFile.hash(CONTENTS) + ".so", file.getFileName().toString());
    assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(folder)));
    Object before = Files.readAttributes(file, "unix:ino").get("ino");
    assertEquals(file, LibraryFile.unpack(folder, "libquern.so", CONTENTS));
    assertEquals(before, Files.readAttributes(file, "unix:ino").get("ino"));
    try (var files = Files.list(folder)) {
      assertEquals(List.of(file), files.toList(), "temporary files are left");
    }
    assertNotEquals(file, LibraryFile.unpack(folder, "libquern.so", new byte[] {1}));
  }

  @Test
  void replacesWhatIsNotTheLibrary() throws IOException {
    Path folder = temporary.resolve("c");
    Path file = LibraryFile.unpack(folder, "libquern.so", CONTENTS);
    byte[] changed = CONTENTS.clone();
    changed[3] ^= 1;
    Files.write(file, changed);
    LibraryFile.unpack(folder, "libquern.so", CONTENTS);
    assertArrayEquals(CONTENTS, Files.readAllBytes(file));
    Path elsewhere = temporary.resolve("elsewhere");
    Files.write(elsewhere, CONTENTS);
    Files.delete(file);
    Files.createSymbolicLink(file, elsewhere);
    LibraryFile.unpack(folder, "libquern.so", CONTENTS);
    assertFalse(Files.isSymbolicLink(file));
  }

  @Test
  void refusesFoldersThatOthersCanChange() throws IOException {
    Path open = Files.createDirectory(temporary.resolve("open"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxr-x"));
    IOException e =
        assertThrows(IOException.class, () -> LibraryFile.unpack(open, "libquern.so", CONTENTS));
    assertTrue(e.getMessage().contains("open to others"), e.getMessage());
    Path real = Files.createDirectory(temporary.resolve("real"));
    Files.setPosixFilePermissions(real, PosixFilePermissions.fromString("rwx------"));
    Path link = Files.createSymbolicLink(temporary.resolve("link"), real);
    e = assertThrows(IOException.class, () -> LibraryFile.unpack(link, "libquern.so", CONTENTS));
    assertTrue(e.getMessage().contains("link"), e.getMessage());
    Path file = Files.write(temporary.resolve("file"), CONTENTS);
    assertThrows(IOException.class, () -> LibraryFile.unpack(file, "libquern.so", CONTENTS));
  }

  @Test
  void explainsWhatCannotBeOpened() {
    NativeLibrary library =
        NativeLibrary.open(
            new Platform("linux", "x86_64"),
            CONTENTS,
            Tier.AMX,
            List.of(temporary.resolve("x"), temporary.resolve("y")));
    Probe.Refused refused = assertInstanceOf(Probe.Refused.class, library.probe());
    assertTrue(refused.reason().contains(temporary.resolve("x").toString()), refused.reason());
    assertTrue(refused.reason().contains(temporary.resolve("y").toString()), refused.reason());
    assertTrue(refused.remedy().contains("-Dquern.native.dir="), refused.remedy());
  }

  @Test
  void namesPlatformsAndTiers() {
    assertEquals("lib/linux-x86_64/libquern.so", Platform.of("Linux", "amd64").resource());
    assertEquals("lib/macos-aarch64/libquern.dylib", Platform.of("Mac OS X", "aarch64").resource());
    assertEquals("lib/windows-x86_64/quern.dll", Platform.of("Windows 11", "amd64").resource());
    assertEquals(Tier.AVX2, Tier.named(" AVX2 "));
    assertEquals(2, Tier.of(15, Tier.AVX2).size());
  }

  @Test
  void tierIsCappedByProperty() {
    Harness.tiers();
    String before = System.getProperty(Tier.PROPERTY);
    try {
      System.setProperty(Tier.PROPERTY, "baseline");
      Probe.Usable capped = assertInstanceOf(Probe.Usable.class, NativeLibrary.load().probe());
      assertTrue(capped.detail().startsWith("baseline (capped"), capped.detail());
      System.setProperty(Tier.PROPERTY, "sse9");
      Probe.Refused refused = assertInstanceOf(Probe.Refused.class, NativeLibrary.load().probe());
      assertTrue(refused.remedy().contains("avx512"), refused.remedy());
    } finally {
      if (before == null) {
        System.clearProperty(Tier.PROPERTY);
      } else {
        System.setProperty(Tier.PROPERTY, before);
      }
    }
  }
}
