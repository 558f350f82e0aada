package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.Golden;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The models that come with Quern: found, unpacked once, opened. */
class DefaultModelsTest {
  private static final String ENTRY = "dev/quern/transformer/models/tiny.gguf";

  @TempDir private Path folder;

  /** A model as a resource in a jar. */
  private URL inJar(Path model) throws Exception {
    Path jar = folder.resolve("models-" + System.nanoTime() + ".jar");
    try (OutputStream out = Files.newOutputStream(jar);
        JarOutputStream zip = new JarOutputStream(out)) {
      zip.putNextEntry(new JarEntry(ENTRY));
      Files.copy(model, zip);
      zip.closeEntry();
    }
    return URI.create("jar:" + jar.toUri() + "!/" + ENTRY).toURL();
  }

  @Test
  void aModelInAJarIsUnpackedOnce() throws Exception {
    Path model = Golden.of("llama/llama-Q8_0.gguf");
    Path cache = folder.resolve("cache/quern");
    URL resource = inJar(model);
    Path file = DefaultModels.file(resource, "tiny.gguf", List.of(cache));
    assertEquals(-1, Files.mismatch(model, file));
    assertTrue(file.getFileName().toString().matches("tiny-[0-9a-f]{9,}\\.gguf"), file.toString());
    assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(cache)));
    Object before = Files.getAttribute(file, "unix:ino");
    assertEquals(file, DefaultModels.file(resource, "tiny.gguf", List.of(cache)));
    assertEquals(before, Files.getAttribute(file, "unix:ino"));
    byte[] damaged = Files.readAllBytes(file);
    damaged[damaged.length / 2] ^= 1;
    Files.write(file, damaged);
    assertEquals(file, DefaultModels.file(resource, "tiny.gguf", List.of(cache)));
    assertEquals(-1, Files.mismatch(model, file));
    URL other = inJar(Golden.of("llama/llama-Q4_K.gguf"));
    assertFalse(file.equals(DefaultModels.file(other, "tiny.gguf", List.of(cache))));
    try (Model open = Models.open(file)) {
      assertEquals(Task.TEXT_GENERATION, open.card().task());
    }
  }

  @Test
  void severalMayStartAtOnce() throws Exception {
    URL resource = inJar(Golden.of("llama/llama-Q8_0.gguf"));
    Path cache = folder.resolve("cache");
    try (var pool = Executors.newFixedThreadPool(8)) {
      List<Future<Path>> all = new ArrayList<>();
      for (int i = 0; i < 32; i++) {
        all.add(pool.submit(() -> DefaultModels.file(resource, "tiny.gguf", List.of(cache))));
      }
      for (Future<Path> one : all) {
        assertEquals(-1, Files.mismatch(Golden.of("llama/llama-Q8_0.gguf"), one.get()));
      }
    }
    try (var files = Files.list(cache)) {
      assertEquals(1, files.count(), "temporary files are left");
    }
  }

  @Test
  void theNextFolderIsTakenIfOneIsNotSafe() throws Exception {
    URL resource = inJar(Golden.of("llama/llama-Q8_0.gguf"));
    Path open = Files.createDirectory(folder.resolve("open"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path safe = folder.resolve("safe");
    assertTrue(DefaultModels.file(resource, "tiny.gguf", List.of(open, safe)).startsWith(safe));
    var e =
        assertThrows(
            UncheckedIOException.class,
            () -> DefaultModels.file(resource, "tiny.gguf", List.of(open)));
    assertTrue(e.getMessage().contains("chmod 700"), e.getMessage());
    assertTrue(e.getMessage().contains("-Dquern.cache.dir=FOLDER"), e.getMessage());
  }

  @Test
  void aModelThatIsAFileIsTakenAsItIs() throws Exception {
    Path model = Golden.of("llama/llama-Q8_0.gguf");
    assertEquals(model, DefaultModels.file(model.toUri().toURL(), "tiny.gguf", List.of()));
  }

  @Test
  void eachTaskHasItsModel() {
    for (Task task : Set.of(Task.TEXT_GENERATION, Task.TEXT_CLASSIFICATION)) {
      try (Model model = Models.openDefault(task)) {
        assertEquals(task, model.card().task());
        assertFalse(model.card().name().isBlank());
      }
    }
    var e = assertThrows(NotSupportedException.class, () -> Models.openDefault(Task.MASK_FILLING));
    assertTrue(e.getMessage().contains("mask-filling"), e.getMessage());
  }
}
