package dev.quern.core.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFolderTest {
  private static final String HEX = "0123456789abcdef";

  @TempDir private Path folder;

  private List<String> names(Path of) throws IOException {
    try (Stream<Path> files = Files.walk(of)) {
      return files
          .filter(p -> !p.equals(of))
          .map(p -> of.relativize(p).toString())
          .sorted()
          .toList();
    }
  }

  @Test
  void replacesAllThatWasThere() throws IOException {
    Path target = folder.resolve("model");
    AtomicFolder.write(
        target,
        f -> {
          Files.writeString(f.resolve("a"), "1");
          Files.writeString(Files.createDirectory(f.resolve("inner")).resolve("b"), "2");
        });
    assertEquals(List.of("model", "model/a", "model/inner", "model/inner/b"), names(folder));
    AtomicFolder.write(target, f -> Files.writeString(f.resolve("c"), "3"));
    assertEquals(List.of("model", "model/c"), names(folder));
  }

  @Test
  void aFailedWriteChangesNothing() throws IOException {
    Path target = folder.resolve("model");
    AtomicFolder.write(target, f -> Files.writeString(f.resolve("a"), "1"));
    UncheckedIOException e =
        assertThrows(
            UncheckedIOException.class,
            () ->
                AtomicFolder.write(
                    target,
                    f -> {
                      Files.writeString(f.resolve("b"), "2");
                      throw new IOException("the disk is full");
                    }));
    assertTrue(e.getMessage().endsWith("model: the disk is full"), e.getMessage());
    assertThrows(
        IllegalStateException.class,
        () ->
            AtomicFolder.write(
                target,
                f -> {
                  throw new IllegalStateException();
                }));
    assertEquals(List.of("model", "model/a"), names(folder));
    assertThrows(
        UncheckedIOException.class, () -> AtomicFolder.write(folder.resolve("no/model"), f -> {}));
  }

  @Test
  void recoversWhatAKillLeft() throws IOException {
    for (String left :
        List.of(
            ".a." + HEX + ".tmp", // never came to its name
            ".a." + HEX + ".old", // the new one never came
            ".b." + HEX + ".old", // the new one is there
            ".other." + HEX + ".tmp",
            ".git",
            "b")) {
      Files.writeString(Files.createDirectory(folder.resolve(left)).resolve("in"), left);
    }
    AtomicFolder.recover(folder, List.of("a", "b")::contains);
    String other = ".other." + HEX + ".tmp";
    assertEquals(
        List.of(".git", ".git/in", other, other + "/in", "a", "a/in", "b", "b/in"), names(folder));
    assertEquals(".a." + HEX + ".old", Files.readString(folder.resolve("a/in")));
    assertEquals("b", Files.readString(folder.resolve("b/in")));
  }

  @Test
  void linksAreNotFollowed() throws IOException {
    Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
    Files.writeString(elsewhere.resolve("kept"), "");
    Path target = Files.createDirectory(folder.resolve("model"));
    Files.createSymbolicLink(target.resolve("link"), elsewhere);
    AtomicFolder.delete(target);
    AtomicFolder.delete(target); // which is not there any more
    Files.createSymbolicLink(target, elsewhere);
    AtomicFolder.write(target, f -> Files.writeString(f.resolve("a"), "1"));
    assertEquals(List.of("elsewhere", "elsewhere/kept", "model", "model/a"), names(folder));
  }
}
